from importlib import resources

import numpy as np
import polars as pl
import pytest

from features.contract.errors import ContractError
from models.policy import Condition, Policy


@pytest.fixture
def policy():
    return Policy.load()


def test_points_are_600_at_50_to_1_and_40_double_the_odds(policy):
    odds = np.array([50.0, 100.0, 25.0, 400.0])
    assert policy.score.score(1 / (1 + odds)).tolist() == [600, 640, 560, 720]


def test_points_end_at_300_and_850(policy):
    assert policy.score.score(np.array([1.0, 0.0])).tolist() == [300, 850]


def test_points_never_rise_with_risk(policy):
    points = policy.score.score(np.linspace(0, 1, 1_001))
    assert (np.diff(points) <= 0).all()


def test_grades_follow_their_bands(policy):
    bounds = [grade.pd_below for grade in policy.grades[:-1]]
    below = policy.grade(np.array(bounds) - 1e-9)
    at = policy.grade(np.array(bounds))
    assert below == ["A", "B", "C", "D", "E", "F"]
    assert at == ["B", "C", "D", "E", "F", "G"]


def test_a_flag_refers_and_never_declines(policy):
    pd = np.array([0.001, 0.05, 0.9])
    no, yes = np.array([False] * 3), np.array([True] * 3)
    assert policy.decide(pd, flagged=no, enough=yes) == ["approve", "refer", "decline"]
    assert policy.decide(pd, flagged=yes, enough=yes) == ["refer", "refer", "refer"]
    assert policy.decide(pd, flagged=no, enough=no) == ["refer", "refer", "refer"]


def test_a_condition_does_not_hold_where_the_feature_is_missing():
    age = pl.Series([None, float("nan"), 1.0, 2.0, 3.0], dtype=pl.Float32).to_numpy()
    above, below = (
        Condition(feature="firm_age", above=2.0),
        Condition(feature="firm_age", below=2.0),
    )
    assert above.holds(age).tolist() == [False, False, False, False, True]
    assert below.holds(age).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("approve_below = 0.04", "approve_below = 0.5"), "approve_below must not exceed"),
        (("approve_below = 0.04", "aprove_below = 0.04"), "decision.approve_below: Field required"),
        (("pd_below = 1.01", "pd_below = 0.9"), "pd_below must rise"),
        (
            ('feature = "electricity_month_cv_365d"', 'feature = "moon_phase"'),
            "no feature is called 'moon_phase'",
        ),
        (("below = 0.03", "below = 0.03, above = 1"), "exactly one of above and below"),
        (("[sufficiency]", "[sufficiency"), "expected a policy in TOML"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_place(tmp_path, change, problem):
    text = (resources.files("models") / "policy.toml").read_text("utf-8")
    assert change[0] in text
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(ContractError, match=problem):
        Policy.load(path)


def test_a_missing_policy_is_one_line(tmp_path):
    with pytest.raises(ContractError, match="No such file"):
        Policy.load(tmp_path / "none.toml")
