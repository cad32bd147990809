"""Instalments of each plan repay what was lent, and fall due when they should."""

import numpy as np
import pytest

from features.contract.tables import PLANS
from synthetic.config.load import load_config
from synthetic.firm.horizon import LONGEST_TERM, MONTH_ENDS
from synthetic.loan.offer import Offers
from synthetic.loan.repayment import (
    EQUAL,
    INTEREST_FIRST,
    LINE,
    SEASONAL,
    TAKINGS,
    annuity,
    due_months,
    instalments,
    spare_limit,
    weekly_takings,
)  # fmt: skip

CONFIG = load_config()
ORANGE = CONFIG.trade_names.index("navel_orange")


def offer(plan, *, months=1.2, rate=0.06, term=12, trade=ORANGE, n=1):
    def full(value):
        return np.full(n, value)

    return Offers(
        months=full(months), rate=full(rate), term=full(term), plan=full(plan), purpose=full(0),
        need_months=full(months), need_purpose=full(0), return_luck=full(0.0), trade=full(trade),
        first_week=full(0),
    )  # fmt: skip


def principal(plan, rate=0.06, term=12):
    """What the instalments repay beside the interest on the balance before each."""
    due = instalments(offer(plan, rate=rate, term=term), CONFIG)[0]
    balance = 1.2
    for month in range(term):
        balance -= due[month] - balance * rate / 12
    return balance


@pytest.mark.parametrize("term", [1, 3, 12, LONGEST_TERM])
@pytest.mark.parametrize("plan", [EQUAL, INTEREST_FIRST, SEASONAL], ids=lambda k: PLANS[k])
def test_the_last_instalment_leaves_no_balance(plan, term):
    assert principal(plan, term=term) == pytest.approx(0, abs=1e-9)


def test_an_annuity_without_interest_is_the_amount_by_the_months():
    assert annuity(offer(EQUAL, rate=0.0))[0] == pytest.approx(0.1)


def test_interest_first_pays_interest_and_then_the_amount():
    due = instalments(offer(INTEREST_FIRST), CONFIG)[0]
    assert due[:11] == pytest.approx(np.full(11, 1.2 * 0.06 / 12))
    assert due[11] == pytest.approx(1.2 * (1 + 0.06 / 12))
    assert (due[12:] == 0).all()


def test_seasonal_instalments_follow_the_trade():
    due = instalments(offer(SEASONAL, rate=0.0), CONFIG)[0][:12]
    assert due.max() > 3 * due.min()
    flat = instalments(
        offer(SEASONAL, rate=0.0, trade=CONFIG.trade_names.index("catering")), CONFIG
    )
    assert flat[0][:12].max() < 1.5 * flat[0][:12].min()


def test_a_line_costs_interest_on_what_is_drawn():
    due = instalments(offer(LINE), CONFIG)[0]
    assert due[0] == pytest.approx(CONFIG.loan.line_drawn * 1.2 * 0.06 / 12)


def test_the_spare_limit_fades_and_only_a_line_has_one():
    spare = spare_limit(offer(LINE), CONFIG)[0]
    assert (np.diff(spare) <= 0).all()
    assert spare[0] > 0
    assert (spare[11:] == 0).all()
    assert (spare_limit(offer(EQUAL), CONFIG) == 0).all()


@pytest.mark.parametrize("term", [6, 12, LONGEST_TERM])
def test_usual_takings_repay_what_an_annuity_repays(term):
    share, end = weekly_takings(offer(TAKINGS, term=term))
    assert share * end == pytest.approx(annuity(offer(EQUAL, term=term)) * term)
    assert end == MONTH_ENDS[term - 1]
    assert (instalments(offer(TAKINGS, term=term), CONFIG) == 0).all()


def test_something_is_due_in_every_month_of_the_term_and_in_no_other():
    assert due_months(offer(EQUAL, term=6)).sum() == 6
    assert due_months(offer(EQUAL, term=6))[0, :6].all()
