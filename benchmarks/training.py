"""A training of all candidates on the baseline world, held to its bars.

    python -P benchmarks/training.py [--firms 60000] [--seed 7] [--keep FOLDER]

`firstloan train` builds the features, tunes with as many trials as the settings have, and logs;
every figure is read from the run of the trees on all features that it logged. The bar of the error
against the true PD can be read in three ways, of which one may hold and another not: all are shown.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from benchmarks.processes import Cost, firstloan
from benchmarks.record import Entry, asked, busy, keep
from benchmarks.worlds import scratch_folder, simulated
from models.estimators.lightgbm_dask import CANDIDATE
from models.settings import read_settings
from models.tracking import mlflow_session
from models.tracking.registry import NAME

BAR_FIRMS = 60_000
BAR_SECONDS, BAR_MB = 360.0, 4_000.0
BAR_AUC = 0.10
"""More than the same method has on the register alone, first-time borrowers, out of time."""
BAR_TRUTH = 0.5
"""Of what one PD for all would err."""
MANY = 100
"""A figure from here on is shown without decimals."""

TWIN, SCORECARD = "trees_register", "scorecard_all"
FIRST_TIME = "first-time"
ERRORS = {
    "squared": "truth_pd_unexplained",
    "absolute": "truth_pd_absolute_share",
    "root-mean-square": "truth_pd_error_share",
}
"""The three readings, by the metric that holds each as a share of a constant PD's."""


def main() -> int:
    record, load = asked(), busy()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, default=BAR_FIRMS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    trials = read_settings().trials
    with scratch_folder(options.keep) as scratch:
        world = simulated(scratch / "training_world", options.firms, options.seed)
        folder = scratch / "training"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        cost = firstloan("train", "--data", world, "--trials", str(trials), cwd=folder)
        run = Run.read()
    entries = [
        whole_training(options.firms, trials, cost),
        difference(run, TWIN, bar=BAR_AUC),
        difference(run, SCORECARD),
        slope(run.figures),
        calibration_error(run.figures),
        *(against_truth(run.figures, reading) for reading in ERRORS),
    ]
    if options.firms != BAR_FIRMS:
        print(f"The bars are those of {BAR_FIRMS:,} firms; {options.firms:,} are held to none.")
        entries = [replace(entry, bar="", met=None) for entry in entries]
    print(f"{options.firms:,} firms, seed {options.seed}; {CANDIDATE}: {run.outcome}.")
    for entry in entries:
        print(entry.what)
        print(f"  {said(entry)}")
    if record:
        keep("training", entries, load=load)
    return 0 if all(entry.met in (None, True) for entry in entries) else 1


@dataclass(frozen=True)
class Run:
    """The run of the trees on all features: metrics, differences in AUC, what became of it."""

    figures: Mapping[str, float]
    others: pl.DataFrame
    outcome: str

    @classmethod
    def read(cls) -> "Run":
        """Find it in the store, which holds one training."""
        with mlflow_session.session() as mlflow:
            client = mlflow.MlflowClient()
            experiment = client.get_experiment_by_name(NAME).experiment_id
            (run,) = client.search_runs([experiment], f"attributes.run_name = '{CANDIDATE}'")
            table = client.download_artifacts(run.info.run_id, "validation/auc_against_others.csv")
            return cls(run.data.metrics, pl.read_csv(table), run.data.tags["outcome"])


def whole_training(firms: int, trials: int, cost: Cost) -> Entry:
    """Seconds and memory of the command, features included."""
    return Entry(
        name="train",
        what=f"train four candidates on {firms:,} applications, {trials} trials, from raw signals",
        seconds=cost.seconds,
        peak_mb=cost.peak_mb,
        bar=f"{BAR_SECONDS:.0f} s and {BAR_MB:,.0f} MB",
        met=cost.seconds < BAR_SECONDS and cost.peak_mb < BAR_MB,
        count=firms,
    )


def difference(run: Run, other: str, *, bar: float | None = None) -> Entry:
    """AUC on first-time borrowers out of time less that of another candidate."""
    interval = run.others.filter(other=other, applicants=FIRST_TIME)
    if interval.is_empty():
        sys.exit("too few first-time borrowers went bad out of time: give more --firms")
    row = interval.row(0, named=True)
    bads = run.figures["oot_first_time_bads"]
    return Entry(
        name=f"auc/{other}",
        what=f"AUC less that of {other}, first-time borrowers out of time, {bads:.0f} of them bad",
        value=row["value"],
        unit=f"({row['low']:.3f} to {row['high']:.3f})",
        bar="" if bar is None else f"at least {bar:.2f}",
        met=None if bar is None else row["value"] >= bar,
    )


def slope(figures: Mapping[str, float]) -> Entry:
    """Calibration slope out of time, all applicants with an outcome."""
    low, high = figures["calibration_slope_low"], figures["calibration_slope_high"]
    return Entry(
        name="calibration-slope",
        what=f"calibration slope out of time, {figures['oot_bads']:.0f} bads",
        value=figures["calibration_slope"],
        unit=f"({low:.2f} to {high:.2f}, {high - low:.2f} wide)",
        bar="interval contains 1",
        met=low <= 1 <= high,
    )


def calibration_error(figures: Mapping[str, float]) -> Entry:
    """Expected calibration error beside that of a model whose every PD is right."""
    error, perfect = figures["oot_ece"], figures["oot_ece_perfect_model_p95"]
    return Entry(
        name="calibration-error",
        what="expected calibration error out of time",
        value=100 * error,
        unit="percentage points",
        rival=f"95th percentile of a perfect model, {100 * perfect:.2f}",
        ratio=perfect / error,
        bar="below that",
        met=error < perfect,
    )


def against_truth(figures: Mapping[str, float], reading: str) -> Entry:
    """One reading of the error against the true PD, of all applicants out of time."""
    share = figures[ERRORS[reading]]
    return Entry(
        name=f"true-pd/{reading}",
        what=f"{reading} error against true_pd, all applicants out of time ({ERRORS[reading]})",
        value=1000 * share,
        unit="thousandths of what one PD for all errs",
        bar=f"below {1000 * BAR_TRUTH:.0f}",
        met=share < BAR_TRUTH,
    )


def said(entry: Entry) -> str:
    """What was measured and whether it is enough, in one line."""
    if entry.value is None:
        figures = f"{entry.seconds:.0f} s, peak {entry.peak_mb:,.0f} MB"
    else:
        figures = f"{entry.value:.{0 if entry.value >= MANY else 3}f} {entry.unit}"
    rival = f"; {entry.rival}" if entry.rival else ""
    verdict = "" if entry.met is None else f"; {entry.bar}: {'ok' if entry.met else 'MISSED'}"
    return f"{figures}{rival}{verdict}"


if __name__ == "__main__":
    sys.exit(main())
