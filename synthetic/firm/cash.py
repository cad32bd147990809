"""Cash buffer of a firm, in months of turnover, week by week.

    C[w+1] = C[w] + dt · ((usual - C[w]) / reversion + leverage · health[w] + season[w])
                  + sd · sqrt(dt) · surprise[w] - taken[w] + debts[w]

`taken` is what accidents, floods and failed core firms take at once, `season` the free cash of the
trade's month against an average one, `debts` the instalments of loans that the firm already has.
An instalment is missed where C < 0 at a month's end. Three month-ends short in a row are 90 days
past due. Everything after the application is linear in the shocks, so `true_pd` can integrate it,
and a loan adds a path of its own (`synthetic.loan.offer_cash`).
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.health import Health, first_week
from synthetic.firm.horizon import HISTORY, SHORT_IN_A_ROW, STEP, WEEKS
from synthetic.firm.population import Population
from synthetic.firm.shocks import Common
from synthetic.streams import Bucket


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


@dataclass(frozen=True)
class State:
    """Latent state of firms: what their cash follows from, and the path itself.

    Attributes
    ----------
    health : Health
    surprise : ndarray of shape (n_firms, WEEKS), standard normal
    common_surprise : ndarray of shape (n_firms, WEEKS)
        Part of `surprise` that is common to all firms.
    flows : ndarray of shape (n_firms, WEEKS)
        Months of turnover that season and debts bring (positive) or take in a week.
    cash_buffer : CashBuffer
    cash : ndarray of shape (n_firms, WEEKS), months of turnover
    """

    health: Health
    surprise: FloatArray
    common_surprise: FloatArray
    flows: FloatArray
    cash_buffer: CashBuffer
    cash: FloatArray


def cash_buffer(firms: Population, own_sd: FloatArray, bucket: Bucket) -> CashBuffer:
    """Usual buffers and surprises of each firm; uneven orders make uneven cash."""
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
        noise_sd=c.noise_sd
        * (own_sd / bucket.config.health.own_sd) ** c.noise_own
        * np.exp(c.noise_spread * luck),
    )


def surprises(
    firms: Population, common: Common, bucket: Bucket, *, name: str
) -> tuple[FloatArray, FloatArray]:
    """Cash surprises (late customers, repairs), standard normal, and their common part.

    surprise = sqrt(1 - share) · own + sqrt(share) · common

    Returns
    -------
    tuple of ndarray of shape (n_firms, WEEKS)
    """
    share = bucket.config.cash.common_share
    own = bucket.stream(f"{name}.surprise").standard_normal((len(firms), WEEKS))
    weeks = first_week(firms, bucket.config)[:, None] + np.arange(WEEKS)
    shared = np.sqrt(share) * common.payment[0, weeks]
    return np.sqrt(1 - share) * own + shared, shared


def cash_path(
    health: Health,
    surprise: FloatArray,
    flows: FloatArray,
    buffer: CashBuffer,
    p: WorldConfig,
) -> FloatArray:
    """Cash week by week, equation above.

    Parameters
    ----------
    surprise, flows : ndarray of shape (n_firms, WEEKS)
        Standard normal surprises; season and debts in months of turnover.

    Returns
    -------
    ndarray of shape (n_firms, WEEKS), months of turnover
    """
    c = p.cash
    orders, taken = health.total, health.cash_taken(p)
    path = np.empty_like(orders)
    path[:, 0] = buffer.usual + c.leverage * c.reversion_months / 3 * orders[:, 0]
    for w in range(orders.shape[1] - 1):
        pull = (buffer.usual - path[:, w]) / c.reversion_months
        path[:, w + 1] = (
            path[:, w]
            + STEP * (pull + c.leverage * orders[:, w])
            + buffer.noise_sd * np.sqrt(STEP) * surprise[:, w]
            - taken[:, w]
            + flows[:, w]
        )
        if w < HISTORY:
            path[:, w + 1] = np.maximum(path[:, w + 1], c.floor)
    return path


def default_month(short: Array, due: Array) -> Array:
    """Month of the first instalment that is never caught up, 0 where there is none.

    An instalment missed in a month in which something is due, and cash short at the next two
    month-ends as well, is 90 days past due.

    Parameters
    ----------
    short, due : ndarray of bool, shape (n, months)
        Whether cash does not suffice at a month's end, and whether anything falls due.
    """
    months = short.shape[1] - SHORT_IN_A_ROW + 1
    runs = np.logical_and.reduce([short[:, k : k + months] for k in range(SHORT_IN_A_ROW)])
    runs &= due[:, :months]
    return np.where(runs.any(axis=1), runs.argmax(axis=1) + 1, 0)
