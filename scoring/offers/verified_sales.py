"""Verified sales of applicants: what their records show of a year and of its weakest month."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from features.arrays import Array, Floats
from scoring.offers.policy import OfferPolicy

_YEAR = 365

_DAILY = {"tax": "tax_sales_mean_365d", "ecommerce": "ecommerce_gmv_mean_365d"}
_WORST = {"tax": "tax_sales_worst_month_365d", "ecommerce": "ecommerce_orders_worst_month_365d"}
_WORST_AGE = {
    "tax": "tax_sales_worst_month_age_365d",
    "ecommerce": "ecommerce_orders_worst_month_age_365d",
}
SOURCES = tuple(_DAILY)
"""Sources whose records hold sales."""

_HALF_MONTH = 14
_MONTHS = 12


@dataclass(frozen=True)
class VerifiedSales:
    """Verified sales of some applicants; arrays of shape (n,).

    Attributes
    ----------
    yearly_cny : ndarray
        Of the source that counts: the one whose share allows most. NaN where no sale is known.
    allowed_cny : ndarray
        That source's share of them by the policy; of a policy without shares the sales.
    source : ndarray of str
        Name of that source; empty where no sale is known.
    weak_month : ndarray
        Sales of the weakest month against the mean; 1 where it is not known.
    weak_calendar_month : ndarray of int
        Calendar month of it, 1 to 12; 0 where it is not known.
    """

    yearly_cny: Floats
    allowed_cny: Floats
    source: Array
    weak_month: Floats
    weak_calendar_month: Array


def verified_sales(features: pl.DataFrame, policy: OfferPolicy) -> VerifiedSales:
    """Read verified sales off feature rows.

    Only days that the records cover count as verified: the daily mean of a year times the days
    known, at most 365.

    Parameters
    ----------
    features : polars.DataFrame of n rows
        From `features.engine.build.build_features`.
    policy : OfferPolicy
        Its sources and their shares.
    """
    readable = [source for source in SOURCES if source in policy.product.sources]
    shares = {str(name): share for name, share in policy.limit.sales_share.items()}
    shares = shares or dict.fromkeys(readable, 1.0)
    n = features.height
    yearly, allowed = np.full(n, np.nan), np.full(n, np.nan)
    source = np.full(n, "", dtype=object)
    weak, age = np.full(n, np.nan), np.full(n, np.nan)
    for name in readable:
        if name not in shares:
            continue
        days = np.minimum(_numbers(features, f"history_{name}"), _YEAR)
        sales = _numbers(features, _DAILY[name]) * days
        sales = np.where(sales > 0, sales, np.nan)
        better = ~np.isnan(sales) & ~(allowed >= shares[name] * sales)
        yearly, allowed = (
            np.where(better, sales, yearly),
            np.where(better, shares[name] * sales, allowed),
        )
        source[better] = name
        weak = np.where(better, _numbers(features, _WORST[name]), weak)
        age = np.where(better, _numbers(features, _WORST_AGE[name]), age)
    return VerifiedSales(
        yearly_cny=yearly,
        allowed_cny=allowed,
        source=source.astype(str),
        weak_month=np.clip(np.nan_to_num(weak, nan=1.0), 0.0, 1.0),
        weak_calendar_month=_month_of(features["as_of"], age + _HALF_MONTH),
    )


def _numbers(features: pl.DataFrame, name: str) -> Floats:
    # of a column with nulls NumPy makes NaN; an expression would cost an applicant 0.3 ms
    return np.asarray(features[name].to_numpy(), dtype=np.float64)


def _month_of(as_of: pl.Series, days_ago: Floats) -> Array:
    """Calendar month some days before each application; 0 where the days are not known."""
    known = ~np.isnan(days_ago)
    ago = np.where(known, days_ago, 0.0).astype(np.int64)
    months = (as_of.to_numpy().astype("datetime64[D]") - ago).astype("datetime64[M]")
    return np.where(known, months.astype(np.int64) % _MONTHS + 1, 0)
