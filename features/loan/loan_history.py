"""Columns of the loan frame: the loan's own months, the bureau's reports, business since then."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.arrays import Floats, Int32s
from features.contract.tables import TABLES
from features.engine.frame_builder import FrameSet
from features.engine.point_in_time import MISSING, days
from features.loan.activity import activity_columns, falls_of_orders, weekly_level, weeks_of
from features.loan.season import Season
from features.table.frames import WINDOWS

TERMS = ("disbursed_on", "limit_cny", "term_months")
"""What the table `loans` says that the frame needs."""

_DAYS_A_MONTH = 365.25 / 12
_RECENT_MONTHS = 3
_LAG = {name: TABLES[name].lag_days for name in ("loan_months", "bureau")}


@dataclass(frozen=True, eq=False)
class LoanHistory:
    """Loans by the position of their snapshot, and the season by which activity is compared.

    Attributes
    ----------
    snapshots : polars.DataFrame
        loan_id, and `TERMS` of the loan, empty where no loan of that id is known by then.
    season : Season or None
        Without it the columns that compare with the season are missing.
    """

    snapshots: pl.DataFrame
    season: Season | None

    def columns(
        self,
        frames: FrameSet,
        applied: pl.DataFrame,
        read: Callable[[str], pl.DataFrame],
    ) -> pl.DataFrame:
        """Build the loan frame of some snapshots.

        Parameters
        ----------
        frames : FrameSet
            Of the same snapshots.
        applied : polars.DataFrame
            app, position, firm_id, as_of_day of each snapshot, sorted by app.
        read : callable
            Gives the raw rows of a table by name.

        Returns
        -------
        polars.DataFrame of n rows
            Columns of the frames `features.table.frames.OF_LOANS`, Float64.
        """
        loans = self.snapshots[applied["position"].to_list()]
        as_of = applied["as_of_day"].to_numpy()
        keys = pl.DataFrame(
            [applied["app"], applied["firm_id"], loans["loan_id"], pl.Series("as_of_day", as_of)]
        )
        disbursed = days(loans["disbursed_on"])
        columns = _terms(loans, disbursed, as_of)
        columns |= _months(read("loan_months"), keys, loans)
        columns |= _reports(read("bureau"), keys, disbursed)
        columns |= _bills(frames, len(as_of)) | _reviews(frames)
        if self.season is not None:
            sectors = frames.frames["register"]["sector"]
            weeks = weeks_of(frames, as_of, disbursed, sectors, self.season)
            columns |= activity_columns(weeks)
            columns |= falls_of_orders(frames, as_of, sectors, self.season)
        return pl.DataFrame(
            [pl.Series(name, values, nan_to_null=True) for name, values in columns.items()]
        )

    def activity(self, frames: FrameSet, applied: pl.DataFrame) -> pl.DataFrame:
        """Weekly activity against the year before disbursement, one column a week."""
        if self.season is None:
            raise ValueError("activity is told by a season")
        loans = self.snapshots[applied["position"].to_list()]
        weeks = weeks_of(
            frames,
            applied["as_of_day"].to_numpy(),
            days(loans["disbursed_on"]),
            frames.frames["register"]["sector"],
            self.season,
        )
        level = weekly_level(weeks)
        return pl.DataFrame(level, schema=[f"week_{k}" for k in range(level.shape[1])])


def _terms(loans: pl.DataFrame, disbursed: Int32s, as_of: Int32s) -> dict[str, Floats]:
    held = np.where(disbursed == MISSING, np.nan, as_of - disbursed) / _DAYS_A_MONTH
    term = _floats(loans["term_months"])
    return {"months_on_book": held, "months_left": np.maximum(term - held, 0)}


def _months(months: pl.DataFrame, keys: pl.DataFrame, loans: pl.DataFrame) -> dict[str, Floats]:
    """Figures of the loan's months that were known on the day."""
    known = (
        months.join(keys, on=["loan_id", "firm_id"], how="inner")
        .filter(pl.col("month_end").cast(pl.Int32) + _LAG["loan_months"] <= pl.col("as_of_day"))
        .sort("app", "month_end")
        .with_columns(pl.col("drawn_cny", "due_cny", "paid_cny").fill_null(0.0))
    )
    recent = [pl.col(name).tail(_RECENT_MONTHS).sum() for name in ("drawn_cny", "paid_cny")]
    due = pl.col("due_cny").tail(_RECENT_MONTHS).sum()
    late = pl.col("dpd") > 0
    figures = known.group_by("app").agg(
        balance=pl.col("balance_cny").last(),
        balance_before=pl.col("balance_cny").tail(_RECENT_MONTHS + 1).first(),
        drawn=pl.col("drawn_cny").sum(),
        drawn_3m=recent[0],
        paid_3m=recent[1],
        due_3m=due,
        dpd=pl.col("dpd").last(),
        worst_dpd=pl.col("dpd").max(),
        months_late=late.sum(),
        months_known=pl.len(),
    )
    of_app = keys.select("app").join(figures, on="app", how="left", maintain_order="left")
    values = {name: _floats(of_app[name]) for name in figures.columns if name != "app"}
    return values | {"limit": _floats(loans["limit_cny"])}


