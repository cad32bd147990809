"""Development-sample statistics stored with a model: typical values and frozen bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models.evaluation import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.arrays import Array

BINS = 10


def typical_values(rows: pl.DataFrame, names: Sequence[str]) -> dict[str, float]:
    """Median of each feature over the rows that have it; NaN if none has.

    Parameters
    ----------
    rows : DataFrame of the training period's applicants, refused ones included
    names : sequence of str
    """
    medians = rows.select(pl.col(name).cast(pl.Float64).fill_nan(None).median() for name in names)
    return {
        name: np.nan if value is None else float(value)
        for name, value in zip(names, medians.row(0), strict=True)
    }


def feature_bins(rows: pl.DataFrame, names: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Deciles of each feature and the share of rows in each bin, the missing last."""
    bins = {}
    for name in names:
        values = rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        edges = _deciles(values)
        share = metrics.shares(values, edges, missing=True)
        bins[name] = {"edges": edges.tolist(), "share": share.tolist()}
    return bins


def pd_bins(pd: Array) -> dict[str, list[float]]:
    """Deciles of the PD and the share of rows in each bin.

    Parameters
    ----------
    pd : ndarray of shape (n_samples,)
        Of applicants that the model was not fitted to, refused ones included.
    """
    edges = _deciles(pd)
    return {"pd_edges": edges.tolist(), "pd_share": metrics.shares(pd, edges).tolist()}


def reliability(
    pd: Array, bad: Array, *, labelled: Array, sources: Array, edges: Sequence[float]
) -> list[dict[str, Any]]:
    """Reliability counts: applicants, labelled rows and bads by number of sources and PD bin.

    What the interval of a PD is made of. Cells without a labelled row are left out.

    Parameters
    ----------
    pd : ndarray of shape (n_applicants,)
        Of the labelled ones by cross-fitting.
    bad : ndarray of shape (n_labelled,)
    labelled : ndarray of bool of shape (n_applicants,)
        Approved and observed; only those have an outcome.
    sources : ndarray of int of shape (n_applicants,)
        Number of covered sources.
    edges : sequence of float
        `pd_edges`.

    Returns
    -------
    list of dict
        sources, bin, applicants, rows (labelled), bads, and pd (mean of the labelled).
    """
    bins = np.searchsorted(np.asarray(edges), pd, side="right")
    outcome = np.zeros(len(pd))
    outcome[labelled] = bad
    cells = pl.DataFrame(
        {"sources": sources, "bin": bins, "pd": pd, "bad": outcome, "labelled": labelled}
    )
    table = cells.group_by("sources", "bin").agg(
        applicants=pl.len(),
        rows=pl.col("labelled").sum(),
        bads=pl.col("bad").sum(),
        pd=pl.col("pd").filter("labelled").mean(),
    )
    return table.filter(pl.col("rows") > 0).sort("sources", "bin").to_dicts()


def _deciles(values: Array) -> Array:
    present = values[~np.isnan(values)]
    if not present.size:
        return np.empty(0)
    cuts = np.unique(np.quantile(present, np.arange(1, BINS) / BINS))
    return np.asarray(cuts[cuts > present.min()])
