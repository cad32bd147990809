"""Season of activity by trade: weekday, week of the year, days around the lunar New Year.

    usual(source, sector, day) = weekday · week of the year, or day from the lunar New Year

each against the firm's mean day. The season is counted once, on the training side, and frozen with
the model, so that no loan's figures depend on which other loans are watched. Trades with few firms
are drawn towards the mean of all trades.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from features.arrays import Bools, Floats, Int32s, Int64s
from features.contract.tables import TABLES
from features.engine.point_in_time import days
from features.io.signal_reader import Signals
from features.lunar_calendar import days_from_new_year
from features.table.frames import WEEK

ACTIVITY: Mapping[str, tuple[str, pl.Expr, str]] = {
    "tax": ("invoices", pl.col("amount_cny"), "sales_cny"),
    "electricity": (
        "electricity",
        pl.sum_horizontal("kwh_peak", "kwh_flat", "kwh_valley"),
        "kwh",
    ),
    "logistics": ("logistics", pl.col("parcels_out").cast(pl.Float64), "parcels_out"),
    "ecommerce": ("ecommerce", pl.col("orders").cast(pl.Float64), "orders"),
}
"""Of each source the table, what a row says of activity, and the column of the weeks frame."""

EVERY_TRADE = ""
"""Stands for all sectors, and for a sector that the season does not know."""

SCHEMA = {
    "source": pl.String,
    "sector": pl.String,
    "cycle": pl.String,
    "slot": pl.Int64,
    "factor": pl.Float64,
}

_WEEKDAY, _YEAR, _NEW_YEAR = "weekday", "week_of_year", "day_from_new_year"
_AROUND = range(-21, 36)
"""Days from the lunar New Year that have a factor of their own: closing early, a slow return."""

_WEEKS = 53
_LEAST_DAYS = 180
"""Days between a firm's first and last record, below which its mean day says little."""

_PRIOR_FIRMS = 30
"""Firms of the mean of all trades that each trade's factors begin with."""

_SMOOTH = np.array([0.25, 0.5, 0.25])
_LEAST = 0.05
"""Least factor: a trade that rests wholly tells nothing of one firm."""


@dataclass(frozen=True, eq=False)
class Season:
    """Season of activity by source and sector.

    Attributes
    ----------
    table : polars.DataFrame, schema `SCHEMA`
        Factors of a usual day against the firm's mean day.
    """

    table: pl.DataFrame

    def usual(self, source: str, sectors: pl.Series, last: Int32s, *, count: int) -> Floats:
        """Usual activity of the days that end on some day, the oldest first.

        Parameters
        ----------
        source : str
        sectors : polars.Series of String
        last : ndarray of shape (n,)
            Last day of each row, as days since 1970.
        count : int
            Days.

        Returns
        -------
        ndarray of shape (n, count)
        """
        if not len(last):
            return np.ones((0, count))
        first = int(last.min()) - count + 1
        every = np.arange(first, int(last.max()) + 1, dtype=np.int32)
        factors = self._daily(source, every)
        known = self._rows.get(source, {})
        row = np.array([known.get(s or EVERY_TRADE, known.get(EVERY_TRADE, 0)) for s in sectors])
        begin = last - count + 1 - first
        usual: Floats = factors[row[:, None], begin[:, None] + np.arange(count)]
        return usual

    def usual_weeks(self, source: str, sectors: pl.Series, last: Int32s, *, weeks: int) -> Floats:
        """Usual activity of the weeks that end on some day, the oldest first; shape (n, weeks)."""
        daily = self.usual(source, sectors, last, count=weeks * WEEK)
        mean: Floats = daily.reshape(len(last), weeks, WEEK).mean(axis=2)
        return mean

    def _daily(self, source: str, every: Int32s) -> Floats:
        """Factors of each day by row of `_rows`, shape (n_rows, n_days)."""
        if source not in self._rows:
            return np.ones((1, len(every)))
        curves = self._curves[source]
        around, slot = _around_new_year(every)
        year = curves[_YEAR][:, _week_of_year(every)]
        festival = curves[_NEW_YEAR][:, slot]
        season = np.where(around, festival, year) * curves[_WEEKDAY][:, _weekday(every)]
        return np.maximum(season, _LEAST)

    @cached_property
    def _rows(self) -> dict[str, dict[str, int]]:
        known = self.table.select("source", "sector").unique(maintain_order=True)
        rows: dict[str, dict[str, int]] = {}
        for source, sector in known.iter_rows():
            of_source = rows.setdefault(source, {})
            of_source[sector] = len(of_source)
        return rows

    @cached_property
    def _curves(self) -> dict[str, dict[str, Floats]]:
        curves: dict[str, dict[str, Floats]] = {}
        for (source, cycle), part in self.table.group_by("source", "cycle", maintain_order=True):
            rows = self._rows[str(source)]
            ordered = part.sort(pl.col("sector").replace_strict(rows), "slot")
            curves.setdefault(str(source), {})[str(cycle)] = (
                ordered["factor"].to_numpy().reshape(len(rows), -1)
            )
        return curves


