"""Acceptance curve of a lender, fitted to its own past offers."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from features.arrays import Floats

_FEWEST = 30
"""Offers taken, and not taken, that a curve needs."""


@dataclass(frozen=True)
class AcceptanceCurve:
    """Probability that an offer is taken: log odds = intercept + slope · log(rate).

    Attributes
    ----------
    intercept, slope : float
        The slope is never above 0.
    offers : int
        Past offers that it was fitted to; 0 where there were too few and every offer is taken.
    """

    intercept: float
    slope: float
    offers: int

    @classmethod
    def fitted(cls, outcomes: pl.DataFrame) -> "AcceptanceCurve":
        """Fit the curve to outcomes of the contract, approved ones whose answer is known."""
        known = outcomes.filter(
            pl.col("approved") & pl.col("accepted").is_not_null(),
            pl.col("offered_rate_pct") > 0,
        )
        taken = known["accepted"].to_numpy()
        if min(taken.sum(), (~taken).sum()) < _FEWEST:
            return cls(intercept=float("inf"), slope=0.0, offers=0)
        rate = np.log(known["offered_rate_pct"].to_numpy())[:, None]
        fit = LogisticRegression(C=np.inf).fit(rate, taken)
        slope = min(float(fit.coef_[0, 0]), 0.0)
        return cls(float(fit.intercept_[0]), slope, known.height)

    def probability(self, rate_pct: Floats) -> Floats:
        """Probability at each rate, % a year."""
        return np.asarray(expit(self.intercept + self.slope * np.log(rate_pct)))
