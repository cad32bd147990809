"""Records after the application: how long those of borrowers go on, and when a borrower closes."""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array
from synthetic.book.book import Lending
from synthetic.config.schema import WorldConfig
from synthetic.firm.closure import STAYS_OPEN, Closure, closing_day
from synthetic.firm.fraud import BadActors
from synthetic.firm.population import Population
from synthetic.loan.outcome import due_day


@dataclass(frozen=True)
class Followed:
    """Borrowers whose records go on.

    Attributes
    ----------
    taken : ndarray of bool, shape (n_firms,)
    days : int
        Days after the application that the longest records go on.
    closing : ndarray of shape (n_firms,)
        Days from application to closure; see `synthetic.firm.closure`.
    seen_until : ndarray of shape (n_firms,)
        World day up to which records come.
    """

    taken: Array
    days: int
    closing: Array
    seen_until: Array


def followed(
    firms: Population, bad: BadActors, closure: Closure, lent: Lending, config: WorldConfig
) -> Followed:
    """Follow the firms that took their loan for `follow_days` after disbursement."""
    follow_days = config.calendar.follow_days
    taken = lent.accepted & (follow_days > 0)
    until = np.where(taken, lent.request.disbursed + follow_days, firms.applied)
    gone = np.where(bad.absconds, due_day(lent.outcome.month), STAYS_OPEN)
    return Followed(
        taken=taken,
        days=int((until - firms.applied).max(initial=0)),
        closing=closing_day(closure, lent.cash, gone),
        seen_until=until,
    )