def build_season(signals: Signals, firms: pl.Series, *, until: int) -> Season:
    """Count the season of some firms' records.

    Parameters
    ----------
    signals : Signals
    firms : polars.Series of String
        Firms of the training side.
    until : int
        Records of that day and later are not looked at, as days since 1970.
    """
    parts: list[pl.DataFrame] = []
    for source in ACTIVITY:
        of_days = _activity_by_day(signals, source, firms, until=until)
        if of_days is not None:
            parts.extend(_factors(source, *of_days))
    return Season(pl.concat(parts) if parts else pl.DataFrame(schema=SCHEMA))


_ByDay = tuple[Int32s, Mapping[str, tuple[Floats, Floats]]]
"""Days, and by sector the sum of activity against the firms' means and the number of firms."""


def _activity_by_day(
    signals: Signals, source: str, firms: pl.Series, *, until: int
) -> _ByDay | None:
    """Activity by sector and day against the firms' mean days; None without records."""
    table, value, _ = ACTIVITY[source]
    if table not in signals.tables:
        return None
    parts = [
        _firm_days(signals, table, value, bucket=bucket, firms=firms, until=until)
        for bucket in signals.buckets
    ]
    of_day = pl.concat([days for days, _ in parts])
    spans = pl.concat([spans for _, spans in parts])
    if spans.is_empty():
        return None
    first, last = int(spans["first"].min()), int(spans["last"].max())  # type: ignore[arg-type]
    every = np.arange(first, last + 1, dtype=np.int32)
    sectors = spans["sector"].drop_nulls().unique().sort()
    by_sector = {EVERY_TRADE: _totals(of_day, spans, every)}
    for sector in sectors:
        by_sector[sector] = _totals(
            of_day.filter(sector=sector), spans.filter(sector=sector), every
        )
    return every, by_sector


def _totals(of_day: pl.DataFrame, spans: pl.DataFrame, every: Int32s) -> tuple[Floats, Floats]:
    """Activity of each day against the firms' means, summed, and how many firms there are."""
    first = every[0]
    share = np.bincount(
        of_day["day"].to_numpy() - first, of_day["share"].to_numpy(), minlength=len(every)
    )
    change = np.zeros(len(every) + 1)
    np.add.at(change, spans["first"].to_numpy() - first, 1.0)
    np.add.at(change, spans["last"].to_numpy() + 1 - first, -1.0)
    return share.astype(np.float64), np.cumsum(change)[:-1]


