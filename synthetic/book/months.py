"""Months of loans: the ledger summed by calendar month, as a lender's tape has it.

    closing balance = opening + drawn - (paid - interest) - recovered - written off

    current -> late -> cured -> current       late is 1 to 89 days past due, cured the month after
    late -> default -> written_off            default is 90 days past due, and stays so
    any -> repaid                             nothing is owed any more; the last row, as written_off

Amounts are whole fen, so that they add up.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array
from features.contract.tables import LOAN_STATUSES
from synthetic.book.ledger import Entries, Ledger
from synthetic.firm.horizon import DAYS_PAST_DUE

CURRENT, LATE, CURED, DEFAULT, REPAID, WRITTEN_OFF = range(len(LOAN_STATUSES))


@dataclass(frozen=True)
class LoanMonths:
    """Months of loans; arrays of shape (n_loans, n_months), fen where it is money.

    Attributes
    ----------
    end : ndarray
        Last day of each month, days since 1970-01-01.
    kept : ndarray of bool
        Months that are observed and not after the end of the loan.
    """

    end: Array
    kept: Array
    drawn: Array
    balance: Array
    due: Array
    paid: Array
    interest: Array
    recovered: Array
    written_off: Array
    dpd: Array
    status: Array


def loan_months(book: Ledger, disbursed: Array, observed: Array) -> LoanMonths:
    """Sum the ledger by month.

    Parameters
    ----------
    disbursed, observed : ndarray of shape (n_loans,)
        Days since 1970-01-01 of the disbursement, and up to which the loans are observed.
    """
    first = month_number(disbursed)
    n_months = int((month_number(observed) - first).max(initial=0)) + 1
    end = month_end(first[:, None] + np.arange(n_months))

    def total(entries: Entries) -> Array:
        day = np.minimum(entries.day, book.closed_day.max(initial=0) + 1)
        at = month_number(disbursed[:, None] + day) - first[:, None]
        sums = np.zeros((len(first), n_months), np.int64)
        inside = (at >= 0) & (at < n_months) & (entries.fen != 0)
        loan, entry = np.nonzero(inside)
        np.add.at(sums, (loan, at[loan, entry]), entries.fen[loan, entry])
        return sums

    age = end - disbursed[:, None]
    drawn, due = total(book.drawn), total(book.due)
    principal, interest = total(book.principal), total(book.interest)
    recovered, written_off = total(_until_written_off(book)), total(book.written_off)
    balance = np.cumsum(drawn - principal - recovered - written_off, axis=1)
    dpd = _days_past_due(book, age)
    ended = (book.closed_day[:, None] <= age) | ((dpd >= DAYS_PAST_DUE) & (balance == 0))
    status = np.select(
        (np.cumsum(written_off, axis=1) > 0, ended, dpd >= DAYS_PAST_DUE, dpd > 0),
        (WRITTEN_OFF, REPAID, DEFAULT, LATE),
        CURRENT,
    )
    before = np.hstack([np.full((len(first), 1), CURRENT), status[:, :-1]])
    status = np.where((status == CURRENT) & (before == LATE), CURED, status)
    over = np.isin(before, (REPAID, WRITTEN_OFF))
    return LoanMonths(
        end=end,
        kept=(end <= observed[:, None]) & ~over,
        drawn=drawn,
        balance=balance,
        due=due,
        paid=principal + interest,
        interest=interest,
        recovered=recovered,
        written_off=written_off,
        dpd=dpd,
        status=status,
    )


def month_number(day: Array) -> Array:
    """Calendar month of days since 1970-01-01, months since 1970-01."""
    return np.asarray(day).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def month_end(month: Array) -> Array:
    """Last day of calendar months, days since 1970-01-01."""
    following = (np.asarray(month) + 1).astype("datetime64[M]").astype("datetime64[D]")
    return following.astype(np.int64) - 1


def _days_past_due(book: Ledger, age: Array) -> Array:
    """Days since the oldest unpaid instalment fell due, (n_loans, n_months)."""
    oldest = np.full(age.shape, -1)
    for falls, paid in zip(book.due_day.T[::-1], book.paid_day.T[::-1], strict=True):
        unpaid = (falls[:, None] < age) & (paid[:, None] > age)
        oldest = np.where(unpaid, falls[:, None], oldest)
    return np.where(oldest >= 0, age - oldest, 0)


def _until_written_off(book: Ledger) -> Entries:
    """Recoveries that still reduce the balance."""
    owed = book.recovered.day <= book.written_off.day
    return Entries(book.recovered.day, np.where(owed, book.recovered.fen, 0))
