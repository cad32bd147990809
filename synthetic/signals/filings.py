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
    p = bucket.config.tax
    rng = bucket.stream("filings")
    habit = np.clip(
        p.uninvoiced_share
        * np.exp(
            p.uninvoiced_sd * rng.standard_normal(len(firms)) - p.uninvoiced_quality * firms.quality
        ),
        0,
        1,
    )
    extra = (
        1 + np.exp(p.uninvoiced_month_sd * rng.standard_normal(months.ends.shape)) * habit[:, None]
    )
    sales = np.maximum(months.total(invoiced), 0) * extra
    tax = sales * p.small_scale_rate * np.take(p.burden_by_form, firms.form)[:, None]
    due = months.ends + p.filing_due_days
    needed = months.on_day(cash, p.filing_due_days)
    late = delay_days(needed, firms.quality, p.filing_delay, bucket.config.payment, rng)
    filed = months.ends + p.filing_lag_days + np.floor(late).astype(np.int64)
    wait = delay_days(needed, firms.quality, p.payment_delay, bucket.config.payment, rng)
    skipped_share = p.skipped_share * np.exp(-p.skipped_quality * firms.quality)
    skipped = rng.random(due.shape) < skipped_share[:, None]
    filed = np.where(skipped, NEVER, filed)
    paid = np.where(skipped, NEVER, filed + np.floor(wait).astype(np.int64))
    return Filings(due, filed, paid, np.round(sales, 2), np.round(tax, 2))
