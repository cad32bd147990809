"""Amortisation schedule of offers: principal and interest month by month, in fen.

What the plans of `synthetic.loan.repayment` take from cash, rounded as a lender rounds it. A line
repays its draws when it likes; what is left falls due in the last month.
"""

from dataclasses import dataclass, replace

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import LONGEST_TERM
from synthetic.loan.offer import Offers
from synthetic.loan.repayment import (
    EQUAL,
    INTEREST_FIRST,
    LINE,
    MONTH,
    SEASONAL,
    TAKINGS,
    annuity,
    seasonal_parts,
)

FEN = 100
"""Fen a yuan."""


@dataclass(frozen=True)
class Amortisation:
    """Schedule of offers in fen, shape (n_offers, LONGEST_TERM); nothing after the term.

    Attributes
    ----------
    principal, interest : ndarray of int
        What falls due in each month.
    owed : ndarray of int
        Balance if the month's instalment is the first that is never paid; a line in trouble is
        drawn in full.
    """

    principal: Array
    interest: Array
    owed: Array


def amortisation(
    offers: Offers,
    amount_cny: FloatArray,
    config: WorldConfig,
    *,
    drawn: FloatArray | None = None,
) -> Amortisation:
    """Amortisation schedule of offers.

    Parameters
    ----------
    amount_cny : ndarray of shape (n_offers,)
        `offers.months` in CNY.
    drawn : ndarray of shape (n_offers, LONGEST_TERM), optional
        Share of each month in which a line is drawn, 1 for other plans; by default the mean.
    """
    amount = to_fen(amount_cny)
    running = offers.term[:, None] >= MONTH
    last = offers.term[:, None] == MONTH
    principal = np.zeros(running.shape, np.int64)
    equal, even = offers.plan == EQUAL, offers.plan == TAKINGS
    principal[equal] = _annuity_principal(amount[equal], offers.rate[equal], offers.term[equal])
    late = (offers.plan == INTEREST_FIRST) | (offers.plan == LINE)
    principal[late] = (amount[:, None] * last)[late]
    seasonal = offers.plan == SEASONAL
    parts = np.where(seasonal[:, None], seasonal_parts(offers, config), 0.0)
    parts = np.where(even[:, None], running / offers.term[:, None], parts)
    by_parts = seasonal | even
    principal[by_parts] = _rounded_parts(amount, parts)[by_parts]
    owed = (amount[:, None] - np.cumsum(principal, axis=1) + principal) * running
    monthly = offers.rate[:, None] / 12
    if drawn is None:
        drawn = np.where(offers.plan == LINE, config.loan.line_drawn, 1.0)[:, None]
    interest = np.rint(owed * monthly * drawn).astype(np.int64)
    instalment = annuity(replace(offers, months=np.ones(len(offers))))
    flat = np.rint(amount * (instalment - 1 / offers.term)).astype(np.int64)
    interest[even] = (flat[:, None] * running)[even]
    return Amortisation(principal, interest, owed)


def to_fen(cny: FloatArray) -> Array:
    """CNY as whole fen."""
    return np.rint(np.asarray(cny) * FEN).astype(np.int64)


def _annuity_principal(amount: Array, rate: FloatArray, term: Array) -> Array:
    """Principal of equal instalments; the last one takes what rounding has left."""
    monthly = np.maximum(rate / 12, np.finfo(float).tiny)
    instalment = np.rint(amount * monthly / -np.expm1(-term * np.log1p(monthly)))
    principal = np.zeros((len(amount), LONGEST_TERM), np.int64)
    left = amount.copy()
    for k in range(LONGEST_TERM):
        part = np.clip(instalment - np.rint(left * monthly), 0, left)
        part = np.where(term == k + 1, left, np.where(term > k, part, 0))
        principal[:, k] = part
        left = left - principal[:, k]
    return principal


def _rounded_parts(amount: Array, parts: FloatArray) -> Array:
    """Amounts (n,) split by parts (n, k) that add to 1, without losing a fen."""
    ends = np.rint(amount[:, None] * np.cumsum(parts, axis=1)).astype(np.int64)
    return np.diff(ends, axis=1, prepend=0)
