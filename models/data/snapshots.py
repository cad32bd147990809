"""Monthly snapshots of open loans with their labels, from the months of a loan tape.

A loan is looked at on the day after each month's end while it is open and has not defaulted. The
label is first default, 90 days past due, within six months of that day. A snapshot counts where
the loan was observed for those six months, whatever became of it: one that is left out for want of
time must not come back because it defaulted or was repaid before.
"""

from __future__ import annotations

import polars as pl

from features.contract.tables import SIX_MONTHS_DAYS
from features.io.loan_outcomes import FIRST_PAST_DUE

OPEN = ("current", "late", "cured")
"""Statuses of a loan that can still default."""


def labelled_snapshots(months: pl.DataFrame, observed: pl.DataFrame) -> pl.DataFrame:
    """Snapshots of loans, with what became of each.

    Parameters
    ----------
    months : polars.DataFrame
        The contract's table `loan_months`.
    observed : polars.DataFrame
        loan_id and observed_until; a loan that is not there was observed until the end of the tape.

    Returns
    -------
    polars.DataFrame
        loan_id, firm_id, as_of (the day after a month's end), defaulted; by day and loan.
    """
    end = months["month_end"].max()
    first = months.group_by("loan_id").agg(
        default=pl.min_horizontal(
            FIRST_PAST_DUE,
            pl.col("month_end").filter(pl.col("status") == "default").min(),
        )
    )
    as_of = pl.col("month_end") + pl.duration(days=1)
    after = pl.col("as_of") + pl.duration(days=SIX_MONTHS_DAYS)
    return (
        months.filter(pl.col("status").is_in(OPEN))
        .join(first, on="loan_id", how="left")
        .join(observed, on="loan_id", how="left")
        .with_columns(as_of=as_of)
        .filter(pl.col("default").is_null() | (pl.col("default") >= pl.col("as_of")))
        .filter(pl.col("observed_until").fill_null(end) + pl.duration(days=1) >= after)
        .select(
            "loan_id",
            "firm_id",
            "as_of",
            defaulted=(pl.col("default") <= after).fill_null(value=False),
        )
        .sort("as_of", "loan_id")
    )
