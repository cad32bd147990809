"""Importance of features for a model: SHAP share, gain share, and loss of AUC by permutation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from models.estimators.lightgbm_trees import Trees
from models.evaluation.metrics import auc

if TYPE_CHECKING:
    from features.arrays import Array
    from models.estimators.model import Model

IMPORTANCE = {
    "feature": pl.String,
    "shap_share": pl.Float64,
    "gain_share": pl.Float64,
    "permutation_auc": pl.Float64,
    "permutation_sd": pl.Float64,
}
"""Columns of the importances."""

MOST = 2_000
"""Bads, and goods, at most on which values are permuted; the AUC does not depend on their ratio."""

REPEATS = 5
_SEED = 20260101


def importance(model: Model, X: Array, bad: Array) -> pl.DataFrame:
    """Importance of every feature of a model on rows that it was not fitted to.

    Parameters
    ----------
    model : Model
    X : ndarray of shape (n_samples, n_features)
        `model.matrix` of the rows.
    bad : ndarray of shape (n_samples,)
        1.0 for default, NaN where the outcome is not known; permutation uses the labelled rows.

    Returns
    -------
    DataFrame, schema `IMPORTANCE`
        Mean size of the SHAP values and LightGBM's gain, both as shares (gain is null for a
        scorecard); mean fall of the AUC over `REPEATS` permutations, and its standard deviation
        (null without bads and goods).
    """
    estimator = model.estimator
    size = np.abs(estimator.contributions(X)).mean(axis=0) if len(X) else np.zeros(X.shape[1])
    gain = (
        estimator.booster.feature_importance("gain")
        if isinstance(estimator, Trees)
        else np.full(X.shape[1], np.nan)
    )
    falls = _permutation(model, X, bad)
    return pl.DataFrame(
        {
            "feature": model.feature_names,
            "shap_share": size / max(size.sum(), 1e-300),
            "gain_share": gain / max(np.nansum(gain), 1e-300),
            "permutation_auc": falls.mean(axis=1),
            "permutation_sd": falls.std(axis=1, ddof=1),
        },
        schema=IMPORTANCE,
    ).with_columns(pl.selectors.float().fill_nan(None))


def _permutation(model: Model, X: Array, bad: Array) -> Array:
    """Fall of the AUC when a column is permuted, shape (n_features, REPEATS).

    scikit-learn's `permutation_importance` asks for a scikit-learn estimator, and permutes the
    columns that no tree reads too.
    """
    falls = np.zeros((X.shape[1], REPEATS))
    rng = np.random.Generator(np.random.SFC64(_SEED))
    kinds = [np.flatnonzero(bad == kind) for kind in (0.0, 1.0)]
    rows = np.concatenate(
        [kind if len(kind) <= MOST else rng.choice(kind, MOST, replace=False) for kind in kinds]
    )
    X, bad = X[rows].copy(), bad[rows]
    if not 0 < bad.sum() < len(bad):
        return np.full_like(falls, np.nan)
    whole = auc(model.estimator.margin(X), bad).value
    for column in model.estimator.used:
        kept = X[:, column].copy()
        for repeat in range(REPEATS):
            X[:, column] = rng.permutation(kept)
            falls[column, repeat] = whole - auc(model.estimator.margin(X), bad).value
        X[:, column] = kept
    return falls
