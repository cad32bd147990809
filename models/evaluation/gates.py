"""The gates before the title of champion, and the paired test against the one who holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.stats import norm

from models.data.split import CALIBRATION, TRAIN, labelled_in, within
from models.evaluation import metrics
from models.evaluation.segments import by_segment

if TYPE_CHECKING:
    from features.arrays import Array
    from models.data.training_data import TrainingData
    from models.estimators.fitted import Fitted
    from models.estimators.model import Model
    from models.settings import (
        BadsGate,
        Gates,
        MonotoneGate,
        SegmentGate,
        SlopeGate,
        StabilityGate,
    )

NAMED = 3  # weak segments named in a message
TOLERANCE = 1e-9  # of the margin: sums of floats, not a loosened gate


def failures(
    fitted: Fitted, training_data: TrainingData, rows: pl.DataFrame, gates: Gates
) -> list[str]:
    """Which gates a candidate fails, each in words; empty when it passes.

    Only the training and calibration slices are looked at.

    Parameters
    ----------
    fitted : Fitted
    training_data : TrainingData
    rows : DataFrame
        The material's rows with `slice` and `labelled`.
    gates : Gates
    """
    calibration = labelled_in(rows, CALIBRATION)
    checks = (
        _bads(calibration, gates.bads),
        _slope(fitted, gates.calibration_slope),
        _monotone(fitted, training_data, calibration, gates.monotone),
        _stability(fitted, rows, gates.stability),
        _segments(fitted, calibration, gates.segments),
    )
    return [problem for problem in checks if problem]


def better(new: Array, old: Array, bad: Array) -> float:
    """Confidence that the log loss of `new` is smaller than that of `old`, paired by row.

    Parameters
    ----------
    new, old : ndarray of shape (n_samples,)
        PDs of the same rows.
    bad : ndarray of shape (n_samples,)

    Returns
    -------
    float
        From 0 to 1; 0.5 when they are the same.
    """
    gain = -np.where(bad == 1, np.log(old) - np.log(new), np.log1p(-old) - np.log1p(-new))
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return float(norm.cdf(gain.mean() / error)) if error > 0 else 0.5


def monotone_violation(
    model: Model, training_data: TrainingData, rows: pl.DataFrame, *, points: int
) -> tuple[str, float]:
    """The worst step in the wrong direction of any signed feature, and whose it is.

    Parameters
    ----------
    model : Model
    training_data : TrainingData
        For the signs and the ranges.
    rows : DataFrame
        Applicants whose features are swept, one feature at a time.
    points : int
        Values of each sweep, over the feature's range.

    Returns
    -------
    name : str
    step : float
        Log-odds, 0 when there is none.
    """
    worst = ("", 0.0)
    X = training_data.numbers(rows, model.feature_names)
    for j in model.estimator.used:
        name = model.feature_names[j]
        sign = training_data.signs[name]
        values = training_data.rows[name].cast(pl.Float64).fill_nan(None).drop_nulls()
        if not sign or values.is_empty():
            continue
        grid = np.quantile(values.to_numpy(), np.linspace(0, 1, points))
        swept = np.repeat(X, points, axis=0)
        swept[:, j] = np.tile(grid, len(X))
        margin = model.estimator.margin(swept).reshape(len(X), points)
        step = float(-(sign * np.diff(margin, axis=1)).min())
        if step > worst[1]:
            worst = (name, step)
    return worst


def _bads(rows: pl.DataFrame, gate: BadsGate) -> str:
    bads = int(rows["defaulted"].sum())
    if bads >= gate.least:
        return ""
    return f"{bads} bads calibrated it, at least {gate.least} are asked: so few prove nothing"


def _slope(fitted: Fitted, gate: SlopeGate) -> str:
    low = fitted.figures.get("selection_calibration_slope_low")
    high = fitted.figures.get("selection_calibration_slope_high")
    if not gate.enabled or low is None or high is None or low <= 1 <= high:
        return ""
    return f"calibration slope {low:.2f} to {high:.2f} does not contain 1"


def _monotone(
    fitted: Fitted, training_data: TrainingData, rows: pl.DataFrame, gate: MonotoneGate
) -> str:
    if not gate.enabled:
        return ""
    name, step = monotone_violation(
        fitted.model, training_data, rows.head(gate.applicants), points=gate.points
    )
    violated = step > TOLERANCE
    fitted.figures["monotone_violation"] = step if violated else 0.0
    return f"not monotone in {name}: a step of {step:.3g}" if violated else ""


def _stability(fitted: Fitted, rows: pl.DataFrame, gate: StabilityGate) -> str:
    if not gate.enabled:
        return ""
    train = within(rows, TRAIN)
    pd = fitted.model.pd(fitted.model.margin(train))
    before = metrics.shares(pd, fitted.model.development["pd_edges"])
    moved = metrics.psi(before, fitted.model.development["pd_share"])
    fitted.figures["psi_training_to_calibration"] = moved
    return "" if moved < gate.psi_below else f"PSI of {moved:.2f} is not below {gate.psi_below}"


def _segments(fitted: Fitted, rows: pl.DataFrame, gate: SegmentGate) -> str:
    if not gate.enabled:
        return ""
    whole = fitted.figures.get("selection_gini", 0.0)
    table = by_segment(rows, fitted.selection_pd, cutoff=0.5)
    weak = table.filter(
        (pl.col("bads") >= gate.bads) & (pl.col("gini_high") < gate.gini_share * whole)
    )
    fitted.figures["weak_segments"] = float(weak.height)
    if weak.is_empty():
        return ""
    named = ", ".join(
        f"{row['segment']} {row['value']} (at most {row['gini_high']:.2f})"
        for row in weak.head(NAMED).iter_rows(named=True)
    )
    more = f" and {weak.height - NAMED} more" if weak.height > NAMED else ""
    return f"Gini below {gate.gini_share} of the whole's {whole:.2f} in {named}{more}"
