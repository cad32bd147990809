"""Acceptance follows the demand data, falls with the rate and rises with need."""

from dataclasses import replace

import numpy as np
import pytest

from synthetic.book.acceptance import accept_probability, acceptance_luck, accepts
from synthetic.config.load import load_config
from synthetic.firm.horizon import HISTORY
from synthetic.firm.select import select
from tests.synthetic.conftest import Everybody

STAY = {  # % a year: share of customers that stay, mean of ratings A, B and C; 2020 contest
    4.25: 0.923, 4.65: 0.869, 5.05: 0.796, 5.85: 0.687, 6.65: 0.585, 7.45: 0.496, 8.65: 0.390,
    9.85: 0.320, 11.05: 0.249, 12.25: 0.203, 13.45: 0.154, 15.0: 0.099,
}  # fmt: skip


@pytest.fixture(scope="module")
def everybody():
    return Everybody(3, load_config(), firms=400)


def at(everybody, rate, state=None):
    state = everybody.history.state if state is None else state
    return accept_probability(np.full(len(state.cash), rate), state, everybody.config)


def with_missing(everybody, months):
    """State of firms that miss so many months of cash."""
    state = select(everybody.history.state, np.arange(5))
    cash = state.cash.copy()
    cash[:, HISTORY] = state.cash_buffer.usual - months
    return replace(state, cash=cash)


@pytest.mark.parametrize(("rate", "stay"), STAY.items())
def test_without_need_the_curve_is_that_of_the_demand_data(everybody, rate, stay):
    usual = with_missing(everybody, everybody.config.acceptance.usual_gap)
    assert at(everybody, rate, usual) == pytest.approx(np.full(5, stay), abs=0.04)


def test_a_higher_rate_is_taken_less_and_need_takes_more(everybody):
    shares = np.stack([at(everybody, rate) for rate in (2.0, 3.5, 5.0, 9.0, 15.0, 24.0, 36.0)])
    assert (np.diff(shares, axis=0) <= 0).all()
    assert (shares[0] == 1).all()
    assert shares[-1].max() < 0.1
    calm, short = (at(everybody, 6.0, with_missing(everybody, m)) for m in (0.0, 2.0))
    assert (short > calm).all()


def test_who_takes_a_loan_takes_it_at_any_lower_rate(everybody):
    luck = acceptance_luck(400, everybody.bucket)
    dear, cheap = (accepts(at(everybody, rate), luck) for rate in (9.0, 5.0))
    assert cheap[dear].all()
    assert cheap.sum() > dear.sum() > 0
