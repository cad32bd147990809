"""The score's scale: 300 to 850, 600 at good:bad odds of 50:1, 40 points double the odds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit

if TYPE_CHECKING:
    from features.arrays import Array

ANCHOR = 600.0  # points at ANCHOR_ODDS goods to one bad
ANCHOR_ODDS = 50.0
POINTS_TO_DOUBLE = 40.0
LOWEST, HIGHEST = 300.0, 850.0

FACTOR = POINTS_TO_DOUBLE / math.log(2)
OFFSET = ANCHOR - FACTOR * math.log(ANCHOR_ODDS)


def score(pd: Array) -> Array:
    """Points of a probability of default, higher is better.

    Parameters
    ----------
    pd : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,), from 300 to 850, not rounded
    """
    return np.clip(OFFSET - FACTOR * logit(pd), LOWEST, HIGHEST)
