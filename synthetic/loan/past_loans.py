"""Past loans of repeat borrowers, and the credit history that lenders see of them.

The first loan lies `since` days back, later ones at random days after it; each runs for a year in
equal instalments. While one runs, the days past due at a month's end grow as cash runs low,

    dpd = days · max(0, late_below - cash) · luck,

so that the history tells of the firm's own past cash.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State
from synthetic.firm.horizon import DAYS_A_MONTH, HISTORY, PAST_MONTH_ENDS, STEP, WEEKS
from synthetic.firm.population import Population
from synthetic.streams import Bucket


@dataclass(frozen=True)
class PastLoans:
    """Loans before the application; `age` and `size` of shape (n_firms, most_loans).

    Attributes
    ----------
    age : ndarray
        Months since each loan began, infinite where there is none; the first loan comes first.
    size : ndarray
        Amount of each, months of turnover.
    """

    age: FloatArray
    size: FloatArray


@dataclass(frozen=True)
class CreditHistory:
    """Credit history of repeat borrowers; arrays of shape (n_firms,)."""

    first_loan_days: Array
    loans: Array
    max_dpd: Array
    lenders: Array
    months_in_arrears: Array
    open_loans: Array
    balance_cny: FloatArray
    enquiries: Array


def past_loans(firms: Population, bucket: Bucket) -> PastLoans:
    """Draw the loans that repeat borrowers had before they applied."""
    p = bucket.config.arrears
    rng = bucket.stream("arrears.loans")
    n = len(firms)
    since = np.clip(
        rng.gamma(p.first_loan_shape, p.first_loan_days, n),
        p.first_loan_least_days,
        365.25 * p.first_loan_age * np.maximum(firms.age_years, p.first_loan_least_age),
    )
    later = np.minimum(rng.poisson(since / 365.25 * p.loans_per_year), p.most_loans - 1)
    age = since[:, None] / DAYS_A_MONTH * rng.random((n, p.most_loans))
    age[:, 0] = since / DAYS_A_MONTH
    taken = (np.arange(p.most_loans) <= later[:, None]) & ~firms.first_time[:, None]
    size = p.loan_months * np.exp(p.loan_sd * rng.standard_normal((n, p.most_loans)))
    return PastLoans(np.where(taken, age, np.inf), size)


def debt_flows(loans: PastLoans, config: WorldConfig) -> FloatArray:
    """Instalments of past loans, net of what the loans earn, shape (n_firms, WEEKS), <= 0."""
    p = config.arrears
    month = (np.arange(WEEKS) - HISTORY) * STEP
    flows = np.zeros((len(loans.age), WEEKS))
    for age, size in zip(loans.age.T, loans.size.T, strict=True):
        rows = np.flatnonzero(np.isfinite(age))
        run = month + age[rows, None]
        due = (run > 0) & (run <= p.loan_term_months)
        flows[rows] -= due * (p.net_share * size[rows] * STEP / p.loan_term_months)[:, None]
    return flows


def credit_history(
    firms: Population, loans: PastLoans, state: State, bucket: Bucket
) -> CreditHistory:
    """Read each firm's credit history off its past loans and its past cash."""
    p = bucket.config.arrears
    rng = bucket.stream("arrears.history")
    dpd = days_past_due(loans, state, bucket)
    count = np.isfinite(loans.age).sum(axis=1)
    run = np.minimum(loans.age, p.loan_term_months)
    balance = (loans.size * (1 - np.floor(run) / p.loan_term_months)).sum(axis=1)
    gap = np.clip(state.cash_buffer.usual - state.cash[:, HISTORY], *p.enquiry_limits)
    enquiries = p.enquiries_6m * np.exp(p.enquiry_gap * gap)
    first = np.where(count > 0, loans.age[:, 0], 0)
    others = np.clip(np.minimum(count - 1, p.most_other_lenders), 0, None)
    return CreditHistory(
        first_loan_days=np.round(first * DAYS_A_MONTH).astype(np.int64),
        loans=count,
        max_dpd=dpd.max(axis=1, initial=0),
        lenders=1 + rng.binomial(others, p.other_lender_share),
        months_in_arrears=(dpd > p.grace_days).sum(axis=1),
        open_loans=(loans.age < p.loan_term_months).sum(axis=1),
        balance_cny=np.round(balance * firms.sales_cny / 12, 2),
        enquiries=bucket.by_firm("arrears.enquiries").poisson(enquiries[:, None])[:, 0],
    )


def days_past_due(loans: PastLoans, state: State, bucket: Bucket) -> Array:
    """Days past due at the past month-ends, shape (n_firms, n_months), the latest first."""
    p = bucket.config.arrears
    rng = bucket.stream("arrears.dpd")
    month = (HISTORY - PAST_MONTH_ENDS) * STEP
    run = loans.age[:, :, None] - month
    repaying = ((run > 0) & (run <= p.loan_term_months)).any(axis=1)
    cash = state.cash[:, PAST_MONTH_ENDS]
    luck = rng.gamma(p.luck_shape, 1 / p.luck_shape, cash.shape)
    late = p.days_per_month * np.maximum(p.late_below_months - cash, 0) * luck
    forgotten = rng.random(cash.shape) < p.forgotten_share
    late += np.where(forgotten, rng.exponential(p.forgotten_days, cash.shape), 0)
    return np.where(repaying, np.minimum(late, p.most_late_days), 0).astype(np.int64)
