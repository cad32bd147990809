"""What an empty purse looks like from outside.

    strain = max(1 - cash / patience, 0)
    delay = habit · gamma noise + bite · strain^1.5 · gamma noise      (days after the bill)

`habit` is management, `cash` the buffer in months of turnover. Strain also makes a firm buy less,
run out of stock, ship late and void more; each signal says how.
"""

import numpy as np

from features.arrays import FloatArray
from synthetic.streams import Rng

PATIENCE = 2.5
"""Months of turnover below which bills begin to wait; assumed."""

REGULARITY = 20.0
"""Gamma shape of a firm's delays: one differs from the next by 22 %; assumed."""

WORST = 1.5
"""Most strain there is: a buffer of minus one month."""


def cash_shortfall(cash: FloatArray) -> FloatArray:
    """How short of cash a firm is, 0 (not at all) to `WORST`; the shape of `cash`, in months."""
    return np.asarray(np.clip(1 - cash / PATIENCE, 0, WORST))


def delay_days(
    cash: FloatArray, quality: FloatArray, *, usual: float, bite: float, rng: Rng
) -> FloatArray:
    """Days from bill to payment.

    Parameters
    ----------
    cash : ndarray of shape (n_firms, n_bills), months of turnover
    quality : ndarray of shape (n_firms,), standard normal
    usual : float
        Days that a typical firm takes.
    bite : float
        Days added by a strain of 1, an empty purse.

    Returns
    -------
    ndarray of shape (n_firms, n_bills), days, >= 0
    """
    habit = usual * np.exp(-0.35 * quality)[:, None]
    luck = rng.gamma(REGULARITY, 1 / REGULARITY, (2, *cash.shape))
    return np.asarray(habit * luck[0] + bite * cash_shortfall(cash) ** 1.5 * luck[1])
