"""Writing down what lenders know: credit histories, applications, decisions and outcomes."""

import polars as pl

from features.checking import conform
from features.tables import CHANNELS, LENDER_TYPES, PURPOSES
from synthetic.arrays import Int
from synthetic.credit import Applications, History
from synthetic.identity import Identity
from synthetic.truth import Fate


def record_history(who: Identity, past: History) -> pl.DataFrame:
    """Histories of repeat borrowers."""
    columns = {
        "first_loan_on": who.dates(who.population.applied - past.first_loan_days),
        "loans": past.loans,
        "max_dpd": past.max_dpd,
        "lenders": past.lenders,
    }
    frame = who.identified(pl.DataFrame(columns))
    return conform(frame.filter(~who.population.first_time), "credit_history")


def record_applications(who: Identity, request: Applications) -> pl.DataFrame:
    """One request a firm."""
    p = who.population
    columns = {
        "applied_on": who.dates(p.applied),
        "amount_cny": request.amount_cny,
        "term_months": request.term,
        "purpose": _names(PURPOSES, request.purpose),
        "lender_type": _names(LENDER_TYPES, request.lender),
        "channel": _names(CHANNELS, request.channel),
        "first_time": p.first_time,
        "consent_on": who.dates(p.applied - request.consent_lag),
    }
    return conform(who.identified(pl.DataFrame(columns)), "applications")


def record_outcomes(who: Identity, request: Applications, outcome: Fate) -> pl.DataFrame:
    """Decisions, and for approved firms what became of the loan."""
    taken = request.approved
    bad = taken & outcome.defaults
    columns = {
        "approved": taken,
        "disbursed_on": who.dates(request.disbursed, never=~taken),
        "defaulted": pl.Series(outcome.defaults).set(pl.Series(~taken), None),
        "defaulted_on": who.dates(request.disbursed + outcome.day, never=~bad),
        "observed_until": who.dates(request.disbursed + who.at.config.calendar.outcome_days),
    }
    return conform(who.identified(pl.DataFrame(columns)).drop("firm_id"), "outcomes")


def _names(names: tuple[str, ...], codes: Int) -> pl.Series:
    return pl.Series(names, dtype=pl.String).gather(codes)
