"""Gates that a candidate must pass to become champion, and the paired test against the champion."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from scipy.stats import norm

from models.data.split import CALIBRATION, TRAIN, labelled_in, within
from models.evaluation import metrics
from models.evaluation.segments import by_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@dataclass(frozen=True)
class GateResult:
    """Result of the gates for one candidate: reasons for failure and measured values.

    Attributes
    ----------
    failures : tuple of str
        Each failed gate, in words; empty when the candidate passes.
    figures : dict of str to float
        Measured quantities, by the names under which a run logs them.
    """

    failures: tuple[str, ...]
    figures: Mapping[str, float]


def check_gates(
    fitted: Fitted, training_data: TrainingData, rows: pl.DataFrame, gates: Gates
) -> GateResult:
    """Check a candidate against every gate, on the training and calibration slices alone.

    Parameters
    ----------
    fitted : Fitted
    training_data : TrainingData
    rows : DataFrame
        The training data's rows with `slice` and `labelled`.
    gates : Gates

    Returns
    -------
    GateResult
    """
    calibration = labelled_in(rows, CALIBRATION)
    checks = (
        _bads(calibration, gates.bads),
        _slope(fitted, gates.calibration_slope),
        _monotone(fitted, training_data, calibration, gates.monotone),
        _stability(fitted, rows, gates.stability),
        _segments(fitted, calibration, gates.segments),
    )
    return GateResult(
        failures=tuple(check.failure for check in checks if check.failure),
        figures={name: value for check in checks for name, value in check.figures.items()},
    )


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
    """Largest violation of a monotone constraint, and its feature.

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


class _Check(NamedTuple):
    """Outcome of one gate: reason for failure (empty if passed) and measured values."""

    failure: str = ""
    figures: Mapping[str, float] = MappingProxyType({})


def _bads(rows: pl.DataFrame, gate: BadsGate) -> _Check:
    bads = int(rows["defaulted"].sum())
    if bads >= gate.least:
        return _Check()
    return _Check(
        f"{bads} bads in the calibration slice, at least {gate.least} are needed: with fewer the "
        "other gates cannot tell a good model from a worthless one"
    )


def _slope(fitted: Fitted, gate: SlopeGate) -> _Check:
    low = fitted.figures.get("selection_calibration_slope_low")
    high = fitted.figures.get("selection_calibration_slope_high")
    if not gate.enabled or low is None or high is None or low <= 1 <= high:
        return _Check()
    return _Check(f"calibration slope {low:.2f} to {high:.2f} does not contain 1")


def _monotone(
    fitted: Fitted, training_data: TrainingData, rows: pl.DataFrame, gate: MonotoneGate
) -> _Check:
    if not gate.enabled:
        return _Check()
    name, step = monotone_violation(
        fitted.model, training_data, rows.head(gate.applicants), points=gate.points
    )
    if step <= TOLERANCE:
        return _Check(figures={"monotone_violation": 0.0})
    return _Check(f"not monotone in {name}: a step of {step:.3g}", {"monotone_violation": step})


def _stability(fitted: Fitted, rows: pl.DataFrame, gate: StabilityGate) -> _Check:
    if not gate.enabled:
        return _Check()
    train = within(rows, TRAIN)
    pd = fitted.model.pd(fitted.model.margin(train))
    before = metrics.shares(pd, fitted.model.development["pd_edges"])
    index = metrics.psi(before, fitted.model.development["pd_share"])
    failure = "" if index < gate.psi_below else f"PSI of {index:.2f} is not below {gate.psi_below}"
    return _Check(failure, {"psi_training_to_calibration": index})


def _segments(fitted: Fitted, rows: pl.DataFrame, gate: SegmentGate) -> _Check:
    if not gate.enabled:
        return _Check()
    whole = fitted.figures.get("selection_gini", 0.0)
    table = by_segment(rows, fitted.selection_pd)
    weak = table.filter(
        (pl.col("bads") >= gate.bads) & (pl.col("gini_high") < gate.gini_share * whole)
    )
    figures = {"weak_segments": float(weak.height)}
    if weak.is_empty():
        return _Check(figures=figures)
    named = ", ".join(
        f"{row['segment']} {row['value']} (at most {row['gini_high']:.2f})"
        for row in weak.head(NAMED).iter_rows(named=True)
    )
    more = f" and {weak.height - NAMED} more" if weak.height > NAMED else ""
    return _Check(
        f"Gini below {gate.gini_share} of the whole's {whole:.2f} in {named}{more}", figures
    )
