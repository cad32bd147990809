"""Calendar months inside each firm's history, on a grid that all firms of a bucket share."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.work import Days
from synthetic.setting.calendar import Calendar

MONTHS_A_YEAR = 12


@dataclass(frozen=True)
class Months:
    """The last months that ended inside each firm's history.

    Attributes
    ----------
    ends : ndarray of shape (n_firms, n_months)
        World day of each month's last day, oldest first.
    starts : ndarray of shape (n_firms, n_months)
        World day of its first day.
    first : ndarray of shape (n_firms,)
        World day on which the history begins.
    n_days : int
    """

    ends: Array
    starts: Array
    first: Array
    n_days: int

    def total(self, values: FloatArray) -> FloatArray:
        """Sum daily values (n_firms, n_days) over each month, (n_firms, n_months)."""
        running = np.hstack([np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=float)])
        low = np.clip(self.starts - self.first[:, None], 0, self.n_days)
        high = np.clip(self.ends - self.first[:, None] + 1, 0, self.n_days)
        return np.asarray(
            np.take_along_axis(running, high, axis=1) - np.take_along_axis(running, low, axis=1)
        )

    def on_day(self, values: FloatArray, lag: int) -> FloatArray:
        """Daily values (n_firms, n_days) `lag` days after each month's end, (n_firms, n_months).

        The value of the last known day where that is later.
        """
        column = np.clip(self.ends - self.first[:, None] + lag, 0, self.n_days - 1)
        return np.take_along_axis(values, column, axis=1)


def months_of(days: Days, calendar: Calendar) -> Months:
    """The months that end within each firm's history; as many for every firm."""
    last = days.index[:, -1]
    world_ends = _month_ends(calendar)
    n_months = days.shape[1] // 31
    newest = np.searchsorted(world_ends, last, side="right") - 1
    which = newest[:, None] - np.arange(n_months)[::-1]
    ends = world_ends[which]
    return Months(ends, world_ends[which - 1] + 1, days.index[:, 0], days.shape[1])


def _month_ends(calendar: Calendar) -> Array:
    """World days of all month ends, from one before the world's start."""
    first = calendar.start.replace(day=1) - dt.timedelta(days=1)
    ends = [calendar.day(first)]
    last = len(calendar.month)
    while ends[-1] < last:
        after = calendar.start + dt.timedelta(days=ends[-1] + 1)
        year, month = divmod(after.year * MONTHS_A_YEAR + after.month, MONTHS_A_YEAR)
        ends.append(calendar.day(dt.date(year, month + 1, 1)) - 1)
    return np.array(ends)
