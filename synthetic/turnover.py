"""How much a firm invoices and buys in a usual year, and what an empty purse does to buying."""

import numpy as np

from synthetic.arrays import Float
from synthetic.cash import Purse
from synthetic.payment import strain
from synthetic.population import Population
from synthetic.streams import Bucket


def yearly(firms: Population, own: Purse, at: Bucket) -> tuple[Float, Float]:
    """Net amounts of sales and of purchases that get an invoice in a usual year.

        sales = turnover · invoiced share · honesty
        purchases = sales · (1 - margin),    margin = the trade's + gain · hidden buffer

    A firm whose usual buffer is larger than its register suggests earns more on its sales.

    Returns
    -------
    tuple of ndarray of shape (n_firms,), CNY
    """
    rng = at.stream("turnover.habits")
    share = np.array(at.config.per_trade("invoiced"))[firms.trade]
    share = np.clip(share * np.exp(0.2 * rng.standard_normal(len(firms))), 0.03, 1.0)
    sales = firms.sales_cny * share * at.config.tax.honest_share
    margin = np.array(at.config.per_trade("margin"))[firms.trade]
    margin = margin + 0.12 * (own.usual - own.visible) + 0.05 * rng.standard_normal(len(firms))
    bought = (
        sales * np.clip(1 - margin, 0.25, 1.15) * np.exp(0.25 * rng.standard_normal(len(firms)))
    )
    return sales, bought


def thrift(cash: Float) -> Float:
    """Purchases against need, exp(-0.7 · strain): a firm short of cash buys later and less.

    Parameters
    ----------
    cash : ndarray of shape (n_firms, n_days), months of turnover
    """
    return np.asarray(np.exp(-0.7 * strain(cash)))
