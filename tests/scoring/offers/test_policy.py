"""Offer policies: shipped ones load, and a wrong one is one line that names key, value, remedy."""

import datetime as dt

import numpy as np
import pytest

from features.contract.errors import ContractError
from models.policy import Policy
from scoring.offers.policy import POLICIES, OfferPolicy, Season, shipped


def test_the_four_shipped_policies_load_by_name_and_by_path(tmp_path):
    assert shipped() == ["flat_cut_off", "quick_business_loan", "tax_loan", "tourism_line"]
    grades = tuple(grade.name for grade in Policy.load().grades)
    for name in shipped():
        policy = OfferPolicy.load(POLICIES / f"{name}.toml")
        policy.check_grades(grades)
        assert policy.product.name == name


def test_every_number_of_a_shipped_file_has_a_source_or_says_that_it_is_assumed():
    for path in [*POLICIES.glob("*.toml"), POLICIES.parent / "assumptions.toml"]:
        for line in path.read_text("utf-8").splitlines():
            value, _, remark = line.partition("#")
            if any(c.isdigit() for c in value) and value.strip()[:1] != "[":
                assert remark.strip() or "months = " in value or "from = " in value, (path, line)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rate": {"cap_pct": 30.0}}, "rate.cap_pct of 30 exceeds the legal cap of 24 % a year"),
        ({"rate": {"cap": 9.0}}, "rate.cap: Extra inputs are not permitted, got 9.0"),
        ({"rate": {"floor_pct": 16.0}}, "floor_pct must not exceed cap_pct"),
        ({"limit": {"flat_cny": 1e5}}, "give either flat_cny, or both"),
        ({"product": {"sources": ["electricity"]}}, "limit.sales_share names"),
        ({"product": {"least_cny": 4e6}}, "least_cny must not exceed cap_cny"),
        ({"product": {"lender_type": "pawnshop"}}, "product.lender_type: Input should be"),
        ({"term": {"usual": 7}}, "7 months is not among the terms"),
        ({"term": {"least": {"equipment": 18}, "most": {"equipment": 12}}}, "least exceeds most"),
        ({"plan": {"instead": "interest_first"}}, "instead must be among the plans allowed"),
        ({"plan": {"allowed": ["equal"]}}, "seasonal_below needs the plan seasonal"),
        ({"limit": {"instalment_share": 1.5}}, "limit.instalment_share: Input should be less"),
        ({"product": {"only": [{"feature": "x", "above": 1}]}}, "no feature is called 'x'"),
        ({"assumptions": {"loss": {"lgd": 2.0}}}, "assumptions.loss.lgd: Input should be less"),
        ({"assumptions": {"term_structure": {"equal": [1.0]}}}, "equal needs a ratio"),
    ],
)
def test_a_wrong_policy_is_one_line(policy_of, changes, said):
    with pytest.raises(ContractError) as error:
        policy_of(changes)
    text = str(error.value)
    assert said in text
    assert text.startswith("test.toml: ")
    assert "\n" not in text
    assert "shows every setting" in text


def test_a_flat_limit_above_the_products_cap_is_refused(policy_of):
    with pytest.raises(ContractError, match="flat_cny of 4,000,000 exceeds the product's cap_cny"):
        policy_of({"limit": {"flat_cny": 4e6}}, base="flat_cut_off")


def test_the_legal_cap_is_the_lowest_of_the_days_on_offer(policy_of):
    small = {"lender_type": "small_loan", "offered_until": dt.date(2027, 12, 30)}
    assert policy_of({"product": small, "rate": {"cap_pct": 24.0}})
    with pytest.raises(ContractError, match="legal cap of 12 % a year for small_loan between"):
        policy_of({"product": small | {"offered_until": dt.date(2028, 1, 1)}})


def test_grades_must_be_those_of_the_score_policy(policy_of):
    policy = policy_of()
    with pytest.raises(
        ContractError, match="expected one for each of the grades A, B, got A, B, C"
    ):
        policy.check_grades(("A", "B"))


def test_a_file_that_is_not_there_names_the_shipped_policies(tmp_path):
    with pytest.raises(ContractError, match=r"expected an offer policy \(shipped: flat"):
        OfferPolicy.load(tmp_path / "mine.toml")


def test_a_season_is_high_from_the_months_ahead_of_each_peak():
    season = Season(peak_months=(1, 7), ahead_months=2, rise=0.3, cut=0.1, longer_months=0)
    months = np.arange(1, 13)
    assert months[season.high(months)].tolist() == [1, 5, 6, 7, 11, 12]
