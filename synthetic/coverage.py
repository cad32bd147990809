"""Which source reports on a firm, and from when.

One hidden propensity, the owner's digital habits, joins the sources (a Gaussian copula with one
factor): a firm that invoices electronically also tends to sell online. Electricity covers all.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from synthetic.arrays import Float, Int
from synthetic.config import WorldConfig
from synthetic.population import Population
from synthetic.streams import stream


@dataclass(frozen=True)
class Coverage:
    """Column of the history at which each source begins, shape (n_firms,); -1: not covered."""

    tax: Int
    electricity: Int
    logistics: Int
    ecommerce: Int


def coverage(
    firms: Population, n_days: int, seed: int, bucket: int, config: WorldConfig
) -> Coverage:
    """Decide which sources cover each firm."""
    p = config.coverage
    n = len(firms)
    penetration = np.array(config.per_trade("digital"))[firms.trade]
    lean = ndtri(penetration) - float(ndtri(p.online))
    shared = p.digital_loading * firms.digital

    def propensity(name: str, pull: float) -> Float:
        own = stream(seed, f"coverage.{name}", bucket).standard_normal(n)
        return np.asarray(shared + np.sqrt(1 - p.digital_loading**2) * own + pull * lean)

    tax = propensity("tax", 0.4)
    late = stream(seed, "coverage.start", bucket).random(n)
    begins = np.where(tax > -ndtri(p.tax_complete), 0, (n_days * (0.15 + 0.7 * late)).astype(int))
    return Coverage(
        tax=np.where(tax > -ndtri(p.tax_complete + p.tax_partial), begins, -1),
        electricity=np.zeros(n, np.int64),
        logistics=np.where(propensity("logistics", 0.6) > -ndtri(p.logistics), 0, -1),
        ecommerce=np.where(propensity("ecommerce", 1.0) > -ndtri(p.online), 0, -1),
    )
