"""Electricity bills, one a month, paid late when cash is short.

A prepaid meter, common in villages, is never in arrears and says nothing about cash.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.payment import delay_days, payment_luck
from synthetic.firm.population import Population
from synthetic.setting.months import Months
from synthetic.streams import Bucket

NEVER = -1
"""Day of a payment that has not come."""


@dataclass(frozen=True)
class Bills:
    """Arrays of shape (n_firms, n_months): world days and CNY."""

    billed: Array
    due: Array
    paid: Array
    amount_cny: FloatArray


def bills(
    firms: Population, kwh: FloatArray, cash: FloatArray, months: Months, bucket: Bucket,
) -> Bills:  # fmt: skip
    """Bill each month's use and pay it.

        amount = Σ tariff[band] · kwh[band],    paid = billed + delay(cash)

    Parameters
    ----------
    kwh : ndarray of shape (3, n_firms, n_days)
    cash : ndarray of shape (n_firms, n_days), months of turnover
    """
    p = bucket.config.electricity
    tariff = np.array(p.tariff_cny, np.float32)
    amount = months.total(np.tensordot(tariff, kwh, axes=1))
    billed = months.ends + p.bill_lag_days
    due = billed + p.due_days
    payment = bucket.config.payment
    luck = bucket.by_time("bills.delay", months.steps, payment_luck(payment, len(firms)))
    needed = months.on_day(cash, p.bill_lag_days + p.due_days)
    wait = delay_days(needed, firms.quality, p.bill_delay, payment, luck)
    prepaid = bucket.stream("bills.prepaid").random(len(firms)) < np.take(p.prepaid, firms.area)
    wait = np.where(prepaid[:, None], 0, np.floor(wait)).astype(np.int64)
    return Bills(billed, due, billed + wait, np.round(amount, 2))
