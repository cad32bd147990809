from itertools import combinations
from math import factorial

import lightgbm as lgb
import numpy as np
import pytest

from scoring.shap_values.explainer import MANY, ShapExplainer
from scoring.shap_values.leaf_groups import UnsupportedTreesError
from scoring.shap_values.tree_tables import TreeTables


def trained(*, seed=0, rows=2_000, features=8, missing=0.15, trees=15, **settings):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, features))
    X[rng.random(X.shape) < missing] = np.nan
    risk = -1 + np.nan_to_num(X) @ rng.normal(size=features) + np.isnan(X[:, 0])
    y = (rng.random(rows) < 1 / (1 + np.exp(-risk))).astype(int)
    options = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": seed, **settings}
    return lgb.train(options, lgb.Dataset(X, y), num_boost_round=trees), X


SETTINGS = [
    {"num_leaves": 31, "max_depth": 6},
    {"num_leaves": 4},
    {"num_leaves": 63, "max_depth": 9, "min_data_in_leaf": 5},
    {"num_leaves": 2},
    {"num_leaves": 31, "max_depth": 6, "missing": 0.0},
    {"num_leaves": 15, "monotone_constraints": [1, -1, 0, 1, 1, 0, -1, 0]},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_equal_to_lightgbm(settings):
    booster, X = trained(**settings)
    ours = TreeTables.of(booster).contributions(X)
    theirs = booster.predict(X, pred_contrib=True)
    assert np.abs(ours - theirs[:, :-1]).max() < 1e-10


def test_rows_not_seen_in_training_and_missing_where_training_had_none():
    booster, _ = trained(missing=0.0, num_leaves=15)
    rng = np.random.default_rng(9)
    X = rng.normal(scale=5, size=(700, 8))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[rng.random(X.shape) < 0.1] = 0.0
    X[5] = np.inf
    X[6] = -np.inf
    theirs = booster.predict(X, pred_contrib=True)
    assert np.abs(TreeTables.of(booster).contributions(X) - theirs[:, :-1]).max() < 1e-10


def test_a_split_of_missing_from_known_knows_infinity():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(2_000, 2))
    X[rng.random(2_000) < 0.4, 0] = np.nan
    bad = rng.random(2_000) < np.where(np.isnan(X[:, 0]), 0.6, 0.1)
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 3}
    booster = lgb.train(settings, lgb.Dataset(X, bad), num_boost_round=5)
    assert any(node["threshold"] >= 1e300 for node in splits(booster))
    X[:3, 0] = np.inf, -np.inf, 1.7e308
    theirs = booster.predict(X, pred_contrib=True)
    assert np.abs(TreeTables.of(booster).contributions(X) - theirs[:, :-1]).max() < 1e-10


def splits(booster):
    left = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    while left:
        node = left.pop()
        if "split_feature" in node:
            yield node
            left += [node["left_child"], node["right_child"]]


def expectation(tree, row, known):
    """Mean of a tree where only the `known` features of `row` are known."""
    if "leaf_value" in tree and "split_feature" not in tree:
        return tree["leaf_value"]
    children = (tree["left_child"], tree["right_child"])
    if tree["split_feature"] in known:
        x = row[tree["split_feature"]]
        if np.isnan(x) and tree["missing_type"] == "NaN":
            left = tree["default_left"]
        else:
            left = np.nan_to_num(x) <= tree["threshold"]
        return expectation(children[0 if left else 1], row, known)
    counts = [c.get("internal_count", c.get("leaf_count")) for c in children]
    return sum(
        n / sum(counts) * expectation(child, row, known)
        for n, child in zip(counts, children, strict=True)
    )


def brute_force(booster, row, features):
    """Sum over all subsets of features, as Shapley (1953) wrote it."""
    trees = [info["tree_structure"] for info in booster.dump_model()["tree_info"]]
    value = {
        known: sum(expectation(tree, row, known) for tree in trees)
        for size in range(features + 1)
        for known in combinations(range(features), size)
    }
    phi = np.zeros(features)
    for j in range(features):
        others = [i for i in range(features) if i != j]
        for size in range(features):
            weight = factorial(size) * factorial(features - size - 1) / factorial(features)
            for known in combinations(others, size):
                phi[j] += weight * (value[tuple(sorted((*known, j)))] - value[known])
    return phi


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_the_sum_over_all_subsets(seed):
    booster, X = trained(seed=seed, features=5, trees=6, num_leaves=10)
    ours = TreeTables.of(booster).contributions(X[:12])
    for k in range(12):
        assert np.abs(ours[k] - brute_force(booster, X[k], 5)).max() < 1e-10


def test_a_row_adds_up_to_its_margin(model, in_memory):
    booster = model.estimator.booster
    rng = np.random.default_rng(3)
    X = rng.normal(size=(600, len(model.feature_names)))
    total = TreeTables.of(booster).contributions(X).sum(axis=1) + model.bias
    assert np.abs(total - booster.predict(X, raw_score=True)).max() < 1e-10


def test_a_stump_of_a_model_has_no_contributions():
    X, y = np.ones((50, 3)), np.tile([0, 1], 25)
    booster = lgb.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1}, lgb.Dataset(X, y), 2
    )
    assert (TreeTables.of(booster).contributions(X) == 0).all()


def test_categories_are_refused():
    rng = np.random.default_rng(1)
    X = rng.integers(0, 5, (500, 2)).astype(float)
    y = (X[:, 0] % 2 == 0).astype(int)
    data = lgb.Dataset(X, y, categorical_feature=[0])
    booster = lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 2)
    with pytest.raises(UnsupportedTreesError):
        TreeTables.of(booster)


def test_many_and_few_rows_have_the_same_contributions(model):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(40, len(model.feature_names)))
    few = ShapExplainer(model, rows=40).of(X)
    many = ShapExplainer(model, rows=MANY).of(X)
    assert few.shape == many.shape == (40, len(model.feature_names))
    assert np.abs(few - many).max() < 1e-10
