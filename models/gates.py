"""The gates before the title of champion, and the paired test against the one who holds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import polars as pl
from pydantic import Field
from scipy.stats import norm

from features.settings import Settings, read_toml
from models import metrics
from models.segments import by_segment
from models.split import CALIBRATION, TRAIN, labelled_in, within

if TYPE_CHECKING:
    from models.artefact import Matrix, Model
    from models.compare import Fitted
    from models.material import Material

GATES_FILE = Path(__file__).with_name("gates.toml")
NAMED = 3  # weak segments named in a message
TOLERANCE = 1e-9  # of the margin: sums of floats, not a loosened gate

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class _Gate(Settings):
    false_alarm: str


class SlopeGate(_Gate):
    """The interval of the calibration slope contains 1."""

    enabled: bool


class MonotoneGate(_Gate):
    """Signed features move the margin one way only."""

    enabled: bool
    applicants: Count
    points: Annotated[int, Field(ge=2)]


class BadsGate(_Gate):
    """Enough bads calibrate a model for the other gates to mean something."""

    least: Count
    reason: str


class StabilityGate(_Gate):
    """The PD's distribution stays what it was."""

    enabled: bool
    psi_below: Annotated[float, Field(gt=0)]


class SegmentGate(_Gate):
    """No segment is far worse than the whole."""

    enabled: bool
    gini_share: Share
    bads: Count


class ReplacementGate(_Gate):
    """The champion is replaced only by a better one."""

    confidence: Share


class Gates(Settings):
    """All gates, as `gates.toml` has them; the table `gates` of the settings."""

    bads: BadsGate
    calibration_slope: SlopeGate
    monotone: MonotoneGate
    stability: StabilityGate
    segments: SegmentGate
    replacement: ReplacementGate


def read_gates(path: Path = GATES_FILE) -> Gates:
    """Read a gates file."""
    return Gates.model_validate(read_toml(path, expected="gates"))


def failures(one: Fitted, material: Material, rows: pl.DataFrame, gates: Gates) -> list[str]:
    """Which gates a candidate fails, each in words; empty when it passes.

    Only the training and calibration slices are looked at.

    Parameters
    ----------
    one : Fitted
    material : Material
    rows : DataFrame
        The material's rows with `slice` and `labelled`.
    gates : Gates
    """
    calibration = labelled_in(rows, CALIBRATION)
    checks = (
        _bads(calibration, gates.bads),
        _slope(one, gates.calibration_slope),
        _monotone(one, material, calibration, gates.monotone),
        _stability(one, rows, gates.stability),
        _segments(one, calibration, gates.segments),
    )
    return [problem for problem in checks if problem]


def better(new: Matrix, old: Matrix, bad: Matrix) -> float:
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
    model: Model, material: Material, rows: pl.DataFrame, *, points: int
) -> tuple[str, float]:
    """The worst step in the wrong direction of any signed feature, and whose it is.

    Parameters
    ----------
    model : Model
    material : Material
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
    X = material.numbers(rows, model.feature_names)
    for j in model.estimator.used:
        name = model.feature_names[j]
        sign = material.signs[name]
        values = material.rows[name].cast(pl.Float64).fill_nan(None).drop_nulls()
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
    found = int(rows["defaulted"].sum())
    if found >= gate.least:
        return ""
    return f"{found} bads calibrated it, at least {gate.least} are asked: so few prove nothing"


def _slope(one: Fitted, gate: SlopeGate) -> str:
    low = one.figures.get("selection_calibration_slope_low")
    high = one.figures.get("selection_calibration_slope_high")
    if not gate.enabled or low is None or high is None or low <= 1 <= high:
        return ""
    return f"calibration slope {low:.2f} to {high:.2f} does not contain 1"


def _monotone(one: Fitted, material: Material, rows: pl.DataFrame, gate: MonotoneGate) -> str:
    if not gate.enabled:
        return ""
    name, step = monotone_violation(
        one.model, material, rows.head(gate.applicants), points=gate.points
    )
    violated = step > TOLERANCE
    one.figures["monotone_violation"] = step if violated else 0.0
    return f"not monotone in {name}: a step of {step:.3g}" if violated else ""


def _stability(one: Fitted, rows: pl.DataFrame, gate: StabilityGate) -> str:
    if not gate.enabled:
        return ""
    train = within(rows, TRAIN)
    pd = one.model.pd(one.model.margin(train))
    before = metrics.shares(pd, one.model.development["pd_edges"])
    moved = metrics.psi(before, one.model.development["pd_share"])
    one.figures["psi_training_to_calibration"] = moved
    return "" if moved < gate.psi_below else f"PSI of {moved:.2f} is not below {gate.psi_below}"


def _segments(one: Fitted, rows: pl.DataFrame, gate: SegmentGate) -> str:
    if not gate.enabled:
        return ""
    whole = one.figures.get("selection_gini", 0.0)
    table = by_segment(rows, one.selection_pd, cutoff=0.5)
    weak = table.filter(
        (pl.col("bads") >= gate.bads) & (pl.col("gini_high") < gate.gini_share * whole)
    )
    one.figures["weak_segments"] = float(weak.height)
    if weak.is_empty():
        return ""
    named = ", ".join(
        f"{row['segment']} {row['value']} (at most {row['gini_high']:.2f})"
        for row in weak.head(NAMED).iter_rows(named=True)
    )
    more = f" and {weak.height - NAMED} more" if weak.height > NAMED else ""
    return f"Gini below {gate.gini_share} of the whole's {whole:.2f} in {named}{more}"