def _firm_days(
    signals: Signals, table: str, value: pl.Expr, *, bucket: str, firms: pl.Series, until: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Activity of each firm's days against its mean, and its first and last day."""
    event = TABLES[table].event
    rows = signals.read(table, bucket=bucket)
    if table == "invoices":
        rows = rows.filter(direction="output", status="valid")
    rows = rows.filter(pl.col("firm_id").is_in(firms.implode()))
    daily = (
        rows.select("firm_id", pl.Series("day", days(rows[event])), value=value)
        .filter(pl.col("day") < until)
        .group_by("firm_id", "day")
        .agg(pl.col("value").sum())
    )
    spans = (
        daily.group_by("firm_id")
        .agg(first=pl.col("day").min(), last=pl.col("day").max(), total=pl.col("value").sum())
        .with_columns(length=pl.col("last") - pl.col("first") + 1)
        .filter((pl.col("length") >= _LEAST_DAYS) & (pl.col("total") > 0))
        .with_columns(mean=pl.col("total") / pl.col("length"))
    )
    register = signals.read("firms", bucket=bucket).unique("firm_id", keep="first")
    spans = spans.join(register.select("firm_id", "sector"), on="firm_id", how="left")
    spans = spans.sort("firm_id")
    shares = daily.join(spans, on="firm_id").sort("firm_id", "day")
    return (
        shares.select("sector", "day", share=pl.col("value") / pl.col("mean")),
        spans.select("sector", "first", "last"),
    )


def _factors(
    source: str, every: Int32s, by_sector: Mapping[str, tuple[Floats, Floats]]
) -> Iterable[pl.DataFrame]:
    whole: dict[str, Floats] = {}
    for sector, (total, firms) in by_sector.items():
        curves = _curves_of(total, firms, every, whole)
        whole = whole or curves
        for cycle, curve in curves.items():
            yield pl.DataFrame(
                {
                    "source": [source] * len(curve),
                    "sector": [sector] * len(curve),
                    "cycle": [cycle] * len(curve),
                    "slot": np.arange(len(curve)),
                    "factor": curve,
                },
                schema=SCHEMA,
            )


def _curves_of(
    total: Floats, firms: Floats, every: Int32s, whole: Mapping[str, Floats]
) -> dict[str, Floats]:
    """Factors of one sector by cycle; those of all sectors where `whole` is empty."""
    around, slot = _around_new_year(every)
    usual = ~around
    weekday, week = _weekday(every), _week_of_year(every)
    weight = _PRIOR_FIRMS if whole else 0
    sizes = {_WEEKDAY: WEEK, _YEAR: _WEEKS, _NEW_YEAR: len(_AROUND)}
    prior = whole or {cycle: np.ones(size) for cycle, size in sizes.items()}
    of_week = _mean(total[usual], firms[usual], weekday[usual], prior[_WEEKDAY], weight)
    of_week /= of_week.mean()
    expected = firms * of_week[weekday]
    of_year = _mean(total[usual], expected[usual], week[usual], prior[_YEAR], weight)
    of_year = np.convolve(np.concatenate([of_year[-1:], of_year, of_year[:1]]), _SMOOTH, "valid")
    near = _mean(total[around], expected[around], slot[around], prior[_NEW_YEAR], weight)
    return {_WEEKDAY: of_week, _YEAR: of_year, _NEW_YEAR: near}


def _mean(total: Floats, firms: Floats, slot: Int64s, prior: Floats, weight: float) -> Floats:
    """Activity a firm and day by slot, beside a prior of some firms; empty slots are bridged."""
    count = len(prior)
    added = np.bincount(slot, total, minlength=count) + weight * prior
    counted = np.bincount(slot, firms, minlength=count) + weight
    known = np.flatnonzero(counted > 0)
    if not len(known):
        return np.ones(count)
    return np.interp(np.arange(count), known, added[known] / counted[known], period=count)


def _around_new_year(every: Int32s) -> tuple[Bools, Int64s]:
    """Whether each day lies around the lunar New Year, and its slot there."""
    away = days_from_new_year(every)
    around = (away >= _AROUND.start) & (away < _AROUND.stop)
    return around, np.where(around, away - _AROUND.start, 0).astype(np.int64)


def _weekday(every: Int32s) -> Int64s:
    """0 is Monday; day 0 of 1970 was a Thursday."""
    return ((every + 3) % WEEK).astype(np.int64)


def _week_of_year(every: Int32s) -> Int64s:
    dates = every.astype("datetime64[D]")
    year_day = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    week: Int64s = np.minimum(year_day // WEEK, _WEEKS - 1)
    return week
