"""Outcomes of a data folder: its own file, or read off the months of its loans.

A loan's default is the first day on which it is 90 days past due. Its label is that within 12
months of disbursement. It is known once those 12 months, or a shorter term and 90 days, have passed
by the end of the tape, and the loan defaulted, ended or was seen so long. Before, it is empty
whatever became of the loan: young loans that counted only once they had defaulted would make the
last quarters of a tape look bad.
"""

import datetime as dt
from pathlib import Path

import polars as pl

from features.contract.errors import ContractError
from features.contract.validation import conform
from features.io.signal_reader import Signals, read_outcomes

DAYS_PAST_DUE = 90
LABEL_DAYS = 365
ENDED = ("repaid", "written_off")
FIRST_PAST_DUE = (
    (pl.col("month_end") - pl.duration(days=pl.col("dpd") - DAYS_PAST_DUE))
    .filter(pl.col("dpd") >= DAYS_PAST_DUE)
    .min()
    .cast(pl.Date)
)
"""First day on which a loan is 90 days past due, of its months."""

SOON = dt.timedelta(days=90)
"""Time from an application to the disbursement of its loan, at most, where no id joins them."""

TAPE = ("loans", "loan_months")
"""Tables that outcomes are read off."""


def outcomes_of(data: Path, signals: Signals, applications: pl.DataFrame) -> pl.DataFrame:
    """Outcomes of the applications of a data folder.

    Raises
    ------
    ContractError
        If there is neither outcomes.csv nor a loan tape, or the tape knows no application.
    """
    own = data / "outcomes.csv"
    if own.is_file():
        return read_outcomes(own)
    if not set(TAPE) <= set(signals.tables):
        raise ContractError(
            f"{own}: no such file. A data folder to train on holds outcomes.csv, or the tables "
            f"{' and '.join(TAPE)} from which outcomes are read, beside applications.csv and "
            "signals/."
        )
    loans, months = (
        pl.concat(signals.read(table, bucket=bucket) for bucket in signals.buckets)
        for table in TAPE
    )
    loans = with_application(loans, applications)
    if loans.is_empty():
        raise ContractError(
            f"{data / 'signals' / 'loans'}: none of its loans belongs to an application of "
            "applications.csv, by application_id or by firm and day. They belong to different "
            "data folders."
        )
    return outcomes_of_loans(loans, months)


def with_application(loans: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """Loans with the id of their application; those without one are left out.

    A loan that names none belongs to the latest application of its firm in the 90 days before.
    """
    known = applications.select("application_id", "firm_id", "applied_on").sort("applied_on")
    named = loans.filter(pl.col("application_id").is_in(known["application_id"].implode()))
    rest = loans.filter(pl.col("application_id").is_null()).drop("application_id")
    found = rest.sort("disbursed_on").join_asof(
        known,
        left_on="disbursed_on",
        right_on="applied_on",
        by="firm_id",
        tolerance=SOON,
        check_sortedness=False,
    )
    found = found.filter(pl.col("application_id").is_not_null()).select(loans.columns)
    # the first loan of an application is the one that was asked for
    return (
        pl.concat([named, found])
        .sort("disbursed_on")
        .unique("application_id", keep="first", maintain_order=True)
    )


def outcomes_of_loans(loans: pl.DataFrame, months: pl.DataFrame) -> pl.DataFrame:
    """Outcomes, one row a loan, from its months.

    Parameters
    ----------
    loans, months : polars.DataFrame
        Tables of the contract.

    Returns
    -------
    polars.DataFrame
        Table `outcomes` of the contract.
    """
    told = months.group_by("loan_id").agg(
        first=FIRST_PAST_DUE,
        observed_until=pl.col("month_end").max(),
        ended=pl.col("status").is_in(ENDED).any(),
    )
    since = (pl.col("first") - pl.col("disbursed_on")).dt.total_days()
    seen = (pl.col("observed_until") - pl.col("disbursed_on")).dt.total_days() >= LABEL_DAYS
    bad = (since <= LABEL_DAYS).fill_null(value=False)
    over = pl.min_horizontal(
        pl.col("disbursed_on") + pl.duration(days=LABEL_DAYS),
        pl.col("disbursed_on").dt.offset_by(pl.format("{}mo", "term_months"))
        + pl.duration(days=DAYS_PAST_DUE),
    )
    passed = over <= pl.lit(months["month_end"].max())
    outcomes = loans.join(told, on="loan_id", how="inner", validate="1:1").select(
        "application_id",
        "disbursed_on",
        "observed_until",
        approved=pl.lit(value=True),
        accepted=pl.lit(value=True),
        offered_amount_cny="limit_cny",
        offered_rate_pct="rate_pct",
        offered_term_months="term_months",
        offered_plan="plan",
        defaulted=pl.when(passed & (bad | seen | pl.col("ended"))).then(bad),
        defaulted_on=pl.when(passed & bad).then("first"),
    )
    return conform(outcomes, "outcomes")
