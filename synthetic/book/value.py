"""Loss, income and the borrower's gain of offers over the loan's life, expected and realised.

If the instalment of month m is the first that is never paid, the lender has received the interest
of the months before; it loses what is owed then, less recoveries. The month's law is exact
(`synthetic.loan.true_pd`), and recoveries are independent of it, so

    expected loss   = Σ P(m) · owed[m] · (1 - mean recovery)
    expected income = Σ P(m) · interest received before m

Repayment by a share of takings is valued at usual takings.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.book.amortisation import FEN, Amortisation
from synthetic.book.recovery import (
    Recovered,
    Security,
    borrower_part,
    expected_recovery,
    realised_recovery,
)
from synthetic.config.schema import WorldConfig
from synthetic.firm.fraud import BadActors
from synthetic.firm.horizon import LONGEST_TERM, SHORT_IN_A_ROW
from synthetic.loan.offer import Offers
from synthetic.loan.offer_cash import AT_MONTH_END, OfferCash


@dataclass(frozen=True)
class Value:
    """Value of offers in CNY, by the month of the first instalment that is never paid.

    Arrays of shape (n_offers, LONGEST_TERM + 1); column 0 is a loan that is repaid, column m one
    whose month m is never paid.

    Attributes
    ----------
    owed : ndarray
        Balance at default.
    income : ndarray
        Interest that the lender receives.
    cash : ndarray
        What the borrower's cash gains by the loan, until three months after the first miss.
    """

    owed: FloatArray
    income: FloatArray
    cash: FloatArray


def value_by_month(
    plan: Amortisation, effect: OfferCash, without: OfferCash, turnover_cny: FloatArray
) -> Value:
    """Value of offers by the month of the first instalment that is never paid.

    Parameters
    ----------
    effect, without : OfferCash
        The offers' effect on cash, and that of no loan.
    turnover_cny : ndarray of shape (n_offers,)
        Sales of a month.
    """
    owed = np.hstack([np.zeros((len(plan.owed), 1)), plan.owed]) / FEN
    received = np.cumsum(plan.interest, axis=1)
    income = np.hstack([received[:, -1:], received - plan.interest]) / FEN
    gained = np.cumsum(effect.flow - without.flow, axis=1)
    last = AT_MONTH_END[np.arange(LONGEST_TERM) + SHORT_IN_A_ROW - 1]
    due = (plan.principal + plan.interest) / FEN
    ahead = np.hstack([due, np.zeros((len(due), SHORT_IN_A_ROW))])
    unpaid = sum(ahead[:, k : k + LONGEST_TERM] for k in range(SHORT_IN_A_ROW))
    cash = np.hstack([gained[:, -1:], gained[:, last]]) * turnover_cny[:, None]
    cash[:, 1:] += unpaid
    return Value(owed, income, cash)


def month_law(
    cumulative: FloatArray, offers: Offers, bad: BadActors, closed: Array, config: WorldConfig
) -> tuple[FloatArray, FloatArray]:
    """Law of the month of the first instalment that is never paid.

    Parameters
    ----------
    cumulative : ndarray of shape (n_offers, months)
        Probability that an honest, open firm has missed it by each month.

    Returns
    -------
    honest, absconding : ndarray of shape (n_offers, LONGEST_TERM + 1)
        Joint with meaning to repay and with not meaning to; column 0 is a loan that is repaid.
    """
    n, months = cumulative.shape
    missed = np.diff(cumulative, axis=1, prepend=0.0)
    rest = np.zeros((n, LONGEST_TERM - months))
    honest = np.hstack([1 - cumulative[:, -1:], missed, rest])
    honest[closed] = np.arange(LONGEST_TERM + 1) == 1
    intent = np.where(closed, 0.0, bad.intent)[:, None]
    first, end = config.fraud.paid_instalments
    absconding = np.zeros_like(honest)
    for paid in range(first, end):
        absconding[np.arange(n), np.minimum(1 + paid, offers.term)] += 1 / (end - first)
    return (1 - intent) * honest, intent * absconding


def expected_money(
    value: Value,
    law: tuple[FloatArray, FloatArray],
    behind: Security,
    closed: Array,
    config: WorldConfig,
) -> dict[str, FloatArray]:
    """Expected loss, income and borrower's cash of offers, CNY; each of shape (n_offers,)."""
    loss, cash = np.zeros(len(closed)), np.zeros(len(closed))
    for absconds, chance in zip((False, True), law, strict=True):
        part = borrower_part(behind, np.full(len(closed), absconds), closed, config.book)
        recovered = expected_recovery(behind, part, config.book)
        owed = (chance * value.owed).sum(axis=1)
        loss += owed * (1 - recovered.total)
        cash += (chance * value.cash).sum(axis=1) - owed * (recovered.pledge + recovered.borrower)
    income = ((law[0] + law[1]) * value.income).sum(axis=1)
    return {"loss": loss, "income": income, "cash": cash}


def realised_money(
    value: Value, month: Array, recovered: Recovered, luck_cash: FloatArray
) -> dict[str, FloatArray]:
    """Loss, income and borrower's cash in this world, CNY; each of shape (n_offers,).

    Parameters
    ----------
    month : ndarray of shape (n_offers,)
        First instalment that is never paid, 0 where all are.
    luck_cash : ndarray of shape (n_offers,)
        CNY that the uncertain part of the return brings.
    """
    at = (np.arange(len(month)), month)
    owed = value.owed[at]
    paid = owed * (recovered.pledge + recovered.borrower)
    return {
        "loss": owed * (1 - recovered.total),
        "income": value.income[at],
        "cash": value.cash[at] - paid + luck_cash,
    }


def recoveries_of(
    behind: Security, bad: BadActors, closed: Array, config: WorldConfig
) -> Recovered:
    """Recoveries of each firm's loan in this world, if it defaults."""
    part = borrower_part(behind, bad.absconds, closed, config.book)
    return realised_recovery(behind, part, config.book)
