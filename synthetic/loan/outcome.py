"""Realised outcome of an offer to each firm, refused ones included, and the cause of default."""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State, cash_path, default_month
from synthetic.firm.fraud import BadActors
from synthetic.firm.horizon import DAYS_A_MONTH, DAYS_PAST_DUE, LABEL_MONTHS, SHORT_IN_A_ROW
from synthetic.firm.select import select
from synthetic.loan.offer import Offers
from synthetic.loan.offer_cash import OfferCash, with_offer

CAUSES = {
    "macro": "macro",
    "cycle": "industry",
    "core": "supply_chain",
    "flood": "weather",
    "accident": "accident",
    "own": "orders",
}
"""Component of health whose removal averts a default, and the name of that cause."""


@dataclass(frozen=True)
class Outcome:
    """The realised future; arrays of shape (n_firms,).

    `defaults` says whether the firm defaults within 12 months if it gets the loan, `month` which
    instalment it is the first never to pay over the loan's life (0: none), `day` how many days
    after disbursement it is 90 days late with that, `cause` why (empty text where it does not
    default within 12 months).
    """

    defaults: Array
    month: Array
    day: Array
    cause: Array


def realised_outcome(
    state: State,
    bad: BadActors,
    closed: Array,
    offers: Offers,
    effect: OfferCash,
    *,
    config: WorldConfig,
) -> Outcome:
    """Read default off the cash path and find the shock without which it would not be."""
    month = month_of_default(state, offers, effect, config)
    month = first_missed(month, offers, bad, closed)
    defaults = within_the_label(month)
    certain = bad.absconds | closed
    cause = np.full(len(month), "", object)
    cause[bad.absconds] = "intent"
    cause[closed] = "closed"
    honest = np.flatnonzero(defaults & ~certain)
    cause[honest] = _causes(
        select(state, honest), select(offers, honest), select(effect, honest), config
    )
    day = due_day(month) + DAYS_PAST_DUE
    return Outcome(defaults, month, np.where(month > 0, day, 0), cause)


def due_day(month: Array) -> Array:
    """Day after disbursement on which the instalment of a month falls due."""
    return np.round(month * DAYS_A_MONTH).astype(np.int64)


def first_missed(month: Array, offers: Offers, bad: BadActors, closed: Array) -> Array:
    """First instalment that is never paid: of closed firms the first, of absconding ones theirs."""
    month = np.where(bad.absconds, np.minimum(1 + bad.paid, offers.term), month)
    return np.where(closed, 1, month)


def month_of_default(state: State, offers: Offers, effect: OfferCash, config: WorldConfig) -> Array:
    """Month of the first instalment that is never caught up, 0 where there is none."""
    cash = with_offer(state.cash, state.health.total, offers, effect, config)
    return default_month(cash < 0, effect.due)


def within_the_label(month: Array) -> Array:
    """Whether the first instalment never paid makes the loan 90 days late within 12 months."""
    return np.asarray((month > 0) & (month <= LABEL_MONTHS - SHORT_IN_A_ROW + 1))


def _causes(state: State, offers: Offers, effect: OfferCash, config: WorldConfig) -> Array:
    """Cause of each default: the averting removal that lifts cash most, else `joint`."""
    cause = np.full(len(offers), "joint", object)
    if not len(cause):
        return cause
    best = np.full(len(cause), -np.inf)
    h, surprise = state.health, state.surprise
    trials = {name: (h.without(part), surprise) for part, name in CAUSES.items()}
    trials["payments"] = (h, np.zeros_like(surprise))
    for name, (health, noise) in trials.items():
        path = cash_path(health, noise, state.flows, state.cash_buffer, config)
        cash = with_offer(path, health.total, offers, effect, config)[:, :LABEL_MONTHS]
        averted = default_month(cash < 0, effect.due[:, :LABEL_MONTHS]) == 0
        lift = cash.min(axis=1)
        better = averted & (lift > best)
        cause[better] = name
        best[better] = lift[better]
    return cause
