"""Loan tables of the contract: credit history, applications and outcomes."""

import polars as pl

from features.arrays import Array
from features.contract.tables import CHANNELS, LENDER_TYPES, PLANS, PURPOSES
from features.contract.validation import conform
from synthetic.book.book import Lending
from synthetic.loan.lending import Applications
from synthetic.loan.past_loans import CreditHistory
from synthetic.records.book_tables import days
from synthetic.records.ids import BucketIds


def record_history(ids: BucketIds, past: CreditHistory) -> pl.DataFrame:
    """Histories of repeat borrowers."""
    columns = {
        "first_loan_on": ids.dates(ids.population.applied - past.first_loan_days),
        "loans": past.loans,
        "max_dpd": past.max_dpd,
        "lenders": past.lenders,
        "months_in_arrears": past.months_in_arrears,
        "open_loans": past.open_loans,
        "balance_cny": past.balance_cny,
        "enquiries_6m": past.enquiries,
    }
    frame = ids.identified(pl.DataFrame(columns))
    return conform(frame.filter(~ids.population.first_time), "credit_history")


def record_applications(ids: BucketIds, request: Applications) -> pl.DataFrame:
    """One request a firm."""
    p = ids.population
    columns = {
        "applied_on": ids.dates(p.applied),
        "amount_cny": request.amount_cny,
        "term_months": request.term,
        "purpose": _names(PURPOSES, request.purpose),
        "plan": _names(PLANS, request.plan),
        "lender_type": _names(LENDER_TYPES, request.lender),
        "channel": _names(CHANNELS, request.channel),
        "first_time": p.first_time,
        "consent_on": ids.dates(p.applied - request.consent_lag),
    }
    return conform(ids.identified(pl.DataFrame(columns)), "applications")


def record_outcomes(ids: BucketIds, lent: Lending) -> pl.DataFrame:
    """Decisions and offers, and for firms that took theirs what became of the loan."""
    request, outcome = lent.request, lent.outcome
    approved, taken = pl.Series(request.approved), lent.accepted
    bad = taken & outcome.defaults
    offered = {
        "offered_amount_cny": pl.Series(request.amount_cny),
        "offered_rate_pct": pl.Series(request.rate_pct),
        "offered_term_months": pl.Series(request.term),
        "offered_plan": _names(PLANS, request.plan),
    }
    columns = {
        "approved": approved,
        "accepted": pl.Series(taken).set(~approved, None),
        **{name: values.set(~approved, None) for name, values in offered.items()},
        "disbursed_on": ids.dates(request.disbursed, never=~taken),
        "defaulted": pl.Series(outcome.defaults).set(pl.Series(~taken), None),
        "defaulted_on": ids.dates(request.disbursed + outcome.day, never=~bad),
        "observed_until": days(lent.observed),
    }
    return conform(ids.identified(pl.DataFrame(columns)).drop("firm_id"), "outcomes")


def _names(names: tuple[str, ...], codes: Array) -> pl.Series:
    return pl.Series(names, dtype=pl.String).gather(codes)
