"""Tax filings: general payers file by month, small-scale payers by quarter.

declared = invoiced + uninvoiced share declared,    tax = rate · declared
filed = due - slack + delay(management),            paid = filed + delay(cash)

A small-scale payer whose sales stay below the exemption owes nothing and files all the same.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.payment import delay_days, payment_luck
from synthetic.firm.population import Population
from synthetic.setting.calendar import Calendar
from synthetic.setting.months import Months
from synthetic.signals.bills import NEVER
from synthetic.signals.vat import exempt_cny, general_payers, quarter_ends
from synthetic.streams import Bucket

NO_RETURN = np.iinfo(np.int32).max
"""Due day of a month after which no return is due."""


@dataclass(frozen=True)
class Filings:
    """Arrays of shape (n_firms, n_months): world days and CNY.

    `due` is `NO_RETURN` in months that end no period, the other days `NEVER` where it has not come.
    """

    due: Array
    filed: Array
    paid: Array
    sales_cny: FloatArray
    tax_cny: FloatArray


def filings(
    firms: Population,
    invoiced: FloatArray,
    cash: FloatArray,
    months: Months,
    *,
    calendar: Calendar,
    bucket: Bucket,
) -> Filings:
    """File and pay the tax of each month or quarter.

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
    n, payment = len(firms), bucket.config.payment
    uneven = bucket.by_time(
        "filings.uninvoiced", months.steps, lambda rng, m: rng.standard_normal((n, m)), rng=rng
    )
    extra = 1 + np.exp(p.uninvoiced_month_sd * uneven) * habit[:, None]
    sales = np.maximum(months.total(invoiced), 0) * extra
    general = general_payers(firms, bucket)[:, None]
    quarter = sales.copy()
    for earlier in (1, 2):
        quarter[:, earlier:] += sales[:, :-earlier]
    files = general | quarter_ends(months.ends, calendar)
    files[:, :2] &= general  # the quarter began before the history
    sales = np.where(general, sales, quarter)
    exempt = ~general & (sales <= 3 * exempt_cny(months.ends, calendar, bucket.config))
    tax = sales * p.small_scale_rate * np.take(p.burden_by_form, firms.form)[:, None]
    tax = np.where(exempt, 0, tax)
    due = np.where(files, months.ends + p.filing_due_days, NO_RETURN)
    needed = months.on_day(cash, p.filing_due_days)
    luck = bucket.by_time("filings.delay", months.steps, payment_luck(payment, n), rng=rng)
    late = delay_days(needed, firms.quality, p.filing_delay, payment, luck)
    filed = months.ends + p.filing_lag_days + np.floor(late).astype(np.int64)
    luck = bucket.by_time("filings.payment", months.steps, payment_luck(payment, n), rng=rng)
    wait = delay_days(needed, firms.quality, p.payment_delay, payment, luck)
    skipped_share = p.skipped_share * np.exp(-p.skipped_quality * firms.quality)
    drawn = bucket.by_time(
        "filings.skipped", months.steps, lambda rng, m: rng.random((n, m)), rng=rng
    )
    skipped = (drawn < skipped_share[:, None]) | ~files
    filed = np.where(skipped, NEVER, filed)
    paid = np.where(skipped, NEVER, filed + np.floor(wait).astype(np.int64))
    return Filings(due, filed, paid, np.round(sales, 2), np.round(tax, 2))
