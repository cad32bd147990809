"""Logistic regression by Newton's method, with normal priors where they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from features.arrays import Array

_STEPS = 50
_LONGEST_STEP = 2.0
"""In log-odds; a longer one may overshoot where bads are few."""


def fit_laplace(
    design: Array,
    offset: Array,
    *,
    rows: Array,
    bads: Array,
    precision: Array,
    tolerance: float,
) -> tuple[Array, Array]:
    """Fit a logistic regression: posterior mode and curvature (Laplace's approximation).

    Parameters
    ----------
    design : ndarray of shape (n_cells, n_coefficients)
    offset : ndarray of shape (n_cells,)
        Log-odds where all coefficients are 0.
    rows, bads : ndarray of shape (n_cells,)
        Labelled rows of each cell, and those that defaulted.
    precision : ndarray of shape (n_coefficients,)
        Of the priors, whose means are 0: 1 / variance; 0 for none.
    tolerance : float
        Largest last step, in log-odds.

    Returns
    -------
    mode : ndarray of shape (n_coefficients,)
    hessian : ndarray of shape (n_coefficients, n_coefficients)
        Precision of the posterior at the mode.
    """
    mode = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        rate = expit(offset + design @ mode)
        gradient = design.T @ (bads - rows * rate) - precision * mode
        hessian = (design.T * (rows * rate * (1 - rate))) @ design + np.diag(precision)
        step = np.linalg.solve(hessian, gradient)
        mode = mode + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max() < tolerance:
            break
    return mode, hessian
