"""Cash shortfall and late payment.

    shortfall = max(1 - cash / patience, 0)
    delay = habit · gamma noise + added · shortfall^power · gamma noise      (days after the bill)

`habit` follows from management, `cash` is the buffer in months of turnover. A shortfall also makes
a firm buy less, run out of stock, ship late and void more; each signal's module has the equation.
"""

from collections.abc import Callable

import numpy as np

from features.arrays import FloatArray
from synthetic.config.schema import PaymentConfig
from synthetic.streams import Rng


def cash_shortfall(cash: FloatArray, p: PaymentConfig) -> FloatArray:
    """Cash shortfall of a firm, from 0 (none) to `worst_shortfall`.

    max(1 - cash / patience, 0)

    Parameters
    ----------
    cash : ndarray of any shape, months of turnover
    p : PaymentConfig

    Returns
    -------
    ndarray of the same shape
    """
    return np.asarray(np.clip(1 - cash / p.patience_months, 0, p.worst_shortfall))


def payment_luck(p: PaymentConfig, n: int) -> Callable[[Rng, int], FloatArray]:
    """Draw of the noise of habit and of shortfall, shape (2, n, n_bills)."""
    return lambda rng, bills: rng.gamma(p.regularity, 1 / p.regularity, (2, n, bills))


def delay_days(
    cash: FloatArray,
    quality: FloatArray,
    delay: tuple[float, float],
    p: PaymentConfig,
    luck: FloatArray,
) -> FloatArray:
    """Days from bill to payment.

    Parameters
    ----------
    cash : ndarray of shape (n_firms, n_bills), months of turnover
    quality : ndarray of shape (n_firms,), standard normal
    delay : pair of float
        Days that a typical firm takes, and days added by a shortfall of 1 (no cash at all).
    p : PaymentConfig
    luck : ndarray of shape (2, n_firms, n_bills), from `payment_luck`

    Returns
    -------
    ndarray of shape (n_firms, n_bills), days, >= 0
    """
    usual, added = delay
    habit = usual * np.exp(-p.quality * quality)[:, None]
    short = cash_shortfall(cash, p) ** p.shortfall_power
    return np.asarray(habit * luck[0] + added * short * luck[1])
