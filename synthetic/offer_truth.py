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
from synthetic.book.acceptance import accept_probability, acceptance_luck, accepts
from synthetic.book.amortisation import amortisation
from synthetic.book.line_draws import line_draws
from synthetic.book.recovery import Security, security
from synthetic.book.value import (
    Value,
    expected_money,
    month_law,
    realised_money,
    recoveries_of,
    value_by_month,
)
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State
from synthetic.firm.fraud import BadActors
from synthetic.firm.horizon import LABEL_MONTHS, LONGEST_TERM, MONTH_ENDS, SHORT_IN_A_ROW
from synthetic.firm.population import Population
from synthetic.firm.select import select
from synthetic.loan.cash_law import CashLaw, cash_law
from synthetic.loan.lending import applications, requested_offers
from synthetic.loan.offer import Offers, with_amount
from synthetic.loan.offer_cash import OfferCash, offer_cash
from synthetic.loan.outcome import first_missed, month_of_default, within_the_label
from synthetic.loan.repayment import LINE, TAKINGS
from synthetic.loan.true_pd import default_by_month, default_probability, with_certain_default
from synthetic.streams import Bucket, Rng
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

FLAGS = ("accepted", "defaulted")
PROBABILITIES = ("accept_probability", "pd_12m", "pd_12m_world", "pd_life")
MONEY = (
    "expected_loss_cny",
    "expected_loss_world_cny",
    "expected_income_cny",
    "expected_income_world_cny",
    "borrower_gain_cny",
    "realised_loss_cny",
    "realised_income_cny",
    "realised_gain_cny",
)
ANSWERS: Mapping[str, type[pl.DataType]] = dict.fromkeys((*PROBABILITIES, *MONEY), pl.Float64) | (
    dict.fromkeys(FLAGS, pl.Boolean)
)
"""Columns of an answer besides `application_id`."""

SHORT_TERM = 12
"""Months of a term up to which the shorter horizon will do."""

SHORT_HORIZON = SHORT_TERM + SHORT_IN_A_ROW - 1
"""Month-ends that decide a loan of that term."""

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
    asked = numbered(asked).sort("bucket", "firm", "position")
    units = asked.partition_by("bucket", maintain_order=True)
    run = partial(_on_one_thread, backdrop(world.seed, world.config), world.firms)
    answers = [answer for _, answer in each(run, units, workers=workers)]
    if not answers:
        empty = {name: pl.Series([], dtype=kind) for name, kind in ANSWERS.items()}
        return asked.select("application_id").with_columns(**empty)
    return pl.concat(answers).sort("position").drop("position")


def numbered(offers: pl.DataFrame) -> pl.DataFrame:
    """Offers with their `position`, and with `bucket` and `firm` of their application."""
    number = pl.col("application_id").str.slice(1).cast(pl.Int64)
    return offers.with_columns(
        position=pl.int_range(pl.len()),
        bucket=number // BUCKET_FIRMS,
        firm=number % BUCKET_FIRMS,
    )


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
        return bucket_truth(world, firms, asked)


def bucket_truth(world: Backdrop, n: int, asked: pl.DataFrame) -> pl.DataFrame:
    """Truth of the offers to the firms of one bucket of a world of `n` firms."""
    number = int(asked["bucket"][0])
    size = min(BUCKET_FIRMS, n - number * BUCKET_FIRMS)
    bucket = Bucket(world.seed, number, world.config)
    history = simulate_applicants(size, world, bucket)
    firms, bad, state, closed = history.firms, history.bad, history.state, history.closure.closed
    request = applications(firms, state, bad, closed, bucket)
    own = requested_offers(firms, request, bucket)
    firm = asked["firm"].to_numpy()
    own = select(own, firm)
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
    behind, luck = security(firms, request, bucket), acceptance_luck(len(firms), bucket)
    drawn = line_draws(len(firms), bucket).drawn_share
    columns = {name: np.zeros(len(firm)) for name in (*PROBABILITIES, *MONEY)}
    columns |= {name: np.zeros(len(firm), np.bool_) for name in FLAGS}
    takings, long = offers.plan == TAKINGS, offers.term > SHORT_TERM
    for kind in (takings, ~takings & long, ~takings & ~long):
        rows = np.flatnonzero(kind)
        if len(rows):
            people = _People(
                firms=select(firms, firm[rows]),
                bad=select(bad, firm[rows]),
                state=select(state, firm[rows]),
                closed=closed[firm[rows]],
                behind=select(behind, firm[rows]),
                acceptance_luck=luck[firm[rows]],
                drawn_share=drawn[firm[rows]],
            )
            amount = asked["amount_cny"].to_numpy()[rows]
            for name, values in _truth(people, select(offers, rows), amount, bucket).items():
                columns[name][rows] = values
    digits = dict.fromkeys(PROBABILITIES, DECIMALS) | dict.fromkeys(MONEY, 2)
    rounded = {name: np.round(columns[name], places) for name, places in digits.items()}
    return pl.DataFrame(
        {"position": asked["position"], "application_id": asked["application_id"]}
        | {name: rounded.get(name, columns[name]) for name in ANSWERS}
    )


