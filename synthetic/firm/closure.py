"""Closure: a firm short of cash at three month-ends in a row is closed for good; its records end.

Work ends some days before or after that: some firms stop while their cash runs out, others sell
their stock.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.cash import State
from synthetic.firm.horizon import HISTORY, PAST_MONTH_ENDS, SHORT_IN_A_ROW, WEEK
from synthetic.firm.work import Days
from synthetic.streams import Bucket


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


def still_open(closure: Closure, days: Days, bucket: Bucket) -> FloatArray:
    """1 on days on which a firm still works, 0 afterwards, shape (n_firms, n_days)."""
    n, n_days = days.shape
    shift = bucket.stream("closure.work").integers(*bucket.config.demand.work_ends_days, n)
    last = np.where(closure.closed, n_days - closure.days + shift, n_days)
    return np.asarray(np.arange(n_days) < last[:, None], np.float32)
