"""Does a simulated world show the report's figures? `firstloan calibrate`.

Each row of `laboratory/targets/targets.toml` names a population, a measure and a figure. What rests
on cash and decisions is compared as expected over antithetic common paths, because one world is one
course of the economy; what this world's own path gave stands beside it. A figure holds if it is off
by no more than

    tolerance = max(rounding, 4 · error),

`error` being the spread between the pairs of paths or the sampling error, whichever is larger. What
rests on signals is measured on this world, its error that of 60,000 firms if that is smaller. A row
that rests on too few firms says so and does not fail.

It opens the hidden truth and fits a small model, so it lives beside the command line.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from features.parallel.executor import Progress
from laboratory.targets.measures import FROM_SIGNALS, MEASURES
from laboratory.targets.replay import PAIRS
from laboratory.targets.target import Measured, Target, read_targets
from laboratory.targets.world import World

FULL = 60_000
"""Firms of the world whose sampling errors the tolerances go by."""

FEWEST = 200
"""Firms below which a row says nothing."""

ERRORS = 4.0
"""Sampling errors that a figure may be off, so that it holds on any seed."""


@dataclass(frozen=True)
class Line:
    """One line of the comparison; `verdict` is ok, OFF, too few or, without a figure, shown.

    `expected` is the figure over all paths, `own` what this world's path gave.
    """

    row: str
    what: str
    unit: str
    report: float
    expected: float
    own: float
    tolerance: float
    firms: int
    kind: str
    gives_back: bool
    verdict: str


def compare_world(data: Path, *, workers: int = 1, progress: Progress | None = None) -> list[Line]:
    """Compare a simulated world with the report, and write `DATA/calibration.json`.

    Raises
    ------
    ContractError
        If `data` is no simulated data folder.
    """
    world = World(data, workers, progress)
    lines = [compare_figure(target, world) for target in read_targets()]
    text = json.dumps([asdict(line) for line in lines], indent=2, ensure_ascii=False)
    (data / "calibration.json").write_text(text + "\n", encoding="utf-8")
    return lines


def compare_figure(target: Target, world: World) -> Line:
    """Measure one figure and judge it."""
    measure = MEASURES[target.measure]
    own = measure(world, world.people(target.population), target)
    if target.measure in FROM_SIGNALS:
        seen = own
        error = own.error * np.sqrt(max(1.0, world.firms / FULL))
    else:
        seen = measure(world, world.replayed(target.population), target)
        error = max(_between_pairs(target, world), seen.error)
    tolerance = max(target.rounding, ERRORS * float(error))
    return Line(
        row=target.row,
        what=target.what,
        unit=target.unit,
        report=target.value,
        expected=seen.value,
        own=own.value,
        tolerance=tolerance,
        firms=seen.firms,
        kind=target.kind,
        gives_back=target.gives_back,
        verdict=_verdict(target, seen, tolerance),
    )


def _verdict(target: Target, seen: Measured, tolerance: float) -> str:
    away = seen.value - target.value
    off = {"equals": abs(away), "ceiling": away, "floor": -away, "shown": 0.0}[target.kind]
    if target.kind == "shown":
        return "shown"
    few = target.kind != "floor" and not tolerance <= abs(target.value)
    if few or seen.firms < FEWEST:
        return "too few"
    return "OFF" if off > tolerance else "ok"


def _between_pairs(target: Target, world: World) -> float:
    """Standard error of a figure's mean over the antithetic pairs."""
    rows = world.replayed(target.population)
    measure = MEASURES[target.measure]
    values = [
        measure(world, rows.filter(pl.col("pair") == pair), target).value for pair in range(PAIRS)
    ]
    return float(np.std(values, ddof=1) / np.sqrt(PAIRS))
