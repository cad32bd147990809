"""Tax filings: individual businesses file by quarter in truth, all by month here (assumed).

declared = invoiced + uninvoiced share declared,    tax = rate · declared
filed = due - slack + delay(management),            paid = filed + delay(cash)
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.payment import delay_days
from synthetic.firm.population import Population
from synthetic.setting.months import Months
from synthetic.signals.bills import NEVER
from synthetic.streams import Bucket

DUE_DAYS = 15
"""Days from a month's end to the filing deadline; Chinese VAT law."""


@dataclass(frozen=True)
class Filings:
    """Arrays of shape (n_firms, n_months): world days and CNY; `NEVER` where it has not come."""

    due: Array
    filed: Array
    paid: Array
    sales_cny: FloatArray
    tax_cny: FloatArray


def filings(
    firms: Population, invoiced: FloatArray, cash: FloatArray, months: Months, bucket: Bucket,
) -> Filings:  # fmt: skip
    """File and pay each month's tax.

    Parameters
    ----------
    invoiced : ndarray of shape (n_firms, n_days), CNY
    cash : ndarray of shape (n_firms, n_days), months of turnover
    """
    rng = bucket.stream("filings")
    habit = np.clip(
        0.05 * np.exp(0.8 * rng.standard_normal(len(firms)) - 0.3 * firms.quality), 0, 1
    )
    extra = 1 + np.exp(0.5 * rng.standard_normal(months.ends.shape)) * habit[:, None]
    sales = np.maximum(months.total(invoiced), 0) * extra
    tax = sales * bucket.config.tax.small_scale_rate * np.take((1.0, 1.4, 3.0), firms.form)[:, None]
    due = months.ends + DUE_DAYS
    needed = months.on_day(cash, DUE_DAYS)
    late = delay_days(needed, firms.quality, usual=8.0, bite=12.0, rng=rng)
    filed = months.ends + 2 + np.floor(late).astype(np.int64)
    wait = delay_days(needed, firms.quality, usual=1.5, bite=28.0, rng=rng)
    skipped = rng.random(due.shape) < 0.004 * np.exp(-0.6 * firms.quality)[:, None]
    filed = np.where(skipped, NEVER, filed)
    paid = np.where(skipped, NEVER, filed + np.floor(wait).astype(np.int64))
    return Filings(due, filed, paid, np.round(sales, 2), np.round(tax, 2))
