"""Price of a loan: what it costs, what it is expected to lose, and the rate that covers both.

rate = funding + servicing + capital + per loan / balance + expected loss / balance + margin

in % a year of the mean balance over the loan's life.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Floats
from features.instalments import BULLET
from scoring.offers.policy import Costs, OfferPolicy
from scoring.offers.risk import pd_of_life
from scoring.offers.terms import Terms

_YEAR = 12


@dataclass(frozen=True)
class Price:
    """Expected money of some loans, if they are taken; arrays of shape (n,).

    Attributes
    ----------
    balance_years : ndarray
        Balance times years, CNY.
    pd_life : ndarray
    loss_cny, income_cny, cost_cny : ndarray
        Loss after recoveries, interest, and all costs but the loss.
    """

    balance_years: Floats
    pd_life: Floats
    loss_cny: Floats
    income_cny: Floats
    cost_cny: Floats

    @property
    def profit_cny(self) -> Floats:
        """Interest less costs and expected loss."""
        return np.asarray(self.income_cny - self.cost_cny - self.loss_cny)


def price(terms: Terms, pd: Floats, policy: OfferPolicy) -> Price:
    """Compute what loans are expected to bring and to cost.

    Interest of loans that default is counted to the middle of their life.

    Parameters
    ----------
    terms : Terms
    pd : ndarray of shape (n,)
        12-month PD on these terms.
    policy : OfferPolicy
    """
    assumed, costs = policy.assumptions, policy.costs
    line = terms.plan == "line"
    share = mean_balance_share(terms)
    drawn = np.where(line, assumed.loss.drawn_share, 1.0)
    balance_years = terms.amount_cny * share * drawn * terms.term_months / _YEAR
    life = pd_of_life(pd, assumed.term_structure.ratio(terms.term_months, terms.plan))
    return Price(
        balance_years=balance_years,
        pd_life=life,
        loss_cny=life * assumed.loss.lgd * share * terms.amount_cny,
        income_cny=terms.rate_pct / 100 * balance_years * (1 - life / 2),
        cost_cny=cost_of(balance_years, costs),
    )


def cost_of(balance_years: Floats, costs: Costs) -> Floats:
    """Costs of loans without their losses, CNY."""
    return np.asarray(costs.yearly_pct / 100 * balance_years + costs.per_loan_cny)


def fair_rate(of: Price, margin_pct: float) -> Floats:
    """Rate that covers costs, expected loss and margin, % a year, before floor and cap."""
    return np.asarray(100 * (of.cost_cny + of.loss_cny) / of.balance_years + margin_pct)


def mean_balance_share(terms: Terms) -> Floats:
    """Mean balance over the term as a share of the amount, shape (n,).

    1 for plans that repay the amount at the end; of an annuity over n months at a monthly rate i

        (n (1 + i)^n - ((1 + i)^n - 1) / i) / (n ((1 + i)^n - 1))
    """
    n, i = terms.term_months, np.maximum(terms.rate_pct, 1e-6) / 1200
    grown = np.expm1(n * np.log1p(i))
    share = (n * (1 + grown) - grown / i) / (n * grown)
    return np.where(np.isin(terms.plan, BULLET), 1.0, share)
