"""Invoiced turnover: yearly sales and purchases, and purchases under a cash shortfall."""

import numpy as np

from features.arrays import FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import CashBuffer
from synthetic.firm.payment import cash_shortfall
from synthetic.firm.population import Population
from synthetic.streams import Bucket


def yearly(firms: Population, buffer: CashBuffer, bucket: Bucket) -> tuple[FloatArray, FloatArray]:
    """Net amounts of sales and of purchases that get an invoice in a usual year.

        sales = turnover · invoiced share · honesty
        purchases = sales · (1 - margin),    margin = the trade's + gain · hidden buffer

    A firm whose usual buffer is larger than its register suggests earns more on its sales.

    Returns
    -------
    tuple of ndarray of shape (n_firms,), CNY
    """
    p = bucket.config.turnover
    rng = bucket.stream("turnover.habits")
    share = np.array(bucket.config.per_trade("invoiced"))[firms.trade]
    share = np.clip(
        share * np.exp(p.invoiced_sd * rng.standard_normal(len(firms))), p.least_invoiced, 1.0
    )
    sales = firms.sales_cny * share * bucket.config.tax.honest_share
    margin = np.array(bucket.config.per_trade("margin"))[firms.trade]
    margin = (
        margin
        + p.margin_buffer * (buffer.usual - buffer.visible)
        + p.margin_sd * rng.standard_normal(len(firms))
    )
    bought = (
        sales
        * np.clip(1 - margin, *p.purchase_limits)
        * np.exp(p.purchase_sd * rng.standard_normal(len(firms)))
    )
    return sales, bought


def purchase_factor(cash: FloatArray, config: WorldConfig) -> FloatArray:
    """Purchases against need, exp(-fall · shortfall): a firm short of cash buys later and less.

    Parameters
    ----------
    cash : ndarray of shape (n_firms, n_days), months of turnover
    """
    return np.asarray(
        np.exp(-config.turnover.purchase_shortfall * cash_shortfall(cash, config.payment))
    )