@dataclass(frozen=True)
class _People:
    """Firms to which offers are made, one row an offer."""

    firms: Population
    bad: BadActors
    state: State
    closed: Array
    behind: Security
    acceptance_luck: FloatArray
    drawn_share: FloatArray


def _truth(
    people: _People, offers: Offers, amount_cny: FloatArray, bucket: Bucket
) -> dict[str, FloatArray | Array]:
    """Every answer but the id; the offers share one horizon, and repay all by takings or none."""
    config, bad, closed, state = bucket.config, people.bad, people.closed, people.state
    effect = offer_cash(offers, config)
    nothing = with_amount(offers, np.zeros(len(offers)))
    without = offer_cash(nothing, config)
    turnover = people.firms.sales_cny / 12
    value, own = (
        value_by_month(
            amortisation(offers, amount_cny, config, drawn=drawn), effect, without, turnover
        )
        for drawn in (None, np.where((offers.plan == LINE)[:, None], people.drawn_share, 1.0))
    )
    chance = np.where(offers.months > 0, accept_probability(100 * offers.rate, state, config), 0.0)
    recovered = recoveries_of(people.behind, bad, closed, config)
    month = first_missed(month_of_default(state, offers, effect, config), offers, bad, closed)
    idle = first_missed(month_of_default(state, nothing, without, config), offers, bad, closed)
    lucky = effect.uncertain.sum(axis=1) * offers.return_luck
    realised = realised_money(own, month, recovered, lucky * turnover)
    ruin = config.book.closure_cost_months * turnover
    expected, world = (
        _expected(people, offers, (effect, without), value, bucket, world=given)
        for given in (False, True)
    )
    return {
        "accept_probability": chance,
        "pd_12m": expected["pd_12m"],
        "pd_12m_world": world["pd_12m"],
        "pd_life": expected["pd_life"],
        "expected_loss_cny": expected["loss"],
        "expected_loss_world_cny": world["loss"],
        "expected_income_cny": expected["income"],
        "expected_income_world_cny": world["income"],
        "borrower_gain_cny": expected["cash"] - ruin * expected["ruined"],
        "realised_loss_cny": realised["loss"],
        "realised_income_cny": realised["income"],
        "realised_gain_cny": realised["cash"] - ruin * ((month > 0) * 1.0 - (idle > 0)),
        "accepted": accepts(chance, people.acceptance_luck),
        "defaulted": within_the_label(month),
    }


def _expected(
    people: _People,
    offers: Offers,
    effects: tuple[OfferCash, OfferCash],
    value: Value,
    bucket: Bucket,
    *,
    world: bool,
) -> dict[str, FloatArray]:
    """PDs and expected money over all futures, or over those of this world's common path."""
    config, bad, closed = bucket.config, people.bad, people.closed
    effect, without = effects
    by_takings = bool((offers.plan == TAKINGS).any())
    months = len(MONTH_ENDS) if offers.term.max() > SHORT_TERM else SHORT_HORIZON

    def law(takings: OfferCash | None) -> CashLaw:
        return cash_law(
            people.firms, people.state, config, world=world, months=months, effect=takings
        )

    def rng() -> Rng:
        return bucket.stream("offer_truth")

    if world:
        by_month, idle = default_by_month(
            law(effect if by_takings else None), effect, None, config, rng()
        )
    elif by_takings:
        by_month, _ = default_by_month(law(effect), effect, None, config, rng())
        idle = default_probability(law(None), [without], config, rng())[:, 0]
    else:
        by_month, idle = default_by_month(law(None), effect, without, config, rng())
    of_month = month_law(by_month, offers, bad, closed, config)
    money = expected_money(value, of_month, people.behind, closed, config)
    honest = np.where(closed, 0.0, 1 - bad.intent)
    certain = with_certain_default(by_month, bad, closed)
    return money | {
        "pd_12m": certain[:, LABEL_MONTHS - SHORT_IN_A_ROW],
        "pd_life": certain[:, -1],
        "ruined": honest * (by_month[:, -1] - idle),
    }
