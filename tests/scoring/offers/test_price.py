"""Prices: balances as a schedule gives them, and a rate that covers what it should."""

import numpy as np
import pytest

from features.instalments import instalments
from scoring.offers.offer import policy_rate
from scoring.offers.policy import OfferPolicy
from scoring.offers.price import mean_balance_share, price
from scoring.offers.terms import Terms

POLICY = OfferPolicy.load()


def terms(amount=100_000.0, rate=8.0, term=12, plan="equal"):
    return Terms(np.array([amount]), np.array([rate]), np.array([float(term)]), np.array([plan]))


def balances(amount, rate, term, plan):
    """Balance at the beginning of each month, from the schedule of instalments."""
    due = instalments(
        np.array([amount]), np.array([rate]), np.array([float(term)]), np.array([plan]), months=term
    )[0]
    left, opening = amount, []
    for paid in due:
        opening.append(left)
        left -= paid - left * rate / 1200
    assert left == pytest.approx(0.0, abs=1e-6)
    return np.array(opening)


@pytest.mark.parametrize("term", [1, 3, 12, 24])
@pytest.mark.parametrize("plan", ["equal", "interest_first"])
def test_the_mean_balance_is_that_of_the_schedule(term, plan):
    share = mean_balance_share(terms(term=term, plan=plan))[0]
    assert share == pytest.approx(balances(1.0, 8.0, term, plan).mean())


def test_instalments_of_a_season_repay_the_amount():
    weights = np.array([[3.0, 1.0, 0.0, 2.0] * 3])
    due = instalments(
        np.array([1.2e5]), np.array([6.0]), np.array([12.0]), np.array(["seasonal"]), months=12,
        season=weights,
    )[0]  # fmt: skip
    left = 1.2e5
    for month, paid in enumerate(due):
        interest = left * 0.005
        assert paid - interest == pytest.approx(1.2e5 * weights[0, month] / weights.sum())
        left -= paid - interest
    assert left == pytest.approx(0.0, abs=1e-6)


def test_interest_is_that_of_the_balance():
    value = price(terms(), np.zeros(1), POLICY)
    assert value.income_cny[0] == pytest.approx(balances(1e5, 8.0, 12, "equal").sum() * 0.08 / 12)
    assert value.loss_cny[0] == 0.0


def test_profit_is_what_is_left():
    value = price(terms(), np.array([0.02]), POLICY)
    rest = value.income_cny - value.cost_cny - value.loss_cny
    assert value.profit_cny[0] == rest[0]


def test_the_margin_is_what_the_fair_rate_leaves():
    loan = terms()
    pd = np.array([0.01])
    _, rate = policy_rate(price(loan, pd, POLICY), POLICY)
    value = price(terms(rate=float(rate[0])), pd, POLICY)
    earned = 100 * value.profit_cny / value.balance_years
    step, lost = POLICY.rate.step_pct, rate * value.pd_life / 2
    assert POLICY.rate.margin_pct - lost[0] - step <= earned[0] <= POLICY.rate.margin_pct + step


def test_small_loans_cost_more_a_year():
    small, _ = policy_rate(price(terms(10_000), np.array([0.01]), POLICY), POLICY)
    large, _ = policy_rate(price(terms(500_000), np.array([0.01]), POLICY), POLICY)
    assert small[0] > large[0]


def test_a_line_earns_on_what_is_drawn():
    line, bullet = (price(terms(plan=p), np.zeros(1), POLICY) for p in ("line", "interest_first"))
    share = POLICY.assumptions.loss.drawn_share
    assert line.income_cny[0] == pytest.approx(share * bullet.income_cny[0])
