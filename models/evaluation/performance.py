"""Performance figures of one model on one slice, by the metric names of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from models.evaluation import metrics

if TYPE_CHECKING:
    from features.arrays import Array
    from models.evaluation.metrics import Interval


def figures(
    pd: Array,
    bad: Array,
    *,
    prefix: str,
    approved: Array | None = None,
    firms: Array | None = None,
) -> dict[str, float]:
    """Discrimination and calibration of a PD on labelled rows.

    Parameters
    ----------
    pd : ndarray of shape (n_samples,), calibrated probability of default
    bad : ndarray of shape (n_samples,), 1 for default
    prefix : str
        Put before each name, such as "oot_".
    approved : ndarray of shape (n_samples,), optional
        Whether the policy approves each row; adds the approval rate and the bad rate there.
    firms : ndarray of int, shape (n_samples,), optional
        Number of each row's firm, where firms have several rows: intervals then count firms.

    Returns
    -------
    dict of str to float
        What the data do not determine is left out.
    """
    area = metrics.auc(pd, bad, firms)
    plain = {
        "rows": float(len(bad)),
        "bads": float(bad.sum()),
        "bad_rate": float(bad.mean()),
        "mean_pd": float(pd.mean()),
        "auc": area.value,
        "auc_low": area.low,
        "auc_high": area.high,
        "gini": 2 * area.value - 1,
        "ks": metrics.ks(pd, bad) if 0 < bad.sum() < len(bad) else math.nan,
        "brier": metrics.brier(pd, bad),
        "log_loss": metrics.log_loss(pd, bad),
        "ece": metrics.ece(pd, bad),
        "ece_perfect_model_p95": metrics.ece_of_truth(pd),
    }
    plain |= _bounds("calibration_slope", metrics.calibration_slope(pd, bad, firms))
    plain |= _bounds("calibration_intercept", metrics.calibration_intercept(pd, bad, firms))
    if approved is not None:
        plain["approval_rate"] = float(approved.mean())
        if approved.any():
            plain["approved_bad_rate"] = float(bad[approved].mean())
    return {prefix + name: value for name, value in plain.items() if math.isfinite(value)}


def _bounds(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
