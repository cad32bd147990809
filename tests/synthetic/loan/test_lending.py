"""Requests and decisions: terms, caps, needs, and what a lender sees."""

import numpy as np
import pytest

from features.contract.tables import PURPOSES
from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.firm.closure import closures
from synthetic.firm.horizon import HISTORY, PAST_MONTH_ENDS
from synthetic.loan.demand import apply_probability
from synthetic.loan.lending import applications
from synthetic.streams import Bucket
from synthetic.world import simulate_applicants

CONFIG = load_config()
FIRMS, SEEDS = 1_000, range(70, 80)


@pytest.fixture(scope="module")
def buckets():
    parts = []
    for seed in SEEDS:
        bucket = Bucket(seed, 0, CONFIG)
        history = simulate_applicants(FIRMS, backdrop(seed, CONFIG), bucket)
        request = applications(
            history.firms, history.state, history.bad, history.closure.closed, bucket
        )
        parts.append((history, request))
    return parts


def pooled(buckets, figure):
    return np.concatenate([figure(history, request) for history, request in buckets])


def test_no_product_lends_more_than_its_cap(buckets):
    caps = np.array(CONFIG.credit.caps_cny)
    assert (pooled(buckets, lambda _, r: r.amount_cny - caps[r.lender]) <= 0).all()


def test_an_amount_is_about_a_tenth_of_yearly_sales(buckets):
    share = pooled(buckets, lambda h, r: r.amount_cny / h.firms.sales_cny)
    assert 0.08 < np.median(share) < 0.13
    assert 0.22 < np.quantile(share, 0.95) < 0.40


def test_terms_go_with_purposes(buckets):
    term = pooled(buckets, lambda _, r: r.term)
    purpose = pooled(buckets, lambda _, r: r.purpose)
    assert (term[purpose == PURPOSES.index("green")] == 12).all()
    raw, equipment = (term[purpose == PURPOSES.index(p)] for p in ("raw_material", "equipment"))
    assert raw.mean() < equipment.mean()


def test_a_cash_gap_is_asked_for_by_firms_that_miss_cash(buckets):
    def missing(history, _):
        return history.state.cash_buffer.usual - history.state.cash[:, HISTORY]

    gap = pooled(buckets, lambda _, r: r.purpose == PURPOSES.index("cash_gap"))
    lack = pooled(buckets, missing)
    assert lack[gap].mean() > lack[~gap].mean() + 0.3


def test_recent_arrears_are_seen_mostly_of_repeat_borrowers(buckets):
    p = CONFIG.credit
    months = PAST_MONTH_ENDS[: p.arrears_months + 1]
    late = pooled(buckets, lambda h, _: (h.state.cash[:, months] < 0).any(axis=1))
    first = pooled(buckets, lambda h, _: h.firms.first_time)
    approved = pooled(buckets, lambda _, r: r.approved)
    assert approved[late & ~first].mean() <= 1 - p.arrears_seen_repeat + 0.1
    assert approved[late].mean() < 0.5 * approved[~late].mean()


def test_a_missing_month_of_cash_makes_a_firm_apply_and_a_shortfall_does_not(buckets):
    history = buckets[0][0]
    state = history.state
    chance = apply_probability(state, history.closure, CONFIG)
    missing = state.cash_buffer.usual - state.cash[:, HISTORY]
    able = (state.cash[:, HISTORY] >= 0) & ~history.closure.closed
    assert np.corrcoef(missing[able], chance[able])[0, 1] > 0.3


def test_hardly_any_applicant_is_closed_and_those_are_short(buckets):
    closed = pooled(buckets, lambda h, _: h.closure.closed)
    assert closed.mean() < 0.005
    for history, _ in buckets:
        again = closures(history.state)
        assert (again.closed == history.closure.closed).all()
