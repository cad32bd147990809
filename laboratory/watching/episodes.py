"""Episodes of alarms: what each was followed by, and how early it came.

An alarm opens an episode; the loan gives no other for 90 days. It is false if no default follows
within 12 months. Episodes whose 12 months were not observed are left out, unless the loan ended
before.
"""

from dataclasses import dataclass

import polars as pl

QUIET_DAYS = 90
FOLLOWS_DAYS = 365
EARLY_DAYS = 60
"""Days before day 90 past due by which a warning still helps."""

PER = 1000
"""Loan-months that false alarms are counted by."""


@dataclass(frozen=True)
class Alarms:
    """Alarms of one statistic at one threshold.

    Attributes
    ----------
    threshold : float
    false : int
        False episodes.
    months : int
        Loan-months watched whose outcome is known.
    warned, defaults : int
        Defaults warned of `EARLY_DAYS` before day 90 or earlier, and all that could be.
    lead : float
        Median days from the first alarm within 12 months before day 90 to it.
    """

    threshold: float
    false: int
    months: int
    warned: int
    defaults: int
    lead: float

    @property
    def false_rate(self) -> float:
        """False alarms a 1,000 loan-months."""
        return PER * self.false / max(self.months, 1)

    @property
    def share(self) -> float:
        """Share of defaults that were warned of early."""
        return self.warned / max(self.defaults, 1)


def alarms(watched: pl.DataFrame, statistic: str, threshold: float) -> Alarms:
    """Count the episodes of a statistic that exceeds a threshold.

    Parameters
    ----------
    watched : polars.DataFrame
        loan_id, as_of, default_on, ended_on, seen_until (dates), fraud, and the statistic; one row
        a loan and day looked at, none after default.
    statistic : str
    threshold : float
    """
    opened = episodes(watched, statistic, threshold)
    lead = (pl.col("default_on") - pl.col("as_of")).dt.total_days()
    follows = (lead <= FOLLOWS_DAYS).fill_null(value=False)
    known = watched.filter(_known())
    wanted = watched.filter(~pl.col("fraud") & (lead >= EARLY_DAYS) & follows)["loan_id"].unique()
    in_time = opened.filter(pl.col("loan_id").is_in(wanted.implode()) & follows)
    early = in_time.filter(lead >= EARLY_DAYS)["loan_id"].n_unique()
    first = in_time.group_by("loan_id").agg(lead.max().alias("lead"))["lead"]
    return Alarms(
        threshold=threshold,
        false=opened.filter(_known() & ~follows).height,
        months=known.height,
        warned=early,
        defaults=len(wanted),
        lead=float(first.median()) if len(first) else float("nan"),  # type: ignore[arg-type]
    )


def days_behind(watched: pl.DataFrame, alarm: tuple[str, float], shock: tuple[str, float]) -> float:
    """Median days from the first alarm of one statistic to that of another, before default.

    Loans that default within 12 months of both and are no fraud count.

    Parameters
    ----------
    alarm, shock : pair of str and float
        Statistic and its threshold.
    """
    first = []
    for statistic, threshold in (shock, alarm):
        lead = (pl.col("default_on") - pl.col("as_of")).dt.total_days()
        raised = watched.filter(
            ~pl.col("fraud") & (lead <= FOLLOWS_DAYS) & (pl.col(statistic) > threshold)
        )
        first.append(raised.group_by("loan_id").agg(pl.col("as_of").min()))
    both = first[0].join(first[1], on="loan_id", suffix="_alarm")
    behind = (both["as_of_alarm"] - both["as_of"]).dt.total_days()
    return float(behind.median()) if len(behind) else float("nan")  # type: ignore[arg-type]


def threshold_at(watched: pl.DataFrame, statistic: str, rate: float) -> float:
    """Least threshold at which false alarms a 1,000 loan-months do not exceed a rate.

    Found by bisection over the statistic's values.
    """
    values = watched[statistic].drop_nulls().drop_nans().unique().sort()
    low, high = -1, len(values) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if alarms(watched, statistic, values[middle]).false_rate <= rate:
            high = middle
        else:
            low = middle
    return float(values[high])


def _known() -> pl.Expr:
    """Whether it is known of a row if a default followed within 12 months."""
    lead = (pl.col("default_on") - pl.col("as_of")).dt.total_days()
    seen = (pl.col("seen_until") - pl.col("as_of")).dt.total_days() >= FOLLOWS_DAYS
    return (lead <= FOLLOWS_DAYS).fill_null(value=False) | pl.col("ended_on").is_not_null() | seen


def episodes(watched: pl.DataFrame, statistic: str, threshold: float) -> pl.DataFrame:
    """Rows on which an alarm opens an episode: none within 90 days of the one before."""
    ordered = watched.filter(pl.col(statistic) > threshold).sort("loan_id", "as_of")
    kept: list[int] = []
    last = None
    for row, (loan, day) in enumerate(ordered.select("loan_id", "as_of").iter_rows()):
        if last is None or loan != last[0] or (day - last[1]).days >= QUIET_DAYS:
            kept.append(row)
            last = loan, day
    return ordered[kept]
