"""Offers that are asked about: checked, typed, and placed in the world they are made in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.contract.cells import local_day, typed
from features.contract.errors import ContractError
from features.contract.tables import BUCKET_FIRMS, PLANS, PURPOSES
from features.contract.validation import bad_rows_error
from features.io.data_folder import KIND, MANIFEST
from features.settings import checked
from synthetic.book.action import ACTIONS
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import LONGEST_TERM

COLUMNS: Mapping[str, type[pl.DataType]] = {
    "application_id": pl.String,
    "amount_cny": pl.Float64,
    "rate_pct": pl.Float64,
    "term_months": pl.Float64,
    "plan": pl.String,
    "purpose": pl.String,
}
"""Columns of an offer."""

DAY: Mapping[str, type[pl.DataType]] = {"as_of": pl.Date, "action": pl.String}
"""Further columns where a loan is asked about on a day of its life; `action` is optional."""


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


def numbered(offers: pl.DataFrame) -> pl.DataFrame:
    """Offers with their `position`, and with `bucket` and `firm` of their application."""
    number = pl.col("application_id").str.slice(1).cast(pl.Int64)
    return offers.with_columns(
        position=pl.int_range(pl.len()),
        bucket=number // BUCKET_FIRMS,
        firm=number % BUCKET_FIRMS,
    )


def checked_offers(offers: pl.DataFrame, world: World) -> pl.DataFrame:
    """Offers as typed columns; every row must be one that the world can answer."""
    missing = [name for name in COLUMNS if name not in offers.columns]
    if missing:
        raise ContractError(
            f"offers: expected the columns {', '.join(COLUMNS)}, {', '.join(missing)} missing. "
            "Add them; nothing was computed."
        )
    kinds, given = dict(COLUMNS), offers
    if set(DAY) & set(offers.columns):
        if "as_of" not in offers.columns:
            raise ContractError(
                "offers: expected the day of each action, as_of missing. Add it; nothing was "
                "computed."
            )
        offers = (
            offers if "action" in offers.columns else offers.with_columns(action=pl.lit("none"))
        )
        kinds |= DAY
        offers = offers.with_columns(_days(offers["as_of"]))
    asked = offers.select(
        pl.col(name).cast(kind, strict=False).alias(name) for name, kind in kinds.items()
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
        "as_of": (pl.col("as_of").is_not_null(), "expected a date, YYYY-MM-DD"),
        "action": (pl.col("action").is_in(ACTIONS), f"expected one of {', '.join(ACTIONS)}"),
    }
    tests = {name: test for name, test in tests.items() if name in kinds}
    fine = asked.select(
        test.fill_null(value=False).alias(name) for name, (test, _) in tests.items()
    )
    bad = ~fine.select(pl.all_horizontal(pl.all())).to_series()
    if bad.any():
        row = int(bad.arg_max() or 0)
        column = next(name for name in tests if not fine[name][row])
        first = {
            "line": row + 1,
            "column": column,
            "value": str(given[column][row]),
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
    return asked


def _days(column: pl.Series) -> pl.Series:
    """Days as the contract reads them: null where a cell is none."""
    have = column.dtype
    if have == pl.String:
        return typed(column, pl.Date)
    if isinstance(have, pl.Datetime) and have.time_zone is not None:
        return column.to_frame().select(local_day(pl.col(column.name), have)).to_series()
    if have not in (pl.Date, pl.Datetime):
        return pl.Series(column.name, [None], pl.Date).new_from_index(0, len(column))
    return column.cast(pl.Date)
