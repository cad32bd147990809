"""Activity since disbursement: season-adjusted levels, CUSUM, and falls of single days.

    adjusted[w] = activity[w] / usual[w]                         usual: `features.loan.season`
    level[w]    = adjusted[w] / mean of the year before disbursement
    cusum[w]    = max(0, cusum[w-1] + (1 - level[w]) - ALLOWANCE)       from disbursement on

The level of the CUSUM is the mean of the sources, each weighed by one over the variance of its
weeks before disbursement, so that steady records count most. It comes to the weeks of usual
activity that were lost beyond the allowance. E. S. Page (1954), Continuous inspection schemes,
Biometrika 41.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.arrays import Bools, Floats, Int32s
from features.engine.daily_grid import third_day_down
from features.engine.frame_builder import WEEKS, FrameSet
from features.engine.point_in_time import MISSING, SOURCE_LAG_DAYS
from features.loan.season import ACTIVITY, Season
from features.table.frames import HORIZON_DAYS, WEEK

ALLOWANCE = 0.30
"""Share by which activity may lie below its level unnoticed: the fall of R189. Of 0.1, 0.2 and
0.3 it warned of most defaults at ten false alarms a 1,000 loan-months (worlds 31 and 32)."""

MOST_LEVEL = 3.0
"""Greatest level against the year before: one new source says nothing against the others."""

_LEAST_SD = 0.1
"""Least standard deviation of the weeks before: steadier firms are taken for this steady."""

_BEFORE = 52
"""Weeks before disbursement that make a firm's level, at most."""

_LEAST_WEEKS = 13
"""Weeks of them that must be known."""

_QUARTER, _MONTH = 13, 4
_MONTH_DAYS = 28
_COUNT = HORIZON_DAYS // WEEK


@dataclass(frozen=True, eq=False)
class Weeks:
    """Season-adjusted activity by week, the oldest first; arrays of shape (n, 65).

    Attributes
    ----------
    adjusted : dict of source to ndarray
        Activity a known day against the usual of the season; NaN where half or more is unknown.
    before : dict of source to ndarray of bool
        Weeks that end before disbursement, within the year before it.
    since : dict of source to ndarray of bool
        Weeks that begin on the day of disbursement or later.
    """

    adjusted: Mapping[str, Floats]
    before: Mapping[str, Bools]
    since: Mapping[str, Bools]


def weeks_of(
    frames: FrameSet, as_of: Int32s, disbursed: Int32s, sectors: pl.Series, season: Season
) -> Weeks:
    """Adjust the weeks of each source for the season.

    Parameters
    ----------
    frames : FrameSet
    as_of, disbursed : ndarray of shape (n,)
        Days since 1970; `MISSING` where there was no disbursement by then.
    sectors : polars.Series of String
    season : Season
    """
    n = len(as_of)
    weekly = frames.frames[WEEKS]
    adjusted, before, since = {}, {}, {}
    back = WEEK * np.arange(_COUNT - 1, -1, -1, dtype=np.int32)
    for source, (_, _, column) in ACTIVITY.items():
        last = as_of - np.int32(SOURCE_LAG_DAYS[source])
        values = weekly[column].fill_null(np.nan).to_numpy().reshape(n, _COUNT)
        usual = season.usual_weeks(source, sectors, last, weeks=_COUNT)
        ends = last[:, None] - back
        day = disbursed[:, None]
        adjusted[source] = np.maximum(values, 0) / usual
        before[source] = (ends < day) & (ends >= day - WEEK * _BEFORE) & (day != MISSING)
        since[source] = (ends - WEEK + 1 >= day) & (day != MISSING)
    return Weeks(adjusted, before, since)


