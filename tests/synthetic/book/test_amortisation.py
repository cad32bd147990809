"""Schedules repay what was lent, to the fen, and bear the interest of their balance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contract.tables import PLANS
from synthetic.book.amortisation import amortisation
from synthetic.config.load import load_config
from synthetic.loan.repayment import EQUAL, INTEREST_FIRST, LINE, SEASONAL, instalments
from tests.synthetic.loan.test_repayment import offer

CONFIG = load_config()


@given(
    plan=st.sampled_from(range(len(PLANS))),
    rate=st.floats(0, 0.36),
    term=st.integers(1, 24),
    amount=st.integers(100, 10**9),
)
def test_any_schedule_repays_what_was_lent(plan, rate, term, amount):
    asked = offer(plan, rate=rate, term=term)
    schedule = amortisation(asked, np.array([amount / 100]), CONFIG)
    assert schedule.principal.sum() == amount
    assert (schedule.principal >= 0).all()
    assert (schedule.interest >= 0).all()
    assert not schedule.principal[0, term:].any()
    assert not schedule.interest[0, term:].any()
    assert schedule.owed[0, 0] == amount
    if plan != LINE:
        assert (np.diff(schedule.owed[0, :term]) <= 0).all()


@pytest.mark.parametrize("plan", [EQUAL, INTEREST_FIRST, SEASONAL, LINE])
def test_a_schedule_is_what_the_plan_takes_from_cash(plan):
    asked = offer(plan, months=1.0, rate=0.06, term=12)
    schedule = amortisation(asked, np.array([1e6]), CONFIG)
    due = (schedule.principal + schedule.interest)[0] / 1e8
    share = CONFIG.loan.line_drawn if plan == LINE else 1.0
    expected = instalments(asked, CONFIG)[0]
    if plan == LINE:  # the whole limit is owed by a line that is drawn at the end
        expected[11] += 1 - share
    assert due == pytest.approx(expected, abs=2e-6)


def test_a_line_bears_interest_for_the_days_on_which_it_is_drawn():
    asked = offer(LINE, rate=0.12, term=3)
    drawn = np.zeros((1, 24))
    drawn[0, :3] = 0.0, 0.5, 1.0
    schedule = amortisation(asked, np.array([10_000.0]), CONFIG, drawn=drawn)
    assert schedule.interest[0, :4].tolist() == [0, 5_000, 10_000, 0]


def test_no_loan_has_an_empty_schedule():
    nothing = replace(offer(EQUAL), months=np.zeros(1))
    schedule = amortisation(nothing, np.zeros(1), CONFIG)
    assert not schedule.principal.any()
    assert not schedule.interest.any()
