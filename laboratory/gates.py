"""How often each gate before the title of champion fails a model without fault.

Simulated calibration slices whose margin is the truth: whatever fails there is a false alarm. And
how many bads it takes until a model whose margin says nothing is caught. The figures stand beside
the gates in `models/gates.toml`. A minute.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import expit
from scipy.stats import poisson

from models.estimators.calibration import cross_calibrated
from models.evaluation import development_sample, gates, metrics
from models.evaluation.segments import by_segment
from models.settings import read_settings
from models.train.fit import FOLDS

SLICES = ((1_300, -4.9), (6_400, -4.8))  # rows and mean log-odds: a demo's slice, 60,000 firms'
SPREAD = 1.6  # standard deviation of the log-odds
WORLDS = 400
SEGMENT_WORLDS = 300
WORTHLESS = 200
FEW = (200, 400, 650, 900)  # rows with ever more bads
GATES = read_settings().gates


def world(rng, rows, level):
    """Margin, label and fold of each row of a slice; the margin is the truth."""
    margin = rng.normal(level, SPREAD, rows)
    bad = (rng.random(rows) < expit(margin)).astype(float)
    folds = np.empty(rows, dtype=int)
    for label in (0, 1):
        inside = np.flatnonzero(bad == label)
        folds[rng.permutation(inside)] = np.arange(len(inside)) % FOLDS
    return margin, bad, folds


def slope_alarms(rng, rows, level, worlds=WORLDS):
    """Share of worlds in which the interval of the slope does not contain 1, and mean bads."""
    alarms, bads = 0, []
    for _ in range(worlds):
        margin, bad, folds = world(rng, rows, level)
        slope = metrics.calibration_slope(cross_calibrated(margin, bad, folds=folds), bad)
        alarms += not slope.low <= 1 <= slope.high
        bads.append(bad.sum())
    return alarms / worlds, float(np.mean(bads))


def worthless_pass(rng, rows, level=SLICES[0][1], worlds=WORTHLESS):
    """How many models whose margin says nothing pass the slope's gate, and mean bads."""
    passed, bads = 0, []
    for _ in range(worlds):
        _, bad, folds = world(rng, rows, level)
        noise = rng.normal(level, SPREAD, rows)
        slope = metrics.calibration_slope(cross_calibrated(noise, bad, folds=folds), bad)
        passed += slope.low <= 1 <= slope.high
        bads.append(bad.sum())
    return passed, float(np.mean(bads))


def stability_alarms(rng, rows, worlds=2_000):
    """Share of draws whose PSI is not below the gate, and the largest PSI."""
    index = []
    for _ in range(worlds):
        bins = development_sample.pd_bins(expit(rng.normal(-4.8, SPREAD, rows)))
        before = metrics.shares(expit(rng.normal(-4.8, SPREAD, 4 * rows)), bins["pd_edges"])
        index.append(metrics.psi(before, bins["pd_share"]))
    return float(np.mean(np.array(index) >= GATES.stability.psi_below)), max(index)


def segment_alarms(rng, worlds=SEGMENT_WORLDS, segments=20):
    """Share of worlds in which a segment is called weak though all are alike."""
    alarms = 0
    for _ in range(worlds):
        rows = segments * 2_300
        margin, bad, _ = world(rng, rows, -4.8)
        pd = expit(margin)
        frame = pl.DataFrame(
            {
                "as_of": pl.Series([None] * rows, dtype=pl.Date),
                "sector": rng.integers(0, segments, rows).astype(str),
                "labelled": True,
                "defaulted": bad == 1,
            }
        )
        table = by_segment(frame, pd).filter(segment="sector")
        whole = 2 * metrics.auc(pd, bad).value - 1
        weak = (pl.col("bads") >= GATES.segments.bads) & (
            pl.col("gini_high") < GATES.segments.gini_share * whole
        )
        alarms += table.filter(weak).height > 0
    return alarms / worlds


def replacement_alarms(rng, rows, level, worlds=WORLDS):
    """Share of pairs of equal worth of which the new one is called better."""
    alarms = 0
    for _ in range(worlds):
        margin, bad, _ = world(rng, rows, level)
        new, old = (expit(margin + rng.normal(0, 0.3, rows)) for _ in range(2))
        alarms += gates.better(new, old, bad) >= GATES.replacement.confidence
    return alarms / worlds


def main():
    """Print the rates."""
    rng = np.random.Generator(np.random.SFC64(20261124))
    for rows in FEW:
        passed, bads = worthless_pass(rng, rows)
        print(
            f"bads               {passed} of {WORTHLESS} worthless models pass with {bads:.0f} bads"
        )
    for rows, level in SLICES:
        alarms, bads = slope_alarms(rng, rows, level)
        few = poisson.cdf(GATES.bads.least - 1, bads)
        print(f"bads               {few:6.1%} where {bads:.0f} are expected")
        print(
            f"calibration_slope  {alarms:6.1%} of {WORLDS} slices of {rows:,} rows, {bads:.0f} bads"
        )
    alarms, largest = stability_alarms(rng, 650)
    print(
        f"stability          {alarms:6.1%} of 2,000 slices of 650 rows; largest PSI {largest:.2f}"
    )
    print(
        f"segments           {segment_alarms(rng):6.1%} of {SEGMENT_WORLDS} worlds of 20 segments"
    )
    for rows, level in SLICES:
        alarms = replacement_alarms(rng, rows, level)
        print(f"replacement        {alarms:6.1%} of {WORLDS} pairs on {rows:,} rows")
    print("monotone              none: no chance is involved")


if __name__ == "__main__":
    main()