def activity_columns(weeks: Weeks) -> dict[str, Floats]:
    """Columns of the loan frame that are counted from weeks, each of shape (n,)."""
    columns: dict[str, Floats] = {}
    relative, precision, levels = [], [], []
    for source, adjusted in weeks.adjusted.items():
        before, since = weeks.before[source], weeks.since[source]
        level, sd = _level(adjusted, before)
        now = _mean(adjusted[:, -_QUARTER:], since[:, -_QUARTER:], least=_MONTH)
        columns[f"{source}_now"] = now
        columns[f"{source}_before"] = level
        month = adjusted[:, -_MONTH:]
        quarter = adjusted[:, -_MONTH - _QUARTER : -_MONTH]
        columns[f"{source}_month"] = _mean(month, ~np.isnan(month), least=_MONTH // 2)
        columns[f"{source}_quarter_before"] = _mean(
            quarter, ~np.isnan(quarter), least=_QUARTER // 2
        )
        levels.append(np.minimum(now / level, MOST_LEVEL))
        relative.append(np.where(since, np.minimum(adjusted / level[:, None], MOST_LEVEL), np.nan))
        precision.append(1 / sd**2)
    columns["level_since"] = _nanmean(np.stack(levels))
    columns["cusum"] = _cusum(1 - _weighed(np.stack(relative), np.stack(precision)))
    return columns


def weekly_level(weeks: Weeks) -> Floats:
    """Activity of each week against the year before disbursement, mean of the sources.

    Returns
    -------
    ndarray of shape (n, 65)
        The oldest week first; NaN where nothing is known.
    """
    levels = []
    for source, adjusted in weeks.adjusted.items():
        level, _ = _level(adjusted, weeks.before[source])
        levels.append(np.minimum(adjusted / level[:, None], MOST_LEVEL))
    return _nanmean(np.stack(levels))


def falls_of_orders(
    frames: FrameSet, as_of: Int32s, sectors: pl.Series, season: Season
) -> dict[str, Floats]:
    """Days of the last four weeks on which orders were down 30 % for the third day in a row.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        `orders_down` against the usual of the season, `orders_down_bare` as they are counted
        (R189); NaN where the shop's record covers none of these days.
    """
    orders, span = frames.orders, frames.shop_span
    last = as_of - np.int32(SOURCE_LAG_DAYS["ecommerce"])
    usual = season.usual("ecommerce", sectors, last, count=HORIZON_DAYS)
    known = (span.newest < _MONTH_DAYS) & (span.oldest >= span.newest)
    columns = {}
    for name, values in (
        # hundredths of a usual day's order: the rule counts in whole numbers
        ("orders_down", np.rint(100 * orders / usual)),
        ("orders_down_bare", orders),
    ):
        down = third_day_down(values, span.oldest, span.newest)[:, -_MONTH_DAYS:]
        columns[name] = np.where(known, down.sum(axis=1), np.nan)
    return columns


def _level(adjusted: Floats, before: Bools) -> tuple[Floats, Floats]:
    """Mean of the weeks before, and their standard deviation against it; each of shape (n,)."""
    level = _mean(adjusted, before, least=_LEAST_WEEKS)
    level = np.where(level > 0, level, np.nan)
    apart = np.where(before, adjusted / level[:, None] - 1, np.nan)
    sd = np.sqrt(_mean(apart * apart, before, least=_LEAST_WEEKS))
    return level, np.maximum(sd, _LEAST_SD)


def _mean(values: Floats, chosen: Bools, *, least: int) -> Floats:
    """Mean of the chosen known values of each row; NaN where there are fewer than `least`."""
    known = chosen & ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count >= least, total / np.maximum(count, 1), np.nan)


def _nanmean(values: Floats) -> Floats:
    """Mean over the first axis of what is known."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _weighed(levels: Floats, precision: Floats) -> Floats:
    """Mean of the sources' levels, each by its precision; shape (n, 65), NaN where none is known.

    Parameters
    ----------
    levels : ndarray of shape (n_sources, n, 65)
    precision : ndarray of shape (n_sources, n)
    """
    known = ~np.isnan(levels)
    weight = np.where(known, precision[..., None], 0.0).sum(axis=0)
    total = np.where(known, levels * precision[..., None], 0.0).sum(axis=0)
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)


def _cusum(fall: Floats) -> Floats:
    """CUSUM of each row at its end; NaN where no week is known since disbursement."""
    total = np.zeros(len(fall))
    for week in range(fall.shape[1]):
        step = fall[:, week]
        total = np.where(np.isnan(step), total, np.maximum(0.0, total + step - ALLOWANCE))
    return np.where(np.isnan(fall).all(axis=1), np.nan, total)
