"""Stability of features over calendar quarters: population shares and default rates by bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from models.evaluation.metrics import psi, psi_by_chance
from models.inspection.bins import bin_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.arrays import Array
    from models.inspection.bins import FeatureBins

BY_QUARTER = {
    "feature": pl.String,
    "quarter": pl.String,
    "applicants": pl.Int64,
    "missing_share": pl.Float64,
    "psi": pl.Float64,
    "psi_by_chance": pl.Float64,
}
"""Columns of the stability by quarter."""

BY_QUARTER_AND_BIN = {
    "feature": pl.String,
    "quarter": pl.String,
    "bin": pl.Int64,
    "applicants": pl.Int64,
    "labelled": pl.Int64,
    "bads": pl.Int64,
    "default_rate": pl.Float64,
}
"""Columns of the default rates by quarter and bin."""


def by_quarter(
    bins: Sequence[FeatureBins], X: Array, *, quarters: pl.Series, bad: Array, reference: Array
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Population stability index of each feature and quarter, and default rates by bin.

    Parameters
    ----------
    bins : sequence of FeatureBins
        In the order of the columns of `X`.
    X : ndarray of shape (n_samples, n_features), NaN where missing
    quarters : Series of String, of n_samples
        Such as 2025Q1.
    bad : ndarray of shape (n_samples,)
        1.0 for default, NaN where the outcome is not known.
    reference : ndarray of bool, of shape (n_samples,)
        Applicants of the development sample, with whom every quarter is compared.

    Returns
    -------
    by_quarter : DataFrame, schema `BY_QUARTER`
    by_quarter_and_bin : DataFrame, schema `BY_QUARTER_AND_BIN`
    """
    names = quarters.unique().sort()
    place = quarters.replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64).to_numpy()
    labelled = ~np.isnan(bad)
    is_bad = np.nan_to_num(bad)
    of_quarter: list[tuple[object, ...]] = []
    of_bin: list[tuple[object, ...]] = []
    for j, feature in enumerate(bins):
        width = len(feature.edges) + 2
        index = bin_index(X[:, j], feature.edges)
        cell, shape = place * width + index, (len(names), width)
        rows, known, bads = (
            np.bincount(cell, weights=weight, minlength=len(names) * width).reshape(shape)
            for weight in (None, labelled.astype(np.float64), is_bad)
        )
        expected = np.bincount(index[reference], minlength=width) / max(reference.sum(), 1)
        for q, quarter in enumerate(names):
            total = rows[q].sum()
            of_quarter.append(
                (
                    feature.name,
                    quarter,
                    int(total),
                    float(rows[q, -1] / total),
                    psi(expected, rows[q] / total),
                    psi_by_chance(int((expected > 0).sum()), int(total)),
                )
            )
            of_bin += [
                (
                    feature.name,
                    quarter,
                    k,
                    int(rows[q, k]),
                    int(known[q, k]),
                    round(bads[q, k]),
                    bads[q, k] / known[q, k] if known[q, k] else None,
                )
                for k in range(width)
                if rows[q, k]
            ]
    return (
        pl.DataFrame(of_quarter, schema=BY_QUARTER, orient="row"),
        pl.DataFrame(of_bin, schema=BY_QUARTER_AND_BIN, orient="row"),
    )
