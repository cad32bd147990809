"""What an offer does to cash is what the cash equation does with its flows."""

from dataclasses import replace

import numpy as np
import pytest

from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.firm.cash import cash_path
from synthetic.firm.horizon import FUTURE, HISTORY, MONTH_ENDS
from synthetic.loan.lending import applications, requested_offers
from synthetic.loan.offer import with_amount
from synthetic.loan.offer_cash import EQUIPMENT, GAP, RAW, offer_cash, with_offer
from synthetic.loan.repayment import TAKINGS
from synthetic.streams import Bucket
from synthetic.world import simulate_applicants

FIRMS = 300


@pytest.fixture(scope="module")
def config():
    return load_config()


@pytest.fixture(scope="module")
def history(config):
    return simulate_applicants(FIRMS, backdrop(3, config), Bucket(3, 0, config))


@pytest.fixture(scope="module")
def offers(history, config):
    bucket = Bucket(3, 0, config)
    closed = history.closure.closed
    request = applications(history.firms, history.state, history.bad, closed, bucket)
    return requested_offers(history.firms, request, bucket)


def recursion(history, flow, config):
    """Cash week by week with an offer's flows in the equation itself."""
    state = history.state
    flows = state.flows.copy()
    flows[:, HISTORY : HISTORY + FUTURE] += flow
    path = cash_path(state.health, state.surprise, flows, state.cash_buffer, config)
    return path[:, HISTORY + MONTH_ENDS]


def test_the_effect_is_that_of_the_cash_equation(history, offers, config):
    effect = offer_cash(offers, config)
    flow = effect.flow + offers.return_luck[:, None] * effect.uncertain
    state = history.state
    told = with_offer(state.cash, state.health.total, offers, effect, config)
    assert np.allclose(told - effect.spare, recursion(history, flow, config))


def test_a_share_of_takings_is_paid_out_of_takings_and_settled_at_the_end(history, offers, config):
    offers = replace(offers, plan=np.full(FIRMS, TAKINGS))
    effect = offer_cash(offers, config)
    health = history.state.health.total[:, HISTORY : HISTORY + FUTURE]
    moving = -effect.takings * health
    settled = np.zeros_like(moving)
    settled[np.arange(FIRMS), effect.end - 1] = -moving.sum(axis=1)
    flow = effect.flow + offers.return_luck[:, None] * effect.uncertain + moving + settled
    told = with_offer(history.state.cash, history.state.health.total, offers, effect, config)
    assert np.allclose(told, recursion(history, flow, config))


def test_no_loan_leaves_the_need(offers, config):
    effect = offer_cash(with_amount(offers, 0 * offers.months), config)
    gap = offers.need_purpose == GAP
    assert gap.any()
    assert effect.flow[gap, 0] == pytest.approx(-config.loan.gap_share * offers.need_months[gap])
    raw = offers.need_purpose == RAW
    assert (effect.flow[raw].sum(axis=1) < 0).all(), "an order that is not filled is lost"
    assert (effect.uncertain == 0).all()


def test_returns_are_concave(offers, config):
    def gained(months):
        full = np.full(FIRMS, months)
        asked = replace(
            offers, months=full, purpose=np.full(FIRMS, RAW), need_months=full,
            need_purpose=np.full(FIRMS, RAW), rate=np.zeros(FIRMS), plan=np.zeros(FIRMS, int),
        )  # fmt: skip
        return offer_cash(asked, config).flow.sum(axis=1).mean()

    assert gained(1.0) == pytest.approx(config.loan.turn_gain)
    assert gained(1.0) > 0 > gained(4.0) - gained(3.0)


def test_equipment_pays_back_in_its_months(offers, config):
    asked = replace(
        offers, purpose=np.full(FIRMS, EQUIPMENT), need_purpose=np.full(FIRMS, GAP),
        plan=np.zeros(FIRMS, int),
    )  # fmt: skip
    small = with_amount(asked, np.ones(FIRMS))
    less = with_amount(asked, np.zeros(FIRMS))
    flow = offer_cash(small, config).flow - offer_cash(less, config).flow
    late = flow[:, MONTH_ENDS[-1] - 1]
    assert late == pytest.approx(np.full(FIRMS, 1 / config.loan.payback_months))
