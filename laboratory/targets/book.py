"""Figures of the loan book by application: balances, roll rates, draws."""

import polars as pl

from synthetic.config.schema import DAYS_A_YEAR

BAD = pl.col("status") == "default"
ROLLS = {
    "current_late": (("current", "cured"), ("late",)),
    "late_default": (("late",), ("default",)),
    "late_cured": (("late",), ("cured", "repaid")),
}
"""Roll rates by name: statuses of a month, and of the following one."""


def book_rows(loans: pl.DataFrame, months: pl.DataFrame) -> pl.DataFrame:
    """Sums over the months of each loan.

    Returns
    -------
    polars.DataFrame
        One row a loan: application_id; `balance_cny_months` and `npl_cny_months`, balances summed
        over months, all and those in default; for each roll `..._from` and `..._to`, months in its
        first states that have a following one, and those of them that move; of lines `drawn_days`.
    """
    ordered = months.sort("loan_id", "month_end").with_columns(
        following=pl.col("status").shift(-1).over("loan_id")
    )
    goes_on = pl.col("following").is_not_null()
    sums = {
        "balance_cny_months": pl.col("balance_cny").sum(),
        "npl_cny_months": pl.col("balance_cny").filter(BAD).sum(),
        "interest_cny": pl.col("interest_cny").sum(),
    }
    for name, (before, after) in ROLLS.items():
        begins = pl.col("status").is_in(before) & goes_on
        sums[f"{name}_from"] = begins.sum()
        sums[f"{name}_to"] = (begins & pl.col("following").is_in(after)).sum()
    told = ordered.group_by("loan_id").agg(**sums)
    a_year = pl.col("limit_cny") * pl.col("rate_pct") / 100
    return loans.join(told, on="loan_id", how="inner", validate="1:1").select(
        "application_id",
        *(name for name in sums if name != "interest_cny"),
        drawn_days=pl.when(pl.col("plan") == "line").then(
            DAYS_A_YEAR * pl.col("interest_cny") / a_year
        ),
    )
