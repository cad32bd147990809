"""Closure: a firm short of cash at three month-ends in a row is closed for good; its records end.

Work ends some days before or after that: some firms stop while their cash runs out, others sell
their stock.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.cash import State, default_month
from synthetic.firm.horizon import HISTORY, MONTH_ENDS, PAST_MONTH_ENDS, SHORT_IN_A_ROW, WEEK
from synthetic.firm.work import Days
from synthetic.streams import Bucket

STAYS_OPEN = np.iinfo(np.int32).max // 2
"""Day of a closure that does not come."""


@dataclass(frozen=True)
class Closure:
    """Closed firms; arrays of shape (n_firms,).

    `days` counts the days from closure to application, negative where the firm is open.
    """

    days: Array

    @property
    def closed(self) -> Array:
        """Whether the firm is closed when it applies."""
        return np.asarray(self.days >= 0)


def closures(state: State) -> Closure:
    """Find the firms that were short at three month-ends in a row before they applied."""
    short = state.cash[:, PAST_MONTH_ENDS] < 0
    runs = short.shape[1] - SHORT_IN_A_ROW + 1
    ended = np.logical_and.reduce([short[:, k : k + runs] for k in range(SHORT_IN_A_ROW)])
    first = runs - 1 - ended[:, ::-1].argmax(axis=1)  # the earliest run lies furthest back
    weeks = HISTORY - PAST_MONTH_ENDS[first]
    return Closure(np.where(ended.any(axis=1), weeks * WEEK, -1))


def closing_day(closure: Closure, cash: FloatArray, gone: Array) -> Array:
    """Days from application to closure, negative before it, `STAYS_OPEN` where there is none.

    Parameters
    ----------
    cash : ndarray of shape (n_firms, n_month_ends)
        At the month-ends after the application, with the loan.
    gone : ndarray of shape (n_firms,)
        Day on which a firm that never meant to repay is gone, `STAYS_OPEN` for all others.
    """
    month = default_month(cash < 0, np.ones(cash.shape, np.bool_))
    ahead = np.where(month > 0, MONTH_ENDS[month + SHORT_IN_A_ROW - 2] * WEEK, STAYS_OPEN)
    ahead = np.minimum(ahead, gone)
    return np.where(closure.closed, -closure.days, ahead)


def still_open(closing: Array, days: Days, bucket: Bucket) -> FloatArray:
    """1 on days on which a firm still works, 0 afterwards, shape (n_firms, n_days).

    A closure after the application ends no work before it.

    Parameters
    ----------
    closing : ndarray of shape (n_firms,), days from application to closure
    """
    n, n_days = days.shape
    shift = bucket.stream("closure.work").integers(*bucket.config.demand.work_ends_days, n)
    last = np.where(closing > 0, np.maximum(closing + shift, 0), closing + shift)
    return np.asarray(np.arange(n_days) < (days.history + last)[:, None], np.float32)
