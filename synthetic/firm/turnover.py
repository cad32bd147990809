"""How much a firm invoices and buys in a usual year, and what an empty purse does to buying."""

import numpy as np

from features.arrays import FloatArray
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
    rng = bucket.stream("turnover.habits")
    share = np.array(bucket.config.per_trade("invoiced"))[firms.trade]
    share = np.clip(share * np.exp(0.2 * rng.standard_normal(len(firms))), 0.03, 1.0)
    sales = firms.sales_cny * share * bucket.config.tax.honest_share
    margin = np.array(bucket.config.per_trade("margin"))[firms.trade]
    margin = (
        margin + 0.12 * (buffer.usual - buffer.visible) + 0.05 * rng.standard_normal(len(firms))
    )
    bought = (
        sales * np.clip(1 - margin, 0.25, 1.15) * np.exp(0.25 * rng.standard_normal(len(firms)))
    )
    return sales, bought


def purchase_factor(cash: FloatArray) -> FloatArray:
    """Purchases against need, exp(-0.7 · strain): a firm short of cash buys later and less.

    Parameters
    ----------
    cash : ndarray of shape (n_firms, n_days), months of turnover
    """
    return np.asarray(np.exp(-0.7 * cash_shortfall(cash)))
