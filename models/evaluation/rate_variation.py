"""Random effects of default rates beyond a score: by quarter, number of sources and cell.

A model is judged on applicants of another quarter than those it was trained on, with other numbers
of sources than the average. What that adds to its error is measured on the training side: each of
its quarters is scored by a quick model that has not seen it, and the deviation of the default rates
from the PD, in log-odds, is taken apart into

    level + slope * margin + quarter + sources + cell

with normal parts. The spreads of the last three are what scoring needs for the interval of a PD.
A few quarters with a few dozen bads say little of a spread, so each has a prior (half-normal,
scale `PRIOR`), and the root mean square over the posterior is kept, not the likeliest value, which
is often nought. The likelihood of the spreads is Laplace's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_expit, logit

from models.estimators.lightgbm_trees import lightgbm
from models.evaluation.logistic import fit_laplace

if TYPE_CHECKING:
    from features.arrays import Array

PRIOR = 0.2
"""Scale of a spread before anything is seen, in log-odds: a fifth more or less (assumed)."""

GRID = (0.02, 0.08, 0.16, 0.26, 0.4)
"""Spreads that are tried."""

BINS = 5
LEAST_BADS = 20
"""Below this many bads in all the prior is kept."""

_FREE = 1.0  # standard deviation of level and slope: as good as unbound
_ROUNDS = 100
_SETTINGS = {
    "objective": "binary",
    "num_leaves": 8,
    "max_depth": 3,
    "learning_rate": 0.06,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "lambda_l2": 10.0,
    "max_bin": 31,
    "num_threads": 1,
    "deterministic": True,
    "seed": 1,
    "verbose": -1,
}


@dataclass(frozen=True)
class RateRandomEffects:
    """Standard deviations in log-odds.

    Attributes
    ----------
    quarter : float
        Of all applicants of a quarter together.
    sources : float
        Of applicants with one number of covered sources.
    cell : float
        Of applicants with one number of sources and about one PD.
    """

    quarter: float
    sources: float
    cell: float

    def to_json(self) -> dict[str, float]:
        """Plain values for `model.json`."""
        return asdict(self)


def fit_rate_random_effects(
    X: Array, bad: Array, *, quarter: Array, sources: Array
) -> RateRandomEffects:
    """Fit the standard deviations of the random effects on labelled training rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), NaN where missing
    bad : ndarray of shape (n_samples,), 1 for default
    quarter, sources : ndarray of int of shape (n_samples,)
        Calendar quarter of the application, number of covered sources.

    Returns
    -------
    Wander
    """
    margin = _unseen(X, bad, quarter)
    known = np.isfinite(margin)
    if bad[known].sum() < LEAST_BADS:
        return RateRandomEffects(quarter=PRIOR, sources=PRIOR, cell=PRIOR)
    margin, bad = margin[known], bad[known]
    groups = [np.unique(labels[known], return_inverse=True)[1] for labels in (quarter, sources)]
    edges = np.quantile(margin, np.arange(1, BINS) / BINS)
    place = np.searchsorted(edges, margin, side="right")
    cell = np.unique(np.column_stack([groups[0], groups[1], place]), axis=0, return_inverse=True)
    return _posterior(margin, bad, keys=cell[0], cell=cell[1].ravel())


def _unseen(X: Array, bad: Array, quarter: Array) -> Array:
    """Margin cross-fitted by quarter with a quick model; NaN where impossible."""
    lgb = lightgbm()
    margin = np.full(len(bad), np.nan)
    for held_out in np.unique(quarter):
        inside = quarter == held_out
        if inside.all() or not 0 < bad[~inside].sum() < (~inside).sum():
            continue
        past = lgb.Dataset(X[~inside], bad[~inside], params={"max_bin": 31, "verbose": -1})
        booster = lgb.train(_SETTINGS, past, num_boost_round=_ROUNDS)
        margin[inside] = booster.predict(X[inside], raw_score=True)
    return margin


def _posterior(margin: Array, bad: Array, *, keys: Array, cell: Array) -> RateRandomEffects:
    """Posterior root mean square of each standard deviation, on a grid."""
    rows = np.bincount(cell).astype(float)
    bads = np.bincount(cell, weights=bad)
    mean = np.bincount(cell, weights=margin) / rows
    quarter, sources, place = keys.T
    kinds = np.unique(np.column_stack([sources, place]), axis=0, return_inverse=True)[1].ravel()
    design = np.column_stack(
        [
            np.ones(len(rows)),
            mean - np.average(mean, weights=rows),
            *(np.eye(group.max() + 1)[group] for group in (quarter, sources, kinds)),
        ]
    )
    sizes = [2, quarter.max() + 1, sources.max() + 1, kinds.max() + 1]
    offset = np.full(len(rows), float(logit(bads.sum() / rows.sum())))
    tried = np.array(list(product(GRID, repeat=3)))
    evidence = np.empty(len(tried))
    for k, spreads in enumerate(tried):
        precision = np.repeat(np.array([_FREE, *spreads]) ** -2.0, sizes)
        evidence[k] = _evidence(design, offset, rows, bads, precision)
    evidence -= (tried**2).sum(axis=1) / (2 * PRIOR**2)
    weight = np.exp(evidence - evidence.max())
    squares = (weight[:, None] * tried**2).sum(axis=0) / weight.sum()
    return RateRandomEffects(*(float(value) for value in np.sqrt(squares)))


def _evidence(design: Array, offset: Array, rows: Array, bads: Array, precision: Array) -> float:
    """Laplace approximation of the marginal log-likelihood, up to a constant."""
    mode, hessian = fit_laplace(
        design,
        offset,
        rows=rows,
        bads=bads,
        precision=precision,
        tolerance=1e-6,  # far finer than the grid
    )
    eta = offset + design @ mode
    fit = float(bads @ log_expit(eta) + (rows - bads) @ log_expit(-eta))
    prior = float(0.5 * np.log(precision).sum() - 0.5 * precision @ mode**2)
    return fit + prior - 0.5 * float(np.linalg.slogdet(hessian)[1])
