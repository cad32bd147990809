import numpy as np

from models.inspection.importance import REPEATS, importance


def test_shares_add_up_and_what_is_not_read_loses_nothing(trees_model, X):
    bad = (np.nan_to_num(X["a"].to_numpy()) > 0.5).astype(float)
    found = importance(trees_model, trees_model.matrix(X), bad)
    assert found["shap_share"].sum() == 1.0 or abs(found["shap_share"].sum() - 1) < 1e-12
    assert abs(found["gain_share"].sum() - 1) < 1e-12
    assert found.sort("permutation_auc", descending=True)["feature"][0] == "a"
    assert REPEATS > 1


def test_a_scorecard_has_no_gain(scorecard_model, X):
    bad = (np.nan_to_num(X["a"].to_numpy()) > 0.5).astype(float)
    found = importance(scorecard_model, scorecard_model.matrix(X), bad)
    assert found["gain_share"].null_count() == found.height
    by_name = dict(found.select("feature", "permutation_auc").iter_rows())
    assert by_name["b"] == 0.0


def test_without_outcomes_nothing_is_permuted(trees_model, X):
    found = importance(trees_model, trees_model.matrix(X), np.full(X.height, np.nan))
    assert found["permutation_auc"].null_count() == found.height
    assert found["shap_share"].null_count() == 0
