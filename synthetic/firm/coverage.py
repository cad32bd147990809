"""Coverage of firms by data source; never before the firm was founded.

One hidden propensity, the owner's digital habits, joins the sources (a Gaussian copula with one
factor): a firm that invoices electronically also tends to sell online. Electricity covers all.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.population import Population
from synthetic.streams import Bucket


@dataclass(frozen=True)
class Coverage:
    """Column of the history at which each source begins, shape (n_firms,); -1: not covered.

    `online` says whether a firm has a shop online, which its platform may not report.
    """

    tax: Array
    electricity: Array
    logistics: Array
    ecommerce: Array
    online: Array


def coverage(firms: Population, n_days: int, bucket: Bucket) -> Coverage:
    """Decide which sources cover each firm."""
    p = bucket.config.coverage
    n = len(firms)
    online = online_propensity(firms, bucket.config)
    lean = online - float(ndtri(p.online))
    shared = p.digital_loading * firms.digital

    def propensity(name: str, pull: float) -> FloatArray:
        idiosyncratic = bucket.stream(f"coverage.{name}").standard_normal(n)
        return np.asarray(shared + np.sqrt(1 - p.digital_loading**2) * idiosyncratic + pull * lean)

    born = np.maximum(n_days - np.floor(firms.age_years * 365.25).astype(np.int64), 0)

    def since(covered: Array, start: Array | int = 0) -> Array:
        return np.where(covered, np.maximum(start, born), -1)

    tax = propensity("tax", 0.0)
    late = bucket.stream("coverage.start").random(n)
    first, last = p.tax_start
    begins = np.where(
        tax > -ndtri(p.tax_complete), 0, (n_days * (first + (last - first) * late)).astype(int)
    )
    shop = propensity("ecommerce", 0.0)
    return Coverage(
        tax=since(tax > -ndtri(p.tax_complete + p.tax_partial), begins),
        electricity=born,
        logistics=since(propensity("logistics", p.logistics_online) > -ndtri(p.logistics)),
        ecommerce=since(shop > -ndtri(ndtr(online) * p.online_scale)),
        online=shop > -online,
    )


def online_propensity(firms: Population, config: WorldConfig) -> FloatArray:
    """Probit of an online flow: the report's share of the trade, else ours lifted by area."""
    probit = ndtri(np.array(config.per_trade("digital")))[firms.trade]
    reported = np.array(config.per_trade("digital_reported"))[firms.trade]
    return np.asarray(
        probit + np.where(reported, 0.0, np.take(config.coverage.area_lift, firms.area))
    )
