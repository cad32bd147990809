"""Split applications into training, calibration and out-of-time slices, by firm and by calendar."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from features.contract.errors import ContractError

if TYPE_CHECKING:
    import datetime as dt

    from features.arrays import Array
    from models.settings import SplitConfig

TRAIN, CALIBRATION, OUT_OF_TIME = SLICES = ("train", "calibration", "out_of_time")

THIN_QUARTER = 0.1
"""Share of the median quarter's labelled rows below which a quarter is not counted."""


@dataclass(frozen=True)
class Split:
    """The slices and what was dropped.

    Attributes
    ----------
    rows : DataFrame
        The input's rows and order, with `slice` (null if dropped because its firm is on another
        side) and `labelled` (False if refused or not yet observed).
    counts : dict of str to int
        Rows and firms read, firms with labels in several periods, rows dropped for each reason,
        kept and bad in each slice.
    starts : dict of str to date
        First day of the calibration and out-of-time periods; empty where rows have no dates.
    by_firm : bool
        Whether firms had to be parted by hash.
    """

    rows: pl.DataFrame
    counts: dict[str, int]
    starts: dict[str, dt.date]
    by_firm: bool

    def over(self, rows: pl.DataFrame) -> Split:
        """Apply this split to the same rows with other columns."""
        return replace(self, rows=rows.with_columns(self.rows.select("slice", "labelled")))


def split(rows: pl.DataFrame, *, config: SplitConfig) -> Split:
    """Split applications into training, calibration and out-of-time slices.

    A firm that applies in more than one period would be known to the model that it judges, so a
    hash of its id gives each firm one side before any date is looked at, and its rows outside that
    side's period are dropped. Where every firm stays within one period there is nothing to part:
    the hash would only throw rows away, and is left out. Where no row has a date (a matrix of
    one's own), the hash alone parts them, and the slice named out-of-time is a random one.

    Parameters
    ----------
    rows : DataFrame
        firm_id, as_of (Date), approved, accepted, defaulted (null if refused, not taken or not yet
        observed).
    config : SplitConfig

    Returns
    -------
    Split

    Raises
    ------
    ContractError
        When the labelled rows cover too few quarters, or a slice has no bads or no goods.
    """
    rows = rows.with_columns(labelled=pl.col("defaulted").is_not_null())
    starts = period_starts(rows, config) if rows["as_of"].is_not_null().any() else {}
    if starts:
        period = (
            pl.when(pl.col("as_of") >= starts[OUT_OF_TIME])
            .then(pl.lit(OUT_OF_TIME))
            .when(pl.col("as_of") >= starts[CALIBRATION])
            .then(pl.lit(CALIBRATION))
            .otherwise(pl.lit(TRAIN))
        )
        rows = rows.with_columns(slice=period)
        met = rows.filter("labelled").group_by("firm_id").agg(pl.col("slice").n_unique())
        several = int((met["slice"] > 1).sum())
    else:
        several = 0
    by_firm = several > 0 or not starts
    if by_firm:
        sides = pl.Series([side(firm, config) for firm in rows["firm_id"]], dtype=pl.String)
        kept = pl.when(pl.col("slice") == sides).then("slice") if starts else sides
        rows = rows.with_columns(slice=kept)
    counts = _counts(rows) | {"firms_in_several_periods": several}
    _check(counts, starts)
    return Split(rows=rows, counts=counts, starts=starts, by_firm=by_firm)