def _reports(bureau: pl.DataFrame, keys: pl.DataFrame, disbursed: Int32s) -> dict[str, Floats]:
    """The bureau's latest report, and the one before disbursement."""
    day = pl.col("reported_on").cast(pl.Int32) + _LAG["bureau"]
    dated = keys.with_columns(pl.Series("disbursed_day", disbursed))
    known = (
        bureau.join(dated, on="firm_id", how="inner")
        .filter(day <= pl.col("as_of_day"))
        .sort("app", "reported_on")
    )
    figures = known.group_by("app").agg(
        bureau_open_loans=pl.col("open_loans").last(),
        bureau_balance=pl.col("balance_cny").last(),
        bureau_worst_dpd=pl.col("worst_dpd").last(),
        bureau_enquiries=pl.col("enquiries_6m").last(),
        bureau_balance_before=pl.col("balance_cny").filter(day <= pl.col("disbursed_day")).last(),
        bureau_open_loans_before=pl.col("open_loans").filter(day <= pl.col("disbursed_day")).last(),
    )
    of_app = keys.select("app").join(figures, on="app", how="left", maintain_order="left")
    return {name: _floats(of_app[name]) for name in figures.columns if name != "app"}


def _bills(frames: FrameSet, n: int) -> dict[str, Floats]:
    """Spread of the electricity bills of three months against their mean (R192)."""
    recent = (
        frames.frames["bills"]
        .filter(pl.col("age") < WINDOWS[1])
        .group_by("app")
        .agg(
            swing=pl.when(pl.len() > 1).then(
                pl.col("amount_cny").max() - pl.col("amount_cny").min()
            ),
            mean=pl.col("amount_cny").mean(),
        )
    )
    values = {name: np.full(n, np.nan) for name in ("bill_swing", "bill_mean")}
    rows = recent["app"].to_numpy()
    values["bill_swing"][rows] = _floats(recent["swing"])
    values["bill_mean"][rows] = _floats(recent["mean"])
    return values


def _reviews(frames: FrameSet) -> dict[str, Floats]:
    """Bad reviews of a month beyond those that the year's share lets expect, in deviations."""
    month, year = 0, WINDOWS.index(365)
    bad, reviews = frames.windows["bad_reviews"], frames.windows["reviews"]
    known = frames.windows["ecommerce_known"]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(bad[year] / reviews[year], 0.01, 0.99)
        count = reviews[month] * known[month]
        beyond = bad[month] * known[month] - share * count
        surge = beyond / np.sqrt(share * (1 - share) * count)
    return {"bad_reviews_surge": np.where(count > 0, surge, np.nan)}


def _floats(values: pl.Series) -> Floats:
    numbers: Floats = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return numbers
