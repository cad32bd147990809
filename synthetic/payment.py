"""Paying late: what an empty purse looks like from outside.

    delay = habit · gamma noise + bite · max(1 - cash, 0)² · noise      (days after the bill)

`habit` is management, `cash` the buffer in months of turnover on the due day.
"""

import numpy as np

from synthetic.arrays import Float, Rng

PATIENCE = 1.0
"""Months of turnover below which bills wait; assumed."""


def delay_days(cash: Float, quality: Float, *, usual: float, bite: float, rng: Rng) -> Float:
    """Days from bill to payment.

    Parameters
    ----------
    cash : ndarray of shape (n_firms, n_bills), months of turnover
    quality : ndarray of shape (n_firms,), standard normal
    usual : float
        Days that a typical firm takes.
    bite : float
        Days added by a buffer one month below `PATIENCE`.

    Returns
    -------
    ndarray of shape (n_firms, n_bills), days, >= 0
    """
    habit = usual * np.exp(-0.35 * quality)[:, None] * rng.gamma(3.0, 1 / 3.0, cash.shape)
    want = np.maximum(PATIENCE - cash, 0.0) ** 2
    return np.asarray(habit + bite * want * rng.gamma(2.0, 0.5, cash.shape))
