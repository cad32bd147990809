"""Realised outcome of an offer to each firm, refused ones included, and the cause of default."""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State, cash_path, default_month
from synthetic.firm.fraud import BadActors
from synthetic.firm.horizon import DAYS_A_MONTH, DAYS_PAST_DUE, LABEL_MONTHS
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

    `defaults` says whether the firm defaults if it gets the loan, `day` how many days after
    disbursement, `cause` why (empty text where it does not).
    """

    defaults: Array
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
    """Read 12-month default off the cash path and find the shock without which it would not be."""
    month = month_of_default(state, offers, effect, config, months=LABEL_MONTHS)
    certain = bad.absconds | closed
    defaults = (month > 0) | certain
    month = np.where(bad.absconds, 1 + bad.paid, np.where(closed, 1, month))
    cause = np.full(len(month), "", object)
    cause[closed] = "closed"
    cause[bad.absconds] = "intent"
    honest = np.flatnonzero(defaults & ~certain)
    cause[honest] = _causes(
        select(state, honest), select(offers, honest), select(effect, honest), config
    )
    day = np.round(month * DAYS_A_MONTH).astype(np.int64) + DAYS_PAST_DUE
    return Outcome(defaults, np.where(defaults, day, 0), cause)


def month_of_default(
    state: State, offers: Offers, effect: OfferCash, config: WorldConfig, *, months: int
) -> Array:
    """Month of the first instalment never caught up within so many month-ends, 0 where none."""
    cash = with_offer(state.cash, state.health.total, offers, effect, config)[:, :months]
    return default_month(cash < 0, effect.due[:, :months])


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
