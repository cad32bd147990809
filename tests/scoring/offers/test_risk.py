"""PD of other terms: direction, size, and what leaves it alone."""

import dataclasses

import numpy as np
import pytest

from scoring.offers.policy import OfferPolicy
from scoring.offers.risk import pd_of_life, pd_of_terms
from scoring.offers.terms import Terms

RESPONSE = OfferPolicy.load().assumptions.response
STRUCTURE = OfferPolicy.load().assumptions.term_structure


def terms(amount=100_000.0, rate=5.0, term=12.0, plan="equal"):
    return Terms(np.array([amount]), np.array([rate]), np.array([term]), np.array([plan]))


def moved(offered, request=None, sales=500_000.0, pd=0.02):
    return pd_of_terms(np.array([pd]), request or terms(), offered, np.array([sales]), RESPONSE)[0]


def test_the_request_keeps_its_pd():
    assert moved(terms()) == pytest.approx(0.02, rel=1e-12)


def test_a_larger_loan_in_instalments_is_riskier_and_a_longer_one_safer():
    assert moved(terms(amount=200_000)) > moved(terms()) > moved(terms(amount=50_000))
    assert moved(terms(term=18.0)) < moved(terms())


def test_the_rate_enters_through_the_instalment():
    assert moved(terms(rate=15.0)) > moved(terms())
    assert moved(terms(rate=24.0)) / moved(terms(rate=4.0)) < 1.2


def test_a_bullet_beyond_the_labels_year_weighs_nothing_in_it():
    assert moved(terms(plan="interest_first")) < moved(terms())
    assert moved(terms(plan="interest_first", term=6.0)) > moved(terms(term=6.0))


def test_it_depends_on_shares_of_sales_alone():
    small = moved(terms(amount=200_000), sales=500_000)
    large = pd_of_terms(np.array([0.02]), terms(1e6), terms(2e6), np.array([5e6]), RESPONSE)[0]
    assert small == pytest.approx(large)


@pytest.mark.parametrize("open_", ["amount_cny", "term_months", "plan"])
def test_what_a_request_leaves_open_moves_nothing(open_):
    nothing = np.array([""]) if open_ == "plan" else np.array([np.nan])
    request = dataclasses.replace(terms(), **{open_: nothing})
    assert moved(terms(), request) == pytest.approx(0.02)


def test_without_verified_sales_the_pd_stays():
    assert moved(terms(amount=1e6), sales=np.nan) == pytest.approx(0.02)


def test_a_life_of_the_labels_months_has_the_labels_pd():
    pd = np.array([0.0, 0.01, 0.5, 1.0])
    np.testing.assert_allclose(pd_of_life(pd, np.ones(4)), pd, atol=1e-5)
    assert (pd_of_life(pd[1:3], np.full(2, 2.0)) > pd[1:3]).all()


def test_the_term_structure_is_interpolated_by_plan():
    term = np.array([3.0, 12.0, 15.0, 36.0])
    ratio = STRUCTURE.ratio(term, np.array(["equal"] * 4))
    at_12, at_18, at_24 = STRUCTURE.equal[1:]
    np.testing.assert_allclose(ratio, [1.0, at_12, (at_12 + at_18) / 2, at_24])
    line = STRUCTURE.ratio(term, np.array(["line"] * 4))
    assert line[1] == STRUCTURE.line[1]
