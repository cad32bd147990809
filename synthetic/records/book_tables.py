"""Tables of the loan book: loans, months, recoveries and bureau reports."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from features.arrays import Array
from features.contract.tables import (
    LENDER_TYPES,
    LOAN_STATUSES,
    PLANS,
    PLEDGES,
    RECOVERY_KINDS,
)
from features.contract.validation import conform
from synthetic.book.amortisation import FEN
from synthetic.book.bureau import Bureau
from synthetic.book.ledger import Ledger
from synthetic.book.months import LoanMonths
from synthetic.book.recovery import Security
from synthetic.loan.lending import Applications
from synthetic.records.ids import BucketIds


@dataclass(frozen=True)
class BookRecorder:
    """Builder of the book's tables.

    Attributes
    ----------
    ids : BucketIds
    taken : ndarray of int, shape (n_loans,)
        Firms that took their loan.
    disbursed, observed : ndarray of shape (n_loans,), days since 1970-01-01
    """

    ids: BucketIds
    taken: Array
    disbursed: Array
    observed: Array

    def loans(self, request: Applications, behind: Security, lender: Array) -> pl.DataFrame:
        """Loans that were taken; `lender` (n_firms,) numbers the lenders of a type."""
        at, names = self.taken, np.array(LENDER_TYPES, object)[request.lender[self.taken]]
        pledges = np.array([*PLEDGES, None], object)  # the last for `NO_PLEDGE`
        columns: dict[str, Any] = {
            "lender_type": pl.Series(list(names), dtype=pl.String),
            "lender_id": pl.Series(
                [f"{name}-{k + 1:02d}" for name, k in zip(names, lender[at], strict=True)],
                dtype=pl.String,
            ),
            "disbursed_on": days(self.disbursed),
            "limit_cny": request.amount_cny[at],
            "rate_pct": request.rate_pct[at],
            "term_months": request.term[at],
            "plan": pl.Series(PLANS).gather(request.plan[at]),
            "guaranteed_share": behind.guaranteed_share[at],
            "pledge": pl.Series(list(pledges[behind.pledge[at]]), dtype=pl.String),
        }
        frame = self._named(np.arange(len(at))).with_columns(**columns)
        ids = self.ids.application_ids.gather(at)
        return conform(frame.with_columns(application_id=ids), "loans")

    def loan_months(self, months: LoanMonths) -> pl.DataFrame:
        """Months of the loans, as long as they are observed."""
        loan, month = np.nonzero(months.kept)
        cells = (loan, month)
        money = ("drawn", "balance", "due", "paid", "interest", "recovered", "written_off")
        columns = {f"{name}_cny": getattr(months, name)[cells] / FEN for name in money}
        frame = self._named(loan).with_columns(
            **columns,
            month_end=days(months.end[cells]),
            dpd=months.dpd[cells],
            status=pl.Series(LOAN_STATUSES).gather(months.status[cells]),
        )
        return conform(frame, "loan_months")

    def recoveries(self, book: Ledger) -> pl.DataFrame:
        """Recoveries, as long as they are observed."""
        received = self.disbursed[:, None] + book.recovered.day
        seen = (book.recovered.fen > 0) & (received <= self.observed[:, None])
        loan, entry = np.nonzero(seen)
        frame = self._named(loan).with_columns(
            received_on=days(received[loan, entry]),
            amount_cny=book.recovered.fen[loan, entry] / FEN,
            kind=pl.Series(RECOVERY_KINDS).gather(book.kind[entry]),
        )
        return conform(frame, "recoveries")

    def bureau(self, reports: Bureau) -> pl.DataFrame:
        """Reports of the credit bureau."""
        firm, month = np.nonzero(reports.kept)
        cells = (firm, month)
        frame = pl.DataFrame(
            {
                "firm_id": self.ids.firm_ids.gather(firm),
                "reported_on": days(reports.reported[cells]),
                "open_loans": reports.open_loans[cells],
                "balance_cny": reports.balance_cny[cells],
                "worst_dpd": reports.worst_dpd[cells],
                "enquiries_6m": reports.enquiries[cells],
            }
        )
        return conform(frame, "bureau")

    def _named(self, loan: Array) -> pl.DataFrame:
        """Ids of loans and their firms, a row for each given loan."""
        firm_ids = self.ids.firm_ids.gather(self.taken[loan])
        loan_ids = pl.Series("loan_id", ["L" + name[1:] for name in firm_ids], dtype=pl.String)
        return pl.DataFrame([loan_ids, firm_ids.alias("firm_id")])


def days(since_1970: Array) -> pl.Series:
    """Days since 1970-01-01 as dates."""
    return pl.Series(np.asarray(since_1970).astype(np.int32)).cast(pl.Date)
