"""Acceptance: whether a firm takes the loan that it is offered.

    log odds = -slope · log((rate - least) / half) + need · (missing cash - usual gap)

The curve of the rate is the logistic fit to the demand data of the 2020 modelling contest: 29
yearly rates from 4 to 15 %, three ratings, of which we take the mean. Beyond 15 % it is
extrapolated. A firm in need takes more; that tilt is assumed.
"""

import numpy as np
from scipy.special import expit

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State
from synthetic.firm.horizon import HISTORY
from synthetic.streams import Bucket


def accept_probability(rate_pct: FloatArray, state: State, config: WorldConfig) -> FloatArray:
    """Probability that each firm takes a loan at a rate, equation above.

    Parameters
    ----------
    rate_pct : ndarray of shape (n_offers,)
        % a year.
    state : State
        Of the firms to which the offers are made.
    """
    p = config.acceptance
    missing = np.clip(state.cash_buffer.usual - state.cash[:, HISTORY], *p.gap_limits)
    above = np.maximum(rate_pct - p.least_rate_pct, np.finfo(float).tiny)
    odds = -p.slope * np.log(above / p.half_rate_pct) + p.need * (missing - p.usual_gap)
    return np.asarray(expit(odds))


def acceptance_luck(n: int, bucket: Bucket) -> FloatArray:
    """Uniform number of each firm, shape (n,): it takes what it takes with a greater probability.

    One number for all offers, so that a firm that takes a loan takes it at any lower rate too.
    """
    return np.asarray(bucket.stream("book.accept").random(n))


def accepts(probability: FloatArray, luck: FloatArray) -> Array:
    """Whether each offer is taken in this world."""
    return np.asarray(luck < probability)
