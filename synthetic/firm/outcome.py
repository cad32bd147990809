"""Realised outcome of each firm, refused ones included, and the cause of default."""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import MONTH_ENDS, CashBuffer, State, cash_path, default_month, without
from synthetic.firm.fraud import BadActors
from synthetic.firm.health import HISTORY, Health
from synthetic.firm.shocks import DAYS_A_MONTH

CAUSES = {
    "macro": "macro",
    "cycle": "industry",
    "core": "supply_chain",
    "flood": "weather",
    "accident": "accident",
    "own": "orders",
}
"""Component of health whose removal averts a default, and the name of that cause."""

DAYS_PAST_DUE = 90


@dataclass(frozen=True)
class Outcome:
    """The realised future; arrays of shape (n_firms,).

    `defaults` says whether the firm defaults if it gets the loan, `day` how many days after
    disbursement, `cause` why (empty text where it does not).
    """

    defaults: Array
    day: Array
    cause: Array


def realised_outcome(state: State, bad: BadActors, config: WorldConfig) -> Outcome:
    """Read default off the cash path and find the shock without which it would not be."""
    month = default_month(state.cash)
    defaults = (month > 0) | bad.absconds
    month = np.where(bad.absconds, 1, month)
    cause = np.full(len(month), "", object)
    cause[bad.absconds] = "intent"
    honest = np.flatnonzero(defaults & ~bad.absconds)
    cause[honest] = _causes(
        state.health.rows(honest), state.surprise[honest], state.cash_buffer.rows(honest), config
    )
    day = np.round(month * DAYS_A_MONTH).astype(np.int64) + DAYS_PAST_DUE
    return Outcome(defaults, np.where(defaults, day, 0), cause)


def _causes(h: Health, surprise: FloatArray, buffer: CashBuffer, config: WorldConfig) -> Array:
    """Cause of each default: the averting removal that lifts cash most, else `joint`."""
    cause = np.full(len(surprise), "joint", object)
    if not len(cause):
        return cause
    best = np.full(len(surprise), -np.inf)
    trials = {name: (*without(h, part), surprise) for part, name in CAUSES.items()}
    trials["payments"] = (h.total, h.strikes, np.zeros_like(surprise))
    for name, (orders, strikes, noise) in trials.items():
        path = cash_path(orders, strikes, noise, buffer, config)
        lift = path[:, HISTORY + MONTH_ENDS].min(axis=1)
        better = (default_month(path) == 0) & (lift > best)
        cause[better] = name
        best[better] = lift[better]
    return cause
