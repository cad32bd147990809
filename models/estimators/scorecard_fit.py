"""Fit a scorecard: optimal bins, weights of evidence, sign-constrained coefficients."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

from models.estimators.scorecard import Binned, Scorecard

if TYPE_CHECKING:
    from features.arrays import Array
    from models.data.training_data import Sample
    from models.settings import ScorecardConfig, TrainConfig

TREND = {1: "ascending", -1: "descending", 0: "auto_asc_desc"}  # of the default rate


def fit_scorecard(sample: Sample, config: TrainConfig) -> Scorecard:
    """Bin every usable feature, then fit all coefficients together.

    The default rate rises or falls over the bins as the feature's sign says, and coefficients are
    held on the side where more evidence means less risk; so the scorecard is monotone, and
    features that add nothing get a coefficient of zero and are left out.

    Parameters
    ----------
    sample : Sample
    config : TrainConfig

    Returns
    -------
    Scorecard
    """
    drafts = [_binned(sample, column, config) for column in sample.usable()]
    informative = [draft for draft in drafts if len({*draft.woe, draft.woe_missing}) > 1]
    evidence = np.column_stack(
        [draft.evidence(sample.X) for draft in informative] or [np.zeros(len(sample.bad))]
    )
    intercept, coefficients = _logistic(evidence, sample.bad, config.scorecard.penalty)
    features = tuple(
        Binned(
            **{
                **vars(draft),
                "coefficient": float(coefficient),
                "woe_mean": float(column.mean()),
            }
        )
        for draft, coefficient, column in zip(informative, coefficients, evidence.T, strict=False)
        if coefficient < -1e-6  # noqa: PLR2004 (zero but for the optimiser's tolerance)
    )
    return Scorecard(intercept=intercept, features=features, width=sample.X.shape[1])


def _binned(sample: Sample, column: int, config: TrainConfig) -> Binned:
    """Bins and weights of evidence of one feature, without its coefficient."""
    x, sign = sample.X[:, column], sample.signs[column]
    edges = optimal_edges(x, sample.bad, sign, config.scorecard)
    missing = np.isnan(x)
    bins = np.searchsorted(edges, x[~missing], side="right")
    rows = np.bincount(bins, minlength=len(edges) + 1)
    bads = np.bincount(bins, weights=sample.bad[~missing], minlength=len(edges) + 1)
    mean = float(sample.bad.mean())
    prior = config.scorecard.prior_rows
    # The mean default rate is mixed in, so that a bin without bads gets no infinite evidence and
    # a nearly empty one hardly any.
    rate = (bads + prior * mean) / (rows + prior)
    if sign:
        rate = np.maximum.accumulate(rate[::sign])[::sign]
    rate_missing = (sample.bad[missing].sum() + prior * mean) / (missing.sum() + prior)
    return Binned(
        name=sample.names[column],
        column=column,
        edges=tuple(float(edge) for edge in edges),
        woe=tuple(float(value) for value in logit(mean) - logit(rate)),
        woe_missing=float(logit(mean) - logit(rate_missing)),
        woe_mean=0.0,
        coefficient=0.0,
        rows=(*map(int, rows), int(missing.sum())),
        bads=(*map(int, bads), int(sample.bad[missing].sum())),
    )


def optimal_edges(x: Array, bad: Array, sign: int, config: ScorecardConfig) -> Array:
    """Inner edges of the optimal bins (Navas-Palencia, 2020, arXiv 2001.08025).

    Parameters
    ----------
    x, bad : ndarray of shape (n_samples,)
        Values, NaN where missing, and 1.0 for default.
    sign : {-1, 0, 1}
        Direction of the default rate over the bins; with 0 whichever fits.
    config : ScorecardConfig

    Returns
    -------
    ndarray of shape (n_bins - 1,), ascending
    """
    # Imported here: the solver behind it takes seconds, and scoring never needs it.
    from optbinning import OptimalBinning  # noqa: PLC0415

    binning = OptimalBinning(
        dtype="numerical",
        monotonic_trend=TREND[sign],
        max_n_bins=config.max_bins,
        min_bin_size=config.min_bin_share,
        time_limit=20,
    )
    seen = ~np.isnan(x)
    if len(set(bad[seen])) < 2:  # noqa: PLR2004 (both classes)
        return np.empty(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas deprecations inside optbinning
        binning.fit(x[seen], bad[seen].astype(int))
    return np.asarray(binning.splits, dtype=np.float64)


def _logistic(evidence: Array, bad: Array, penalty: float) -> tuple[float, Array]:
    """L1-penalised logistic regression with coefficients <= 0.

    The penalty is on the sum of the coefficients' sizes, so that of several correlated features
    the best stay and the others leave.
    """
    mean = float(bad.mean())
    start = np.concatenate([[logit(mean)], np.full(evidence.shape[1], -0.1)])
    pull = np.concatenate([[0.0], np.full(evidence.shape[1], -penalty)])

    def loss(theta: Array) -> tuple[float, Array]:
        eta = theta[0] + evidence @ theta[1:]
        value = -np.mean(bad * log_expit(eta) + (1 - bad) * log_expit(-eta)) + pull @ theta
        error = (expit(eta) - bad) / len(bad)
        return float(value), np.concatenate([[error.sum()], evidence.T @ error]) + pull

    bounds = [(None, None), *[(None, 0.0)] * evidence.shape[1]]
    fit = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 2_000, "ftol": 1e-12, "gtol": 1e-8},
    )
    return float(fit.x[0]), fit.x[1:]
