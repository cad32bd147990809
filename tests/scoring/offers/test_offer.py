"""The fixed point: random applicants and policies keep every bound, and offers settle."""

import dataclasses
import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contract.tables import PLANS, PURPOSES
from features.instalments import annuity_share
from models.policy import Policy
from scoring.offers.limit import limited
from scoring.offers.offer import make_offers, policy_rate
from scoring.offers.price import price
from scoring.offers.risk import pd_of_terms

MANY = 400


def crowd(people, seed):
    rng = np.random.default_rng(seed)

    def some(values, missing=0.1):
        return [None if rng.random() < missing else v for v in values]

    days = rng.integers(0, 365, MANY).tolist()
    figures = {
        "tax_sales": some(rng.lognormal(13, 1.5, MANY).tolist()),
        "shop_sales": some(rng.lognormal(12, 1.5, MANY).tolist(), 0.5),
        "weak": some(rng.random(MANY).tolist()),
        "weak_age": some(rng.integers(0, 337, MANY).astype(float).tolist()),
        "guests": rng.integers(0, 2, MANY).astype(float).tolist(),
        "amount_cny": some(rng.lognormal(11.7, 1.2, MANY).tolist()),
        "term_months": some(rng.integers(1, 30, MANY).tolist()),
        "plan": some(rng.choice(PLANS, MANY).tolist()),
        "purpose": some(rng.choice(PURPOSES, MANY).tolist()),
    }
    as_of = [dt.date(2025, 1, 1) + dt.timedelta(days=k) for k in days]
    return people(as_of=as_of, **figures), np.exp(rng.uniform(-7, -2, MANY))


policies = st.fixed_dictionaries(
    {
        "base": st.sampled_from(["quick_business_loan", "tax_loan", "tourism_line"]),
        "limit": st.fixed_dictionaries(
            {
                "instalment_share": st.floats(0.02, 1.0),
                "weak_month_floor": st.floats(0.0, 1.0),
                "round_to_cny": st.sampled_from([1.0, 100.0, 10_000.0]),
            }
        ),
        "rate": st.fixed_dictionaries(
            {
                "floor_pct": st.floats(0.1, 6.0),
                "cap_pct": st.floats(6.0, 24.0),
                "margin_pct": st.floats(0.0, 10.0),
                "step_pct": st.sampled_from([0.01, 0.05, 0.25]),
            }
        ),
    }
)


@settings(max_examples=40, deadline=None)
@given(chosen=policies, seed=st.integers(0, 2**32 - 1))
def test_offers_keep_every_bound(people, policy_of, chosen, seed):
    (features, applications), pd = crowd(people, seed)
    policy = policy_of({k: chosen[k] for k in ("limit", "rate")}, base=chosen["base"])
    offers = make_offers(features, applications, pd, policy=policy, scoring=Policy.load())
    made, terms, rate = offers.made, offers.terms, policy.rate
    asked = offers.people.request.amount_cny
    amount = terms.amount_cny[made]
    assert (amount <= policy.product.cap_cny).all()
    assert (amount <= np.nan_to_num(asked[made], nan=np.inf)).all()
    assert (amount >= policy.product.least_cny).all()
    assert (terms.rate_pct[made] >= rate.floor_pct - 1e-9).all()
    assert (terms.rate_pct[made] <= rate.cap_pct + 1e-9).all()
    due = terms.amount_cny * annuity_share(terms.rate_pct, terms.term_months)
    assert (due[made] <= offers.limited.instalment_cny[made] * (1 + 1e-9)).all()
    assert (offers.pd[made] < policy.product.pd_below).all()
    assert (offers.price.profit_cny[made] >= 0).all()
    assert set(terms.plan[made].tolist()) <= set(policy.plan.allowed)
    assert set(terms.term_months[made].tolist()) <= set(policy.term.months)


