"""What if: PD, rate and expected money of one applicant on terms that an officer names."""

from dataclasses import dataclass, replace

import numpy as np

from features.arrays import Floats
from features.contract.errors import ContractError
from features.contract.tables import PLANS
from scoring.offers.offer import STEPS, Offers, policy_rate
from scoring.offers.policy import OfferPolicy
from scoring.offers.price import Price, price
from scoring.offers.risk import pd_of_terms
from scoring.offers.terms import Terms

LONGEST_TERM = 60
"""Months of the longest loan that can be asked about."""


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """Terms that an officer asks about; what is None stays as offered or as applied for.

    Raises
    ------
    ContractError
        If a term is none that a loan can have.
    """

    amount_cny: float | None = None
    term_months: int | None = None
    plan: str | None = None

    def __post_init__(self) -> None:
        if self.amount_cny is not None and not 0 < self.amount_cny < float("inf"):
            raise ContractError(f"--amount: expected CNY above 0, got {self.amount_cny:g}.")
        if self.term_months is not None and not 1 <= self.term_months <= LONGEST_TERM:
            raise ContractError(
                f"--term: expected 1 to {LONGEST_TERM} months, got {self.term_months}."
            )
        if self.plan is not None and self.plan not in PLANS:
            raise ContractError(f"--plan: expected one of {', '.join(PLANS)}, got {self.plan!r}.")

    @property
    def asked(self) -> bool:
        """Whether anything is asked."""
        return (self.amount_cny, self.term_months, self.plan) != (None, None, None)


@dataclass(frozen=True)
class Answer:
    """Answer for one applicant: terms at the policy's rate, PD, price; arrays of shape (1,)."""

    terms: Terms
    pd: Floats
    price: Price


def what_if(asked: WhatIf, offers: Offers, pd: Floats, policy: OfferPolicy) -> Answer:
    """Price a loan on the terms asked about.

    Parameters
    ----------
    asked : WhatIf
    offers : Offers
        To the one applicant, made or not.
    pd : ndarray of shape (1,)
        12-month PD of the loan applied for.
    policy : OfferPolicy
    """
    known = offers.terms if offers.made[0] else offers.people.request.filled_from(offers.terms)
    given = {name: np.array([value]) for name, value in vars(asked).items() if value is not None}
    terms = replace(known, rate_pct=offers.terms.rate_pct, **given)
    terms = replace(terms, term_months=terms.term_months.astype(float))
    people = offers.people
    for _ in range(STEPS):
        moved = pd_of_terms(
            pd, people.request, terms, people.sales.yearly_cny, policy.assumptions.response
        )
        value = price(terms, moved, policy)
        _, rate = policy_rate(value, policy)
        if (rate == terms.rate_pct).all():
            break
        terms = replace(terms, rate_pct=rate)
    return Answer(terms, moved, value)
