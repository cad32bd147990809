"""Cash buffer and default: a firm defaults when cash runs out.

With the buffer `C` in months of turnover, week by week,

    C[w+1] = C[w] + dt · ((usual - C[w]) / reversion + leverage · health[w])
                  + sd · sqrt(dt) · surprise[w] - bite · accident[w]

An instalment is missed where C < 0 at a month's end. Three month-ends short in a row are 90 days
past due, hence default; the first of them lies in months 1 to 9, so that day 90 falls within the
year. Everything after the application is linear in the shocks, so `true_pd` can integrate it.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.health import FUTURE, HISTORY, Health
from synthetic.firm.population import Population
from synthetic.firm.shocks import DAYS_A_MONTH, WEEK
from synthetic.streams import Bucket

STEP = WEEK / DAYS_A_MONTH
"""A week in months."""

MONTH_ENDS = np.array([round(m * DAYS_A_MONTH / WEEK) for m in range(1, 12)])
"""Weeks after the application at which an instalment falls due, months 1 to 11."""

SHORT_IN_A_ROW = 3
"""Month-ends without cash that make 90 days past due."""


@dataclass(frozen=True)
class CashBuffer:
    """Cash parameters of each firm besides its health; arrays of shape (n_firms,).

    Attributes
    ----------
    visible : ndarray
        Usual buffer as the register lets one expect it, months of turnover.
    usual : ndarray
        Usual buffer in truth.
    noise_sd : ndarray
        Standard deviation of surprises, months of turnover per root month.
    """

    visible: FloatArray
    usual: FloatArray
    noise_sd: FloatArray

    def rows(self, keep: Array) -> "CashBuffer":
        """The same for some of the firms."""
        return CashBuffer(self.visible[keep], self.usual[keep], self.noise_sd[keep])


@dataclass(frozen=True)
class State:
    """Latent state: health, cash surprises (n_firms, n_weeks), parameters and cash path."""

    health: Health
    surprise: FloatArray
    cash_buffer: CashBuffer
    cash: FloatArray


def cash_buffer(firms: Population, bucket: Bucket) -> CashBuffer:
    """Usual buffers and surprises of each firm."""
    c = bucket.config.cash
    n = len(firms)
    visible = (
        c.buffer_mean
        + np.take(c.buffer_form, firms.form)
        + np.take(c.buffer_area, firms.area)
        + np.take(bucket.config.per_trade("buffer"), firms.trade)
        + c.buffer_age
        * np.log(
            np.clip(firms.age_years, *c.age_limits) / bucket.config.population.typical_age_years
        )
    )
    hidden = bucket.stream("cash.hidden").standard_normal(n)
    luck = bucket.stream("cash.volatility").standard_normal(n)
    return CashBuffer(
        visible=visible,
        usual=visible + c.buffer_quality * firms.quality + c.buffer_hidden_sd * hidden,
        noise_sd=c.noise_sd * np.exp(c.noise_spread * luck),
    )


def surprises(n: int, bucket: Bucket, *, name: str) -> FloatArray:
    """Cash surprises (late customers, repairs), standard normal, shape (n, weeks)."""
    rng = bucket.stream(f"{name}.surprise")
    return rng.standard_normal((n, HISTORY + FUTURE + 1))


def cash_path(
    orders: FloatArray,
    strikes: FloatArray,
    surprise: FloatArray,
    buffer: CashBuffer,
    p: WorldConfig,
) -> FloatArray:
    """Cash week by week, equation above.

    Parameters
    ----------
    orders, strikes, surprise : ndarray of shape (n_firms, n_weeks)
        Health, sizes of accidents, standard normal surprises.

    Returns
    -------
    ndarray of shape (n_firms, n_weeks), months of turnover
    """
    c = p.cash
    path = np.empty_like(orders)
    path[:, 0] = buffer.usual + c.leverage * c.reversion_months / 3 * orders[:, 0]
    for w in range(orders.shape[1] - 1):
        pull = (buffer.usual - path[:, w]) / c.reversion_months
        path[:, w + 1] = (
            path[:, w]
            + STEP * (pull + c.leverage * orders[:, w])
            + buffer.noise_sd * np.sqrt(STEP) * surprise[:, w]
            - c.accident_cash * strikes[:, w]
        )
        if w < HISTORY:
            path[:, w + 1] = np.maximum(path[:, w + 1], c.floor)
    return path


def default_month(path: FloatArray) -> Array:
    """Month of the first missed instalment of a default, 0 where there is none.

    Parameters
    ----------
    path : ndarray of shape (n_firms, HISTORY + FUTURE + 1)
    """
    short = path[:, HISTORY + MONTH_ENDS] < 0
    months = short.shape[1] - SHORT_IN_A_ROW + 1
    runs = np.logical_and.reduce([short[:, k : k + months] for k in range(SHORT_IN_A_ROW)])
    return np.where(runs.any(axis=1), runs.argmax(axis=1) + 1, 0)


def without(h: Health, component: str) -> tuple[FloatArray, FloatArray]:
    """Counterfactual health and accidents without one component."""
    strikes = np.zeros_like(h.strikes) if component == "accident" else h.strikes
    return h.total - getattr(h, component), strikes