@settings(max_examples=20, deadline=None)
@given(chosen=policies, seed=st.integers(0, 2**32 - 1))
def test_an_offer_is_a_fixed_point(people, policy_of, chosen, seed):
    (features, applications), pd = crowd(people, seed)
    policy = policy_of({k: chosen[k] for k in ("limit", "rate")}, base=chosen["base"])
    offers = make_offers(features, applications, pd, policy=policy, scoring=Policy.load())
    made, terms = offers.made, offers.terms
    again = limited(offers.people, offers.factor, terms.rate_pct, policy)
    assert (terms.amount_cny[made] <= again.amount_cny[made]).all()
    sales, response = offers.people.sales.yearly_cny, policy.assumptions.response
    moved = pd_of_terms(pd, offers.people.request, terms, sales, response)
    np.testing.assert_array_equal(moved[made], offers.pd[made])
    _, rate = policy_rate(price(terms, moved, policy), policy)
    np.testing.assert_array_equal(rate[made], terms.rate_pct[made])


def test_nearly_everybody_settles(people, policy_of):
    (features, applications), pd = crowd(people, 1)
    offers = make_offers(features, applications, pd, policy=policy_of(), scoring=Policy.load())
    assert (offers.refusal == "unsettled").mean() < 0.01


def test_an_offer_does_not_depend_on_the_others(people, policy_of):
    (features, applications), pd = crowd(people, 2)
    policy, scoring = policy_of(), Policy.load()
    whole = make_offers(features, applications, pd, policy=policy, scoring=scoring)
    order = np.random.default_rng(0).permutation(MANY)[:50]
    rows = order.tolist()
    some = make_offers(
        features[rows], applications[rows], pd[order], policy=policy, scoring=scoring
    )
    np.testing.assert_array_equal(some.terms.amount_cny, whole.terms.amount_cny[order])
    np.testing.assert_array_equal(some.terms.rate_pct, whole.terms.rate_pct[order])
    np.testing.assert_array_equal(some.refusal, whole.refusal[order])


def test_risk_cuts_the_limit_and_raises_the_rate(offer, policy_of):
    policy = policy_of({"limit": {"instalment_share": 1.0}})
    offers = offer([0.002, 0.02, 0.045], policy=policy, amount_cny=9e5, n=3)
    assert (np.diff(offers.terms.amount_cny) < 0).all()
    assert (np.diff(offers.terms.rate_pct) > 0).all()


def test_what_the_price_cannot_cover_is_referred(offer, policy_of):
    policy = policy_of({"rate": {"cap_pct": 4.0}})
    offers = offer(0.03, policy=policy)
    assert (offers.refusal[0], offers.terms.rate_pct[0]) == ("unpriced", 4.0)


def test_no_offer_at_a_pd_above_the_bound(offer):
    assert offer(0.2).refusal[0] == "too_risky"


def test_no_offer_below_the_least_amount(offer):
    assert offer(amount_cny=9_000).refusal[0] == "too_small"


def test_neither_the_past_nor_the_truth_is_read(people, policy_of):
    """Columns of outcomes and truth beside the inputs change nothing: they are not looked at."""
    features, applications = people(n=3, amount_cny=[5e4, 2e5, 9e5])
    policy, scoring, pd = policy_of(), Policy.load(), np.full(3, 0.01)
    plain = make_offers(features, applications, pd, policy=policy, scoring=scoring)
    secrets = {
        "true_pd": 0.9,
        "defaulted": True,
        "offered_amount_cny": 1.0,
        "offered_rate_pct": 9.0,
    }
    known = make_offers(
        features.with_columns(**{k: pl.lit(v) for k, v in secrets.items()}),
        applications.with_columns(**{k: pl.lit(v) for k, v in secrets.items()}),
        pd,
        policy=policy,
        scoring=scoring,
    )
    for name in (f.name for f in dataclasses.fields(plain.terms)):
        assert getattr(plain.terms, name).tolist() == getattr(known.terms, name).tolist()


@pytest.mark.parametrize("plan", PLANS)
def test_every_plan_has_a_price(offer, policy_of, plan):
    policy = policy_of({"plan": {"allowed": list(PLANS)}})
    offers = offer(policy=policy, plan=plan)
    assert offers.terms.plan[0] == plan
    assert offers.price.balance_years[0] > 0
