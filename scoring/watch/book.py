"""Sums of the watched book: balance at risk, migrations of grades, vintages, roll rates."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import polars as pl

from features.io.loan_outcomes import ENDED, FIRST_PAST_DUE
from scoring.watch.columns import CLOSED

BUCKETS = ("0", "1-30", "31-60", "61-90", "over 90", "ended")
"""Buckets of days past due, and loans that were repaid or written off."""

VINTAGE_MONTHS = 12
_BOUNDS = (1, 31, 61, 91)


@dataclass(frozen=True, eq=False)
class Book:
    """Sums of the book, which add up over chunks; money in whole fen, so that order plays no part.

    Attributes
    ----------
    grades : polars.DataFrame
        grade: loans, balance_fen, expected_fen (balance times PD).
    migration : polars.DataFrame
        grade_before, grade: loans.
    vintages : polars.DataFrame
        vintage (quarter of disbursement), month (on book): loans, defaults by then.
    rolls : polars.DataFrame
        before, now (buckets of days past due at the last two month-ends): loans, balance_fen.
    actions : polars.DataFrame
        action: loans, balance_fen.
    rules : polars.DataFrame
        rule: loans.
    """

    grades: pl.DataFrame = field(default_factory=pl.DataFrame)
    migration: pl.DataFrame = field(default_factory=pl.DataFrame)
    vintages: pl.DataFrame = field(default_factory=pl.DataFrame)
    rolls: pl.DataFrame = field(default_factory=pl.DataFrame)
    actions: pl.DataFrame = field(default_factory=pl.DataFrame)
    rules: pl.DataFrame = field(default_factory=pl.DataFrame)

    @classmethod
    def of(
        cls, rows: pl.DataFrame, loans: pl.DataFrame, months: pl.DataFrame, *, as_of: dt.date
    ) -> Self:
        """Count some loans.

        Parameters
        ----------
        rows : polars.DataFrame
            Their rows of the watch list.
        loans, months : polars.DataFrame
            They and their months, as known on the day.
        as_of : datetime.date
        """
        open_ones = rows.filter(pl.col("status") != CLOSED).with_columns(
            pl.col("grade").fill_null(""),
            balance_fen=_fen(pl.coalesce("balance_cny", "limit_cny")),
        )
        balance = pl.col("balance_fen").sum()
        rules = open_ones.select(rule=pl.col("rules").str.split(";")).explode("rule").drop_nulls()
        return cls(
            grades=open_ones.group_by("grade").agg(
                loans=pl.len(),
                balance_fen=balance,
                expected_fen=(pl.col("balance_fen") * pl.col("pd")).round().cast(pl.Int64).sum(),
            ),
            migration=open_ones.drop_nulls("grade_before")
            .group_by("grade_before", "grade")
            .agg(loans=pl.len()),
            vintages=_vintages(loans, months, as_of),
            rolls=_rolls(months),
            actions=open_ones.group_by("action").agg(loans=pl.len(), balance_fen=balance),
            rules=rules.group_by("rule").agg(loans=pl.len()),
        )

    @classmethod
    def total(cls, books: Iterable[Self]) -> Self:
        """Add up the books of several chunks."""
        parts = list(books)
        return cls(
            **{
                name: _added([getattr(part, name) for part in parts], keys)
                for name, keys in _KEYS.items()
            }
        )


_KEYS = {
    "grades": ("grade",),
    "migration": ("grade_before", "grade"),
    "vintages": ("vintage", "month"),
    "rolls": ("before", "now"),
    "actions": ("action",),
    "rules": ("rule",),
}


def _added(parts: list[pl.DataFrame], keys: tuple[str, ...]) -> pl.DataFrame:
    if not parts:
        return pl.DataFrame()
    return pl.concat(parts).group_by(*keys).agg(pl.all().sum()).sort(*keys)


def _fen(amount: pl.Expr) -> pl.Expr:
    return (100 * amount).round().cast(pl.Int64)


def _vintages(loans: pl.DataFrame, months: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Loans of each quarter of disbursement and how many had defaulted by each month on book.

    A month counts once the quarter's last loan could have reached it; until then the loans that
    have are no fair sample.
    """
    first = months.group_by("loan_id").agg(first=FIRST_PAST_DUE)
    every = pl.DataFrame({"month": range(1, VINTAGE_MONTHS + 1)}, schema={"month": pl.Int64})
    quarter_end = pl.col("vintage").dt.offset_by("1q")
    return (
        loans.join(first, on="loan_id", how="inner")
        .with_columns(
            vintage=pl.col("disbursed_on").dt.truncate("1q"),
            at=_months_between("disbursed_on", "first"),
        )
        .join(every, how="cross")
        .filter(quarter_end.dt.offset_by(pl.format("{}mo", "month")) <= as_of)
        .group_by("vintage", "month")
        .agg(loans=pl.len(), defaults=(pl.col("at") <= pl.col("month")).sum())
    )


def _months_between(first: str, last: str) -> pl.Expr:
    days = (pl.col(last) - pl.col(first)).dt.total_days()
    return (days / (365.25 / 12)).round(0).cast(pl.Int64)


def _bucket_of_days() -> pl.Expr:
    """Bucket of the days past due."""
    reached = pl.sum_horizontal([(pl.col("dpd") >= bound).cast(pl.Int8) for bound in _BOUNDS])
    return reached.replace_strict(dict(enumerate(BUCKETS[:-1])), return_dtype=pl.String)


def _rolls(months: pl.DataFrame) -> pl.DataFrame:
    """Buckets of days past due at the last month-end of all, and at the one before."""
    if months.is_empty():
        return pl.DataFrame(
            schema={
                "before": pl.String,
                "now": pl.String,
                "loans": pl.UInt32,
                "balance_fen": pl.Int64,
            }
        )
    bucket = (
        pl.when(pl.col("status").is_in(ENDED))
        .then(pl.lit(BUCKETS[-1]))
        .otherwise(_bucket_of_days())
    )
    last = months["month_end"].max()
    pairs = (
        months.with_columns(now=bucket)
        .with_columns(
            before=pl.col("now").shift(1).over("loan_id"),
            owed=_fen(pl.col("balance_cny")).shift(1).over("loan_id"),
        )
        .filter((pl.col("month_end") == last) & pl.col("before").is_not_null())
    )
    return pairs.group_by("before", "now").agg(loans=pl.len(), balance_fen=pl.col("owed").sum())
