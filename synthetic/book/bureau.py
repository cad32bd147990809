"""Credit bureau: what lenders report of a firm's loans, month by month and late.

A report sums up the loans whose lenders report: past loans that still run, at other lenders or
the same, and the loan of the book. It tells what was so at a month's end, and comes weeks after.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.book.amortisation import FEN
from synthetic.book.months import LoanMonths, month_end, month_number
from synthetic.firm.cash import CashBuffer
from synthetic.firm.horizon import DAYS_A_MONTH, MONTH_ENDS, PAST_MONTH_ENDS
from synthetic.loan.past_loans import PastLoans
from synthetic.streams import Bucket

MONTHS_BEFORE = 12
"""Month-ends before the application that are reported."""

MONTHS_AFTER = len(MONTH_ENDS) - 1
"""Month-ends after it, at most."""

HALF_YEAR = 6
"""Months over which enquiries are counted."""


@dataclass(frozen=True)
class Bureau:
    """Reports; arrays of shape (n_firms, n_reports), days since 1970-01-01.

    `kept` marks the reports that exist and are observed.
    """

    reported: Array
    kept: Array
    open_loans: Array
    balance_cny: FloatArray
    worst_dpd: Array
    enquiries: Array


@dataclass(frozen=True)
class Borrowers:
    """What reports are made from; the first axis is firms.

    Attributes
    ----------
    loans : PastLoans
    buffer : CashBuffer
    cash : ndarray of shape (n_firms, WEEKS)
        Without the loan of the book.
    cash_ahead : ndarray of shape (n_firms, n_month_ends)
        At the month-ends after the application, with the loan if it was taken.
    past_dpd : ndarray of shape (n_firms, n_past_months)
        Days past due at the month-ends before, the latest first.
    turnover_cny : ndarray of shape (n_firms,), sales of a month
    lender : ndarray of shape (n_firms,)
    applied, seen_until : ndarray of shape (n_firms,), days since 1970-01-01
    """

    loans: PastLoans
    buffer: CashBuffer
    cash: FloatArray
    cash_ahead: FloatArray
    past_dpd: Array
    turnover_cny: FloatArray
    lender: Array
    applied: Array
    seen_until: Array


def bureau(who: Borrowers, taken: Array, own: LoanMonths, bucket: Bucket) -> Bureau:
    """Reports of a bucket's firms.

    Parameters
    ----------
    taken : ndarray of int, shape (n_loans,)
        Firms that took the loan of the book, rows of `own`.
    """
    p, a, n = bucket.config.book, bucket.config.arrears, len(who.applied)
    steps = np.arange(-MONTHS_BEFORE, MONTHS_AFTER)
    end = month_end(month_number(who.applied)[:, None] + steps)
    since = (end - who.applied[:, None]) / DAYS_A_MONTH
    run = who.loans.age[:, :, None] + since[:, None, :]
    told = bucket.stream("book.bureau.told").random(who.loans.age.shape) < p.bureau_past_share
    begun = (run > 0) & told[:, :, None]
    open_past = begun & (run <= a.loan_term_months)
    left = np.where(open_past, 1 - np.floor(run) / a.loan_term_months, 0.0)
    balance = (who.loans.size[:, :, None] * left).sum(axis=1) * who.turnover_cny[:, None]
    dpd = np.where(open_past.any(axis=1), _past_loans_dpd(who, since, bucket), 0)
    open_loans, known = open_past.sum(axis=1), np.asarray(begun.any(axis=1))

    reports = bucket.stream("book.bureau.own").random(n) < np.take(p.bureau_share, who.lender)
    at = month_number(own.end) - month_number(who.applied[taken])[:, None] + MONTHS_BEFORE
    inside = (at < len(steps)) & own.kept & reports[taken][:, None]
    loan, month = np.nonzero(inside)
    cell = (taken[loan], at[loan, month])
    owing = own.balance[loan, month] > 0
    open_loans[cell] += owing
    balance[cell] += own.balance[loan, month] / FEN
    dpd[cell] = np.maximum(dpd[cell], np.where(owing, own.dpd[loan, month], 0))
    known[cell] = True
    known = np.logical_or.accumulate(known, axis=1)
    lag = bucket.stream("book.bureau.lag").integers(*p.bureau_lag_days, end.shape)
    reported = end + lag
    return Bureau(
        reported=reported,
        kept=known & (reported <= who.seen_until[:, None]),
        open_loans=open_loans,
        balance_cny=np.round(balance, 2),
        worst_dpd=dpd,
        enquiries=_enquiries(who, since, bucket),
    )


def _past_loans_dpd(who: Borrowers, since: FloatArray, bucket: Bucket) -> Array:
    """Days past due on past loans at each report's month-end, (n_firms, n_reports).

    Read at the month of the firm's own path that has ended by then.
    """
    a = bucket.config.arrears
    rng = bucket.stream("book.bureau.dpd")
    luck = rng.gamma(a.luck_shape, 1 / a.luck_shape, who.cash_ahead.shape)
    ahead = a.days_per_month * np.maximum(a.late_below_months - who.cash_ahead, 0) * luck
    ahead = np.minimum(ahead, a.most_late_days).astype(np.int64)
    back = np.clip(np.ceil(-since), 0, who.past_dpd.shape[1] - 1).astype(np.int64)
    on = np.clip(np.floor(since) - 1, 0, ahead.shape[1] - 1).astype(np.int64)
    return np.where(
        since < 1,
        np.take_along_axis(who.past_dpd, back, axis=1),
        np.take_along_axis(ahead, on, axis=1),
    )


def _enquiries(who: Borrowers, since: FloatArray, bucket: Bucket) -> Array:
    """Enquiries of the last six months, more when cash is missing, (n_firms, n_reports)."""
    a = bucket.config.arrears
    weeks = PAST_MONTH_ENDS[: MONTHS_BEFORE + HALF_YEAR][::-1]
    path = np.hstack([who.cash[:, weeks], who.cash_ahead[:, : since.shape[1] - MONTHS_BEFORE]])
    missing = np.clip(who.buffer.usual[:, None] - path, *a.enquiry_limits)
    monthly = a.enquiries_6m / HALF_YEAR * np.exp(a.enquiry_gap * missing)
    counts = bucket.by_firm("book.bureau.enquiries").poisson(monthly)
    total = np.cumsum(np.hstack([np.zeros((len(counts), 1), np.int64), counts]), axis=1)
    return np.asarray((total[:, HALF_YEAR:] - total[:, :-HALF_YEAR])[:, : since.shape[1]])
