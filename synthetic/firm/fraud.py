"""Fraud: shell firms, brushing sellers and invoice inflators, with an answer key.

A shell has a meter that runs steadily and taxes that do not fit it (R190): an office in which
nobody works, invoices in bursts, hardly any purchases. An inflator invoices fictitious sales in
the last months before applying. Both invoice a few friendly firms, which need no goods. A brushing
seller orders from itself, so that orders come without visitors and without parcels. Each of them
may never have meant to repay.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import FraudConfig
from synthetic.firm.population import CNY_A_YEAR_PER_KCNY_A_DAY, Population
from synthetic.firm.work import Days
from synthetic.streams import Bucket


@dataclass(frozen=True)
class BadActors:
    """Arrays of shape (n_firms,).

    `shell`, `inflator` and `brusher` say of which kind a firm is, `intent` is the probability that
    it never meant to repay, `absconds` whether it did not, `paid` after how many instalments.
    """

    shell: Array
    inflator: Array
    brusher: Array
    intent: FloatArray
    absconds: Array
    paid: Array

    @property
    def any(self) -> Array:
        """Whether the firm is a bad actor of any kind."""
        return np.asarray(self.shell | self.inflator | self.brusher)


def bad_actors(firms: Population, sells_online: Array, bucket: Bucket) -> BadActors:
    """Draw the bad actors of a bucket: shells mostly young first-time firms, brushers with a shop.

    Parameters
    ----------
    sells_online : ndarray of bool, shape (n_firms,)
        Whether the firm has a shop online.
    """
    p = bucket.config.fraud
    n = len(firms)
    draw = bucket.stream("fraud.kind").random((3, n))
    young = np.where(firms.age_years < p.shell_age_years, p.shell_young, 1.0)
    new = np.where(firms.first_time, p.shell_first_time, 1.0)
    shell = draw[0] < p.shell_share * young * new
    inflator = ~shell & (draw[1] < p.inflation_share)
    brusher = ~shell & ~inflator & sells_online & (draw[2] < p.brushing_share)
    intent = np.select((shell, inflator, brusher), p.intent, 0.0)
    absconds = bucket.stream("fraud.intent").random(n) < intent
    paid = bucket.stream("fraud.paid").integers(*p.paid_instalments, n)
    return BadActors(shell, inflator, brusher, intent, absconds, paid)


def apply_inflation(
    intensity: FloatArray, bad: BadActors, days: Days, bucket: Bucket
) -> tuple[FloatArray, FloatArray]:
    """Sales intensity as invoiced: shells and inflators invent the last months' sales.

    Returns
    -------
    claimed, invented : ndarray of shape (n_firms, n_days)
        What is invoiced, and which share of it never happened.
    """
    p = bucket.config.fraud
    rng = bucket.stream("fraud.invoices")
    n = len(intensity)
    recent = _shortly_before(rng.integers(*p.inflation_days, n), days)
    factor = np.where(bad.inflator[:, None] & recent, rng.uniform(*p.inflation, (n, 1)), 1.0)
    bursts = p.burst_share > bucket.by_time(
        "fraud.invoices", days.steps, lambda rng, d: rng.random((n, d)), rng=rng
    )
    shell = np.where(bursts, p.burst_sales, p.quiet_sales)
    claimed = np.where(bad.shell[:, None], shell, intensity * factor)
    invented = np.where(bad.shell[:, None], 1.0, 1 - 1 / factor)
    return np.asarray(claimed, np.float32), np.asarray(invented, np.float32)


def shell_purchases(needed: FloatArray, bad: BadActors, p: FraudConfig) -> FloatArray:
    """Purchases (n_firms, n_days): a shell buys what an empty office needs."""
    return np.asarray(np.where(bad.shell[:, None], p.empty_office * needed, needed))


def apply_shell(
    firms: Population, kwh: FloatArray, bad: BadActors, days: Days, bucket: Bucket
) -> FloatArray:
    """Electricity as metered: in a shell's office a few lamps and a router run day and night.

    Parameters
    ----------
    kwh : ndarray of shape (3, n_firms, n_days), at peak, flat and valley hours
    """
    p = bucket.config.fraud
    rng = bucket.stream("fraud.meter")
    shells = np.flatnonzero(bad.shell)
    per_kcny = np.array(bucket.config.per_trade("kwh_per_kcny"))[firms.trade[shells]]
    usual = firms.sales_cny[shells] / CNY_A_YEAR_PER_KCNY_A_DAY * per_kcny
    width = p.flicker * np.exp(p.flicker_spread * rng.standard_normal((len(shells), 1)))
    luck = bucket.by_time(
        "fraud.meter", days.steps, lambda rng, d: rng.standard_normal((len(shells), d)), rng=rng
    )
    noise = np.exp(width * luck)
    metered = kwh.copy()
    metered[:, shells] = p.empty_office * usual[:, None] * noise / len(kwh)
    return metered


def apply_brushing(work: FloatArray, bad: BadActors, days: Days, bucket: Bucket) -> FloatArray:
    """Work as the shop platform sees it (n_firms, n_days): fake orders in the last months."""
    p = bucket.config.fraud
    rng = bucket.stream("fraud.orders")
    n = len(work)
    recent = _shortly_before(rng.integers(*p.brushing_days, n), days)
    factor = np.where(bad.brusher[:, None] & recent, rng.uniform(*p.brushing, (n, 1)), 1.0)
    return np.asarray(work * factor)


def _shortly_before(days_before: Array, days: Days) -> Array:
    """Mark the last so many days of each firm's history, shape (n_firms, n_days)."""
    column = np.arange(days.shape[1])
    since = column >= (days.history - days_before)[:, None]
    return np.asarray(since & ~days.after)