def within(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Applicants of one slice, labelled or not."""
    return rows.filter(pl.col("slice").eq(name))


def labelled_in(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Applicants of one slice whose outcome is known."""
    return rows.filter(pl.col("slice").eq(name) & pl.col("labelled"))


def bad_of(labelled: pl.DataFrame) -> Array:
    """Outcomes of labelled rows, 1.0 for default, shape (n_samples,)."""
    return labelled["defaulted"].cast(pl.Float64).to_numpy()


def side(firm_id: str, config: SplitConfig) -> str:
    """The slice that a firm belongs to, by hash alone: the same in every file and year."""
    digest = hashlib.blake2b(firm_id.encode(), digest_size=8, person=b"firstloan-side").digest()
    u = int.from_bytes(digest, "big") / 2**64
    if u < config.train_share:
        return TRAIN
    return CALIBRATION if u < config.train_share + config.calibration_share else OUT_OF_TIME


def random_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Pseudo-random row order that depends only on `application_id`."""
    keys = pl.Series(
        [
            hashlib.blake2b(row.encode(), digest_size=8, person=b"firstloan-order").digest()
            for row in rows["application_id"]
        ],
        dtype=pl.Binary,
    )
    return rows.with_columns(order_=keys).sort("order_", "application_id").drop("order_")


def period_starts(rows: pl.DataFrame, config: SplitConfig) -> dict[str, dt.date]:
    """First days of the two later periods: given, or counted in quarters from the last label."""
    quarter = pl.col("as_of").dt.truncate("1q")
    known = rows.filter(pl.col("defaulted").is_not_null())
    counted = known.group_by(quarter).len().sort("as_of")
    # a handful of rows at the end is no quarter: it belongs to the one before
    whole = pl.col("len") >= THIN_QUARTER * pl.col("len").median()
    quarters = counted.filter(whole)["as_of"].to_list()
    late = config.out_of_time_quarters
    later = late + config.calibration_quarters
    if config.out_of_time_from and config.calibration_from:
        return {CALIBRATION: config.calibration_from, OUT_OF_TIME: config.out_of_time_from}
    if len(quarters) <= later:
        raise ContractError(
            f"outcomes: labels are observed in {len(quarters)} calendar quarter(s), expected more "
            f"than {later} ({late} out of time, {config.calibration_quarters} for calibration, the "
            "rest to train). Give a longer period, or split.calibration_from and "
            "split.out_of_time_from in the settings."
        )
    return {
        CALIBRATION: config.calibration_from or quarters[-later],
        OUT_OF_TIME: config.out_of_time_from or quarters[-late],
    }


def _counts(rows: pl.DataFrame) -> dict[str, int]:
    refused = pl.col("approved").eq(other=False).fill_null(value=False)
    left = ~refused & pl.col("accepted").eq(other=False).fill_null(value=False)
    kept = pl.col("slice").is_not_null()
    sums = {
        "rows": pl.len(),
        "firms": pl.col("firm_id").n_unique(),
        "dropped_other_side": (~kept).sum(),
        "dropped_refused": (kept & ~pl.col("labelled") & refused).sum(),
        "dropped_not_accepted": (kept & ~pl.col("labelled") & left).sum(),
        "dropped_not_observed": (kept & ~pl.col("labelled") & ~refused & ~left).sum(),
    }
    for name in SLICES:
        inside = pl.col("labelled") & pl.col("slice").eq(name)
        sums[f"{name}_rows"] = inside.sum()
        sums[f"{name}_bads"] = (inside & pl.col("defaulted")).sum()
    counts = rows.select(**sums).row(0, named=True)
    return {key: int(value) for key, value in counts.items()}


def _check(counts: dict[str, int], starts: dict[str, dt.date]) -> None:
    every, bad = (sum(counts[f"{name}_{what}"] for name in SLICES) for what in ("rows", "bads"))
    if every and bad in (0, every):
        raise ContractError(
            f"defaulted: all {every:,} labelled rows are {'bad' if bad else 'good'}, and a model "
            "needs both. Check how the labels are coded, or give applications of both kinds."
        )
    for name in SLICES:
        total, bads = counts[f"{name}_rows"], counts[f"{name}_bads"]
        if 0 < bads < total:
            continue
        lack = "no labelled rows" if not total else "no bads" if not bads else "no goods"
        cut = (
            f"calibration from {starts[CALIBRATION]}, out of time from {starts[OUT_OF_TIME]}"
            if starts
            else "parted at random, for want of dates"
        )
        raise ContractError(
            f"defaulted: {lack} in the {name} slice ({total} labelled rows; {cut}), and a "
            "model needs both. Give more applications, or longer slices (split.* in the settings)."
        )
