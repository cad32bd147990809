"""Oracle metrics against the simulated truth; the only module of the room that opens `truth/`.

They are computed after every choice is made, and choose nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from features.io.storage import scan_parquet

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from features.arrays import Array

TRUTH = "truth/truth.parquet"


def true_pd(data: Path, applications: pl.Series) -> Array | None:
    """True probability of default of each application.

    Parameters
    ----------
    data : Path
        A data folder.
    applications : Series of application ids

    Returns
    -------
    ndarray of shape (n_samples,), or None where there is no truth, as for real data
    """
    path = data / TRUTH
    if not path.exists():  # is_file() of a storage that does not answer is False, not an error
        return None
    truth = scan_parquet(path).select("application_id", "true_pd").collect()
    joined = (
        applications.alias("application_id")
        .to_frame()
        .join(truth, on="application_id", how="left", maintain_order="left")
    )
    return joined["true_pd"].to_numpy()


def truth_figures(pd: Array, true: Array, *, approved: Array) -> dict[str, float]:
    """Errors of a model's PD against the true PD.

    Parameters
    ----------
    pd, true : ndarray of shape (n_samples,)
    approved : ndarray of bool of shape (n_samples,)

    Returns
    -------
    dict
        `truth_pd_error`: root mean squared error of the PD; `truth_pd_error_constant`: that of the
        mean PD for all; `truth_pd_error_share`: their ratio; `truth_pd_unexplained`: the square of
        the ratio, the share of the true PD's variance that the model leaves unexplained;
        `truth_pd_absolute_share`: the same ratio of mean absolute errors; `truth_gini_share`:
        expected Gini as a share of that of the true PD; `truth_pd_bias`: mean PD less mean true PD;
        and for the approved and the refused `truth_pd_error_...` and `truth_pd_bias_...`.
    """
    error, constant = _error(pd, true), float(true.std())
    plain = float(np.abs(true - true.mean()).mean())
    figures = {
        "truth_pd_error": error,
        "truth_pd_error_constant": constant,
        "truth_pd_error_share": error / constant if constant else np.nan,
        "truth_pd_unexplained": (error / constant) ** 2 if constant else np.nan,
        "truth_pd_absolute_share": float(np.abs(pd - true).mean()) / plain if plain else np.nan,
        "truth_gini_share": _expected_gini(pd, true) / _expected_gini(true, true),
        "truth_pd_bias": float(pd.mean() - true.mean()),
    }
    for name, rows in (("approved", approved), ("refused", ~approved)):
        if rows.any():
            figures[f"truth_pd_error_{name}"] = _error(pd[rows], true[rows])
            figures[f"truth_pd_bias_{name}"] = float(pd[rows].mean() - true[rows].mean())
    return figures


def _error(pd: Array, true: Array) -> float:
    return float(np.sqrt(np.mean((pd - true) ** 2)))


def _expected_gini(score: Array, true: Array) -> float:
    """Gini of a score when every row is bad with its true probability.

    The sum over pairs of rows, bad weight p, good weight 1 - p; a row paired with itself, which
    no sample has, is left out.
    """
    order = np.argsort(score, kind="stable")
    rank = rankdata(score, method="dense")[order]
    p = true[order]
    good = np.bincount(rank, weights=1 - p)
    bad = np.bincount(rank, weights=p)
    below = np.concatenate([[0.0], np.cumsum(good)[:-1]])
    itself = float((p * (1 - p)).sum())
    wins = float((bad * (below + good / 2)).sum()) - itself / 2
    pairs = float(p.sum() * (1 - p).sum()) - itself
    return 2 * wins / pairs - 1
