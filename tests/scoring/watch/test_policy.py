import numpy as np
import polars as pl
import pytest

from features.contract.errors import ContractError
from scoring.watch.policy import POLICY_FILE, WatchPolicy


@pytest.fixture
def policy():
    return WatchPolicy.load()


@pytest.mark.parametrize(
    ("pds", "fired", "default", "action"),
    [
        ((0.01, 0.01), None, False, "none"),
        ((0.06, 0.06), None, False, "call"),
        ((0.04, 0.005), None, False, "call"),
        ((0.16, 0.16), None, False, "freeze"),
        ((0.01, 0.01), "receipts_plunge", False, "freeze"),
        ((0.01, 0.01), "activity_cusum", False, "call"),
        ((0.16, 0.16), "activity_cusum", False, "freeze"),
        ((np.nan, np.nan), None, False, "none"),
        ((np.nan, 0.01), None, True, "collect"),
    ],
)
def test_the_most_severe_action_is_taken(policy, pds, fired, default, action):
    pd, before = pds
    hits = np.array([[rule.name == fired for rule in policy.rules]])
    found = policy.actions_of(hits, np.array([pd]), np.array([before]), default=np.array([default]))
    assert found == [action]


def test_a_rule_needs_all_its_conditions_and_a_missing_figure_fires_none(policy):
    rule = next(rule for rule in policy.rules if rule.name == "bills_swing")
    features = pl.DataFrame(
        {
            "bill_swing_90d": [1.5, 1.5, 0.5, None],
            "electricity_since_disbursement": [-0.5, 0.0, -0.5, -0.5],
        }
    )
    assert rule.fires(features).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('feature = "days_past_due"', 'feature = "nothing"', "no feature is called 'nothing'"),
        ('action = "freeze"', 'action = "shout"', "shout not among"),
        ('name = "orders_down"', 'name = "days_past_due"', "names of their own"),
        ("call_from = 0.05", "call_from = 5", "less than 1"),
    ],
)
def test_a_wrong_policy_is_refused(tmp_path, old, new, said):
    path = tmp_path / "policy.toml"
    path.write_text(POLICY_FILE.read_text("utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ContractError, match=said):
        WatchPolicy.load(path)
