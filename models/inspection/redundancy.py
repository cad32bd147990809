"""Redundancy of features: rank correlation, groups of correlated features, variance inflation.

All on ranks, in which neither a heavy tail nor the unit counts; a missing value takes the middle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.arrays import Array, Int64s

SHOWN_FROM = 0.7
"""Correlation, without its sign, from which a pair is listed and features are one group."""

CORRELATIONS = {"feature": pl.String, "other": pl.String, "correlation": pl.Float64}
"""Columns of the list of correlated pairs."""

_COLLINEAR = 1e-10  # eigenvalue of a correlation matrix below which it is taken for zero
_INVOLVED = 1e-4  # part of a feature in such a direction from which it is collinear


def ranks(X: Array) -> Array:
    """Ranks of each column, scaled to 0 ... 1; 0.5 where missing.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), NaN where missing

    Returns
    -------
    ndarray of shape (n_samples, n_features)
    """
    out = np.full(X.shape, 0.5)
    for j, x in enumerate(X.T):
        known = ~np.isnan(x)
        out[known, j] = (rankdata(x[known]) - 0.5) / max(known.sum(), 1)
    return out


def correlation(ranked: Array) -> Array:
    """Correlation matrix; 0 beside a constant column, and 1 on the diagonal.

    Parameters
    ----------
    ranked : ndarray of shape (n_samples, n_features)
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        matrix = np.atleast_2d(np.corrcoef(ranked, rowvar=False))
    matrix = np.nan_to_num(matrix, nan=0.0)
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix)


def variance_inflation(matrix: Array) -> Array:
    """Variance inflation factor of each feature, 1 / (1 - R²) given all others.

    The diagonal of the inverse of the correlation matrix; infinite for features that others give
    exactly.

    Parameters
    ----------
    matrix : ndarray of shape (n_features, n_features)
        Correlation matrix.

    Returns
    -------
    ndarray of shape (n_features,), >= 1
    """
    values, vectors = np.linalg.eigh(matrix)
    solid = values > _COLLINEAR
    factors = (vectors[:, solid] ** 2 / values[solid]).sum(axis=1)
    involved = (np.abs(vectors[:, ~solid]) > _INVOLVED).any(axis=1)
    return np.where(involved, np.inf, np.maximum(factors, 1.0))


def groups(matrix: Array) -> Int64s:
    """Group of each feature; within one, every two are correlated by `SHOWN_FROM` or more.

    Complete linkage on 1 - |correlation|. Groups are numbered by their first feature, from 1.

    Parameters
    ----------
    matrix : ndarray of shape (n_features, n_features)
        Correlation matrix.

    Returns
    -------
    ndarray of shape (n_features,)
    """
    if len(matrix) < 2:  # noqa: PLR2004 - nothing to join
        return np.arange(1, len(matrix) + 1)
    distance = np.clip(1.0 - np.abs(matrix), 0.0, None)
    np.fill_diagonal(distance, 0.0)
    joined = linkage(squareform((distance + distance.T) / 2, checks=False), method="complete")
    found = fcluster(joined, t=1.0 - SHOWN_FROM, criterion="distance")
    first = {group: k for k, group in enumerate(dict.fromkeys(found.tolist()), start=1)}
    return np.array([first[group] for group in found.tolist()], dtype=np.int64)


def pairs(names: Sequence[str], matrix: Array) -> pl.DataFrame:
    """Pairs of features correlated by `SHOWN_FROM` or more, the strongest first."""
    row, column = np.nonzero(np.triu(np.abs(matrix) >= SHOWN_FROM, k=1))
    table = pl.DataFrame(
        {
            "feature": [names[j] for j in row.tolist()],
            "other": [names[j] for j in column.tolist()],
            "correlation": matrix[row, column],
        },
        schema=CORRELATIONS,
    )
    return table.sort(pl.col("correlation").abs(), descending=True, maintain_order=True)
