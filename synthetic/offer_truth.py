"""Truth by offer: what would become of any loan offered to the applicants of a simulated world.

The latent state of each applicant is replayed from the world's seed and settings; no signals are
drawn and nothing is read but the manifest.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from features.arrays import Array, FloatArray
from features.contract.errors import ContractError
from features.contract.tables import BUCKET_FIRMS, PLANS, PURPOSES
from features.contract.validation import bad_rows_error
from features.io.data_folder import KIND, MANIFEST
from features.parallel.executor import each
from features.settings import checked
from synthetic.backdrop import Backdrop, backdrop, one_thread
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State
from synthetic.firm.fraud import BadActors
from synthetic.firm.horizon import LABEL_MONTHS, LONGEST_TERM, MONTH_ENDS
from synthetic.firm.population import Population
from synthetic.firm.select import select
from synthetic.loan.cash_law import cash_law
from synthetic.loan.lending import applications, requested_offers
from synthetic.loan.offer import Offers
from synthetic.loan.offer_cash import offer_cash
from synthetic.loan.outcome import month_of_default
from synthetic.loan.repayment import TAKINGS
from synthetic.loan.true_pd import default_probability, with_certain_default
from synthetic.streams import Bucket
from synthetic.world import simulate_applicants

COLUMNS: Mapping[str, type[pl.DataType]] = {
    "application_id": pl.String,
    "amount_cny": pl.Float64,
    "rate_pct": pl.Float64,
    "term_months": pl.Float64,
    "plan": pl.String,
    "purpose": pl.String,
}
"""Columns of an offer."""

DECIMALS = 12
"""Decimals of a probability, so that it does not depend on the other offers in the call."""


@dataclass(frozen=True)
class World:
    """What a data folder was simulated from."""

    seed: int
    firms: int
    config: WorldConfig


def read_world(data: Path) -> World:
    """Read the seed and settings of a simulated data folder.

    Raises
    ------
    ContractError
        If `data` is no such folder.
    """
    try:
        manifest = json.loads((data / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = {}
    if manifest.get("kind") != KIND or manifest.get("made_by") != "simulate":
        raise ContractError(
            f"{data}: expected a simulated data folder, found no manifest of one. Make one by "
            "`firstloan simulate --out DIR`."
        )
    config = checked(
        WorldConfig,
        manifest["config"],
        where=str(data / MANIFEST),
        remedy="Simulate the world again with this version.",
    )
    return World(manifest["seed"], manifest["firms"], config)


def offer_truth(data: Path, offers: pl.DataFrame, *, workers: int = 1) -> pl.DataFrame:
    """Answer what would become of each offer; see `synthetic.truth_of`."""
    world = read_world(data)
    asked = _checked(offers, world)
    number = asked["application_id"].str.slice(1).cast(pl.Int64)
    asked = asked.with_columns(
        position=pl.int_range(pl.len()),
        bucket=number // BUCKET_FIRMS,
        firm=number % BUCKET_FIRMS,
    ).sort("bucket", "firm", "position")
    units = asked.partition_by("bucket", maintain_order=True)
    run = partial(_on_one_thread, backdrop(world.seed, world.config), world.firms)
    answers = [answer for _, answer in each(run, units, workers=workers)]
    if not answers:
        return asked.select("application_id").with_columns(
            pd_12m=0.0, pd_12m_world=0.0, pd_life=0.0, defaulted=False
        )
    return pl.concat(answers).sort("position").drop("position")


def _checked(offers: pl.DataFrame, world: World) -> pl.DataFrame:
    """Offers as typed columns; every row must be one that the world can answer."""
    missing = [name for name in COLUMNS if name not in offers.columns]
    if missing:
        raise ContractError(
            f"offers: expected the columns {', '.join(COLUMNS)}, {', '.join(missing)} missing. "
            "Add them; nothing was computed."
        )
    typed = offers.select(
        pl.col(name).cast(kind, strict=False).alias(name) for name, kind in COLUMNS.items()
    )
    number = pl.col("application_id").str.extract(r"^A(\d{7}|[1-9]\d{7,11})$").cast(pl.Int64)
    term = pl.col("term_months")
    tests = {
        "application_id": (number < world.firms, "expected an application of this world"),
        "amount_cny": (pl.col("amount_cny").is_between(0, 1e12), "expected CNY, 0 or more"),
        "rate_pct": (pl.col("rate_pct").is_between(0, 100), "expected % a year, 0 to 100"),
        "term_months": (
            term.is_between(1, LONGEST_TERM) & (term == term.round()),
            f"expected whole months, 1 to {LONGEST_TERM}",
        ),
        "plan": (pl.col("plan").is_in(PLANS), f"expected one of {', '.join(PLANS)}"),
        "purpose": (pl.col("purpose").is_in(PURPOSES), f"expected one of {', '.join(PURPOSES)}"),
    }
    fine = typed.select(
        test.fill_null(value=False).alias(name) for name, (test, _) in tests.items()
    )
    bad = ~fine.select(pl.all_horizontal(pl.all())).to_series()
    if bad.any():
        row = int(bad.arg_max() or 0)
        column = next(name for name in tests if not fine[name][row])
        first = {
            "line": row + 1,
            "column": column,
            "value": str(offers[column][row]),
            "problem": tests[column][1],
        }
        raise bad_rows_error(
            "offers",
            first,
            bad=int(bad.sum()),
            rows=offers.height,
            remedy="Mend the rows; nothing was computed.",
            unit="row",
        )
    return typed


def _on_one_thread(world: Backdrop, firms: int, asked: pl.DataFrame) -> pl.DataFrame:
    with one_thread():
        return _bucket(world, firms, asked)


def _bucket(world: Backdrop, n: int, asked: pl.DataFrame) -> pl.DataFrame:
    """Truth of the offers to the firms of one bucket of a world of `n` firms."""
    number = int(asked["bucket"][0])
    size = min(BUCKET_FIRMS, n - number * BUCKET_FIRMS)
    bucket = Bucket(world.seed, number, world.config)
    history = simulate_applicants(size, world, bucket)
    firms, bad, state, closed = history.firms, history.bad, history.state, history.closure.closed
    request = requested_offers(firms, applications(firms, state, bad, closed, bucket), bucket)
    firm = asked["firm"].to_numpy()
    own = select(request, firm)
    offers = Offers(
        months=asked["amount_cny"].to_numpy() / (firms.sales_cny[firm] / 12),
        rate=asked["rate_pct"].to_numpy() / 100,
        term=asked["term_months"].to_numpy().astype(np.int64),
        plan=np.array([PLANS.index(plan) for plan in asked["plan"]]),
        purpose=np.array([PURPOSES.index(purpose) for purpose in asked["purpose"]]),
        need_months=own.need_months,
        need_purpose=own.need_purpose,
        return_luck=own.return_luck,
        trade=own.trade,
        first_week=own.first_week,
    )
    columns = {name: np.zeros(len(firm)) for name in ("pd_12m", "pd_12m_world", "pd_life")}
    defaulted = np.zeros(len(firm), np.bool_)
    for rows in (np.flatnonzero(offers.plan == TAKINGS), np.flatnonzero(offers.plan != TAKINGS)):
        if len(rows):
            people = _People(
                firms=select(firms, firm[rows]),
                bad=select(bad, firm[rows]),
                state=select(state, firm[rows]),
                closed=closed[firm[rows]],
            )
            part, late = _truth(people, select(offers, rows), bucket)
            defaulted[rows] = late
            for name, values in part.items():
                columns[name][rows] = values
    return pl.DataFrame(
        {"position": asked["position"], "application_id": asked["application_id"]}
        | {name: np.round(values, DECIMALS) for name, values in columns.items()}
        | {"defaulted": defaulted}
    )


@dataclass(frozen=True)
class _People:
    """Firms to which offers are made, one row an offer."""

    firms: Population
    bad: BadActors
    state: State
    closed: Array


def _truth(people: _People, offers: Offers, bucket: Bucket) -> tuple[dict[str, FloatArray], Array]:
    """PD by horizon, and whether the offer defaults within 12 months in this world."""
    config, bad, closed = bucket.config, people.bad, people.closed
    effect = offer_cash(offers, config)
    takings = effect if (offers.plan == TAKINGS).any() else None
    columns = {}
    for name, world, months in (
        ("pd_12m", False, LABEL_MONTHS),
        ("pd_12m_world", True, LABEL_MONTHS),
        ("pd_life", False, len(MONTH_ENDS)),
    ):
        law = cash_law(
            people.firms, people.state, config, world=world, months=months, effect=takings
        )
        pd = default_probability(law, [effect], config, bucket.stream("offer_truth"))
        columns[name] = with_certain_default(pd, bad, closed)[:, 0]
    month = month_of_default(people.state, offers, effect, config, months=LABEL_MONTHS)
    return columns, (month > 0) | bad.absconds | closed
