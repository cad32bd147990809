import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from models.evaluation.logistic import fit_laplace


def fit(design, bad, *, offset=0.0, precision=0.0):
    return fit_laplace(
        design,
        np.full(len(bad), offset),
        rows=np.ones(len(bad)),
        bads=bad,
        precision=np.full(design.shape[1], precision),
        tolerance=1e-10,
    )


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(5)
    design = np.column_stack([np.ones(2_000), rng.normal(size=(2_000, 2))])
    bad = (rng.random(2_000) < expit(design @ [-2.0, 0.8, -0.5])).astype(float)
    return design, bad


@pytest.mark.parametrize("precision", [0.0, 4.0])
def test_the_mode_is_that_of_scikit_learn(sample, precision):
    design, bad = sample
    mode, _ = fit(design, bad, precision=precision)
    reference = LogisticRegression(
        C=1 / precision if precision else np.inf, fit_intercept=False, tol=1e-10, max_iter=1_000
    ).fit(design, bad)
    np.testing.assert_allclose(mode, reference.coef_[0], atol=1e-5)


def test_an_offset_moves_the_intercept_and_nothing_else(sample):
    design, bad = sample
    plain, hessian = fit(design, bad)
    moved, same = fit(design, bad, offset=1.5)
    np.testing.assert_allclose(moved, plain - [1.5, 0, 0], atol=1e-8)
    np.testing.assert_allclose(same, hessian, rtol=1e-6)


def test_cells_give_what_their_rows_give(sample):
    _, bad = sample
    cell = np.repeat([0, 1], 1_000)
    by_row, _ = fit(np.column_stack([np.ones(2_000), cell]), bad)
    by_cell, _ = fit_laplace(
        np.array([[1.0, 0.0], [1.0, 1.0]]),
        np.zeros(2),
        rows=np.array([1_000.0, 1_000.0]),
        bads=np.array([bad[cell == k].sum() for k in (0, 1)]),
        precision=np.zeros(2),
        tolerance=1e-10,
    )
    np.testing.assert_allclose(by_cell, by_row, atol=1e-8)
