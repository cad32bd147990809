"""Calendar months inside each firm's history, on a grid that all firms of a bucket share."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.work import Days
from synthetic.setting.calendar import Calendar

MONTHS_A_YEAR = 12
LONGEST_MONTH, SHORTEST_MONTH = 31, 28
"""Days."""


@dataclass(frozen=True)
class Months:
    """The last months that ended inside each firm's history, and those after it.

    Attributes
    ----------
    ends : ndarray of shape (n_firms, n_months)
        World day of each month's last day, oldest first.
    starts : ndarray of shape (n_firms, n_months)
        World day of its first day.
    first : ndarray of shape (n_firms,)
        World day on which the history begins.
    n_days : int
    history_days, history : int
        Days and months before the application; those after it follow.
    """

    ends: Array
    starts: Array
    first: Array
    n_days: int
    history_days: int
    history: int

    @property
    def steps(self) -> tuple[int, int]:
        """Months of the history, and in all."""
        return self.history, self.ends.shape[1]

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

        The value of the last known day where that is later; a month of the history knows no day
        after the application.
        """
        before = np.arange(self.ends.shape[1]) < self.history
        last = np.where(before, self.history_days, self.n_days) - 1
        column = np.clip(self.ends - self.first[:, None] + lag, 0, last)
        return np.take_along_axis(values, column, axis=1)


def months_of(days: Days, calendar: Calendar) -> Months:
    """The months that end within each firm's days; as many for every firm."""
    last = days.index[:, days.history - 1]
    world_ends = _month_ends(calendar)
    n_months, n_after = days.history // LONGEST_MONTH, -(-int(days.after.sum()) // SHORTEST_MONTH)
    newest = np.searchsorted(world_ends, last, side="right") - 1
    which = newest[:, None] + np.arange(1 - n_months, 1 + n_after)
    ends = world_ends[which]
    return Months(
        ends=ends,
        starts=world_ends[which - 1] + 1,
        first=days.index[:, 0],
        n_days=days.shape[1],
        history_days=days.history,
        history=n_months,
    )


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
