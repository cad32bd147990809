"""Limits rule by rule, terms and plans."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from features.instalments import annuity_share
from scoring.offers.limit import CAP, INSTALMENT, REQUEST, RULES, SALES
from scoring.offers.verified_sales import verified_sales

FREE = {"limit": {"instalment_share": 1.0, "weak_month_floor": 1.0}}
"""Instalments that bind nothing."""


def rule(offers, row=0):
    return RULES[offers.limited.rule[row]]


def test_the_amount_applied_for_bounds_the_limit(offer):
    offers = offer(amount_cny=100_000)
    assert (offers.terms.amount_cny[0], rule(offers)) == (100_000, REQUEST)


def test_the_products_cap_bounds_it(offer, policy_of):
    offers = offer(policy=policy_of({"product": {"cap_cny": 50_000}}), amount_cny=100_000)
    assert (offers.terms.amount_cny[0], rule(offers)) == (50_000, CAP)


def test_a_share_of_verified_sales_by_grade_bounds_it(offer, policy_of):
    offers = offer([0.005, 0.02], policy=policy_of(FREE), amount_cny=900_000, n=2)
    # 30 % of a million, times the factor of grade A and of grade C
    assert offers.terms.amount_cny.tolist() == [450_000, 300_000]
    assert (offers.limit_grade.tolist(), rule(offers)) == (["A", "C"], SALES)


def test_the_source_counts_whose_share_allows_most(offer, policy_of):
    policy = policy_of(FREE | {"limit": FREE["limit"] | {"sales_share": {"tax": 0.1}}})
    offers = offer(policy=policy, amount_cny=9e5, tax_sales=1e6, shop_sales=5e5)
    assert (offers.people.sales.source[0], offers.terms.amount_cny[0]) == ("ecommerce", 225_000)
    tax = offer(policy=policy, amount_cny=9e5, tax_sales=2e6, shop_sales=5e5)
    assert (tax.people.sales.source[0], tax.terms.amount_cny[0]) == ("tax", 300_000)


def test_only_known_days_are_verified(people, policy_of):
    features, _ = people()
    half = features.with_columns(history_tax=pl.lit(182.5))
    assert verified_sales(half, policy_of()).yearly_cny[0] == pytest.approx(500_000)


def test_the_instalment_that_a_weak_month_can_carry_bounds_it(offer, policy_of):
    policy = policy_of({"limit": {"instalment_share": 0.2, "weak_month_floor": 0.4}})
    offers = offer(policy=policy, amount_cny=400_000, weak=0.5)
    terms = offers.terms
    carried = 0.2 * 0.5 * 1_000_000 / 12
    due = terms.amount_cny * annuity_share(terms.rate_pct, terms.term_months)
    assert (rule(offers), terms.term_months[0]) == (INSTALMENT, 12)
    assert carried - 100 < due[0] <= carried


def test_a_weak_month_counts_no_less_than_the_floor(offer, policy_of):
    policy = policy_of({"limit": {"weak_month_floor": 0.5}, "plan": {"seasonal_below": 0.0}})
    offers = offer(policy=policy, amount_cny=4e5, weak=[0.0, 0.5])
    assert offers.terms.amount_cny[0] == offers.terms.amount_cny[1]


def test_a_longer_term_is_offered_before_the_limit_is_cut(offer, policy_of):
    policy = policy_of({"limit": {"instalment_share": 0.2}})
    offers = offer(policy=policy, amount_cny=[60_000, 150_000, 280_000], term_months=3,
                   weak=1.0, purpose="equipment")  # fmt: skip
    assert offers.terms.term_months.tolist() == [12, 12, 18]
    assert offers.terms.amount_cny.tolist() == [60_000, 150_000, 280_000]


@pytest.mark.parametrize(
    ("asked", "purpose", "term"),
    [
        (3, "raw_material", 3), (5, "raw_material", 6), (24, "raw_material", 12),
        (3, "equipment", 12), (24, "equipment", 18), (None, "cash_gap", 12), (6, None, 6),
    ],
)  # fmt: skip
def test_terms_go_with_the_purpose(offer, asked, purpose, term):
    offers = offer(term_months=asked, purpose=purpose, amount_cny=20_000)
    assert offers.terms.term_months[0] == term


def test_a_plan_that_is_not_on_offer_is_replaced_and_a_strong_season_followed(offer):
    offers = offer(plan=["equal", "interest_first", "line", None, "equal"],
                   weak=[0.8, 0.8, 0.1, 0.8, 0.1], n=5)  # fmt: skip
    assert offers.terms.plan.tolist() == ["equal", "equal", "line", "equal", "seasonal"]


def test_a_request_without_an_amount_is_bounded_by_the_rest(offer, policy_of):
    offers = offer(policy=policy_of(FREE), amount_cny=None)
    assert (offers.terms.amount_cny[0], rule(offers)) == (450_000, SALES)


def test_without_a_sale_on_record_the_policys_small_limit_holds(offer, policy_of):
    offers = offer(tax_sales=None)
    assert offers.terms.amount_cny[0] == 45_000
    none = offer(tax_sales=None, policy=policy_of({"limit": {"no_sales_cny": None}}))
    assert none.refusal[0] == "no_sales"


def test_the_season_raises_and_cuts_the_tourism_line(offer, policy_of):
    policy = policy_of(FREE, base="tourism_line")
    offers = offer(policy=policy, guests=1.0, amount_cny=9e5, tax_sales=4e5,
                   as_of=[dt.date(2025, 6, 1), dt.date(2025, 1, 10)], n=2)  # fmt: skip
    # 25 % of 400,000 by grade A's 1.5, raised by 30 % in June, cut by 15 % in January
    assert offers.terms.amount_cny.tolist() == [195_000, 127_000]
    assert offers.terms.term_months.tolist() == [12, 12]
    assert offers.people.high_season.tolist() == [True, False]


def test_a_product_for_tourism_is_for_nobody_else(offer, policy_of):
    offers = offer(policy=policy_of(base="tourism_line"), guests=[0.0, 1.0, None], n=3)
    assert offers.refusal.tolist() == ["not_for", "", "not_for"]


def test_a_tax_loan_reads_no_shop(offer, policy_of):
    offers = offer(policy=policy_of(base="tax_loan"), tax_sales=None, shop_sales=1e6)
    assert np.isnan(offers.people.sales.yearly_cny[0])


def test_the_flat_policy_gives_one_limit_and_rate(offer, policy_of):
    offers = offer([0.001, 0.03], policy=policy_of(base="flat_cut_off"), amount_cny=[5e4, 9e5])
    assert offers.terms.amount_cny.tolist() == [50_000, 124_000]
    assert set(offers.terms.rate_pct.tolist()) == {7.5}
