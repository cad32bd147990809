"""Correlation and variance inflation, against SciPy and statsmodels."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from statsmodels.stats.outliers_influence import variance_inflation_factor

from models.inspection.redundancy import correlation, groups, pairs, ranks, variance_inflation


@pytest.fixture(scope="module")
def X():  # noqa: N802
    rng = np.random.default_rng(1)
    base = rng.normal(size=(800, 6))
    base[:, 1] = base[:, 0] + 0.3 * base[:, 1]
    base[:, 2] = np.exp(3 * base[:, 0]) * np.exp(0.2 * base[:, 2])
    base[:, 5] = base[:, 3] - base[:, 4] + 0.5 * base[:, 5]
    return base


def test_rank_correlation_is_spearmans(X):
    assert np.abs(correlation(ranks(X)) - spearmanr(X).statistic).max() < 1e-12


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_variance_inflation_is_that_of_statsmodels(X, missing):
    X = X.copy()
    X[np.random.default_rng(2).random(X.shape) < missing] = np.nan
    ranked = ranks(X)
    ours = variance_inflation(correlation(ranked))
    with_constant = np.column_stack([np.ones(len(ranked)), ranked])
    theirs = [variance_inflation_factor(with_constant, j + 1) for j in range(ranked.shape[1])]
    assert np.abs(ours - theirs).max() < 1e-9


def test_what_others_give_exactly_is_infinite():
    rng = np.random.default_rng(3)
    two = rng.normal(size=(300, 3))
    matrix = correlation(np.column_stack([two[:, 0], two[:, 1], two[:, 0] + two[:, 1], two[:, 2]]))
    factors = variance_inflation(matrix)
    assert np.isinf(factors[:3]).all()
    assert factors[3] == pytest.approx(1.0, abs=0.05)


def test_a_constant_column_is_correlated_with_nothing():
    matrix = correlation(np.column_stack([np.ones(50), np.arange(50.0)]))
    assert matrix.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert variance_inflation(matrix).tolist() == [1.0, 1.0]


def test_every_two_of_a_group_are_correlated(X):
    matrix = correlation(ranks(X))
    found = groups(matrix)
    assert found[0] == found[1] == found[2] == 1
    for group in set(found.tolist()):
        inside = np.flatnonzero(found == group)
        assert (np.abs(matrix[np.ix_(inside, inside)]) >= 0.7).all()
    assert groups(np.ones((1, 1))).tolist() == [1]


def test_pairs_from_the_strongest(X):
    names = list("abcdef")
    table = pairs(names, correlation(ranks(X)))
    assert table["correlation"].abs().is_sorted(descending=True)
    assert {"a", "b"} in [set(pair) for pair in table.select("feature", "other").rows()]
