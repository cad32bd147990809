"""Draws of a line: borrowed and repaid at will, the whole limit at a time.

A draw lasts 47 days on average (R035) and comes 3.2 times a year (R036); both its length and the
wait for the next one are exponential, so that a line is drawn as often on its first day as later.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import DAYS_A_YEAR
from synthetic.firm.horizon import LONGEST_TERM
from synthetic.loan.outcome import due_day
from synthetic.streams import Bucket

MOST_TURNS = 60
"""Draws and repayments within the longest term; as many come once in a million lines."""

DUE_DAYS = due_day(np.arange(LONGEST_TERM + 1))
"""Days after disbursement on which interest falls due, month 0 first."""


@dataclass(frozen=True)
class LineDraws:
    """Draws of a line of each firm, whether it has one or not.

    Attributes
    ----------
    drawn_first : ndarray of bool, shape (n_firms,)
        Whether the line is drawn on the day of disbursement.
    turns : ndarray of int, shape (n_firms, MOST_TURNS)
        Days after disbursement on which a draw begins or is repaid, in turn.
    """

    drawn_first: Array
    turns: Array

    @property
    def begins(self) -> Array:
        """Whether each turn begins a draw, shape (n_firms, MOST_TURNS)."""
        return np.asarray(self.drawn_first[:, None] == (np.arange(MOST_TURNS) % 2 == 1))

    def drawn_on(self, day: Array) -> Array:
        """Whether each line is drawn at the end of a day, one day a firm."""
        turned = (self.turns <= day[:, None]).sum(axis=1)
        return np.asarray(self.drawn_first == (turned % 2 == 0))

    @property
    def drawn_share(self) -> FloatArray:
        """Share of the days of each month on which the line is drawn, (n_firms, LONGEST_TERM)."""
        days = self.drawn_first[:, None] * DUE_DAYS
        for begins, turn in zip(self.begins.T, self.turns.T, strict=True):
            days = days + np.where(begins, 1, -1)[:, None] * np.maximum(DUE_DAYS - turn[:, None], 0)
        return np.asarray(np.diff(days, axis=1) / np.diff(DUE_DAYS))


def line_draws(n: int, bucket: Bucket) -> LineDraws:
    """Draw the times at which lines are drawn and repaid."""
    p = bucket.config.loan
    rng = bucket.stream("book.line")
    drawn_first = rng.random(n) < p.line_drawn
    idle_days = DAYS_A_YEAR / p.line_draws_per_year - p.line_draw_days
    drawn = drawn_first[:, None] == (np.arange(MOST_TURNS) % 2 == 0)
    lasts = rng.standard_exponential((n, MOST_TURNS)) * np.where(drawn, p.line_draw_days, idle_days)
    return LineDraws(drawn_first, np.ceil(np.cumsum(lasts, axis=1)).astype(np.int64))
