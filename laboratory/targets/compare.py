"""Does a simulated world show the report's figures? `firstloan calibrate`.

Each row of `laboratory/targets/targets.toml` names a population, a measure and a figure of the
report. A figure holds if the world is off by no more than

    tolerance = max(rounding, 4 · sqrt(error² + (common · value)²)),

`error` being the sampling error in this world (in 60,000 firms, if it is larger), `common` what
shocks that strike all firms add. A row that rests on too few firms says so and does not fail.

It opens the hidden truth and fits a small model, so it lives beside the command line.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from features.parallel.executor import Progress
from laboratory.targets.measures import MEASURES
from laboratory.targets.target import Target, read_targets
from laboratory.targets.world import World

FULL = 60_000
"""Firms of the world whose sampling errors the tolerances go by."""

FEWEST = 200
"""Firms below which a row says nothing."""

ERRORS = 4.0
"""Sampling errors that a figure may be off, so that it holds on any seed."""


@dataclass(frozen=True)
class Line:
    """One line of the comparison; `verdict` is ok, OFF or too few."""

    row: str
    what: str
    unit: str
    report: float
    simulated: float
    tolerance: float
    firms: int
    kind: str
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


def compare_figure(target: Target, world: "World") -> Line:
    """Measure one figure and judge it."""
    rows = world.people(target.population)
    seen = MEASURES[target.measure](world, rows, target)
    error = seen.error * np.sqrt(max(1.0, world.firms / FULL))
    tolerance = max(target.rounding, ERRORS * float(np.hypot(error, target.common * target.value)))
    away = seen.value - target.value
    off = {"equals": abs(away), "ceiling": away, "floor": -away}[target.kind] > tolerance
    few = seen.firms < FEWEST or not tolerance <= abs(target.value)
    if target.kind == "floor":
        few = seen.firms < FEWEST
    return Line(
        row=target.row,
        what=target.what,
        unit=target.unit,
        report=target.value,
        simulated=seen.value,
        tolerance=tolerance,
        firms=seen.firms,
        kind=target.kind,
        verdict="too few" if few else "OFF" if off else "ok",
    )
