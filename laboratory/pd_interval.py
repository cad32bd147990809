"""How often pd_low to pd_high holds the mean true PD of applicants alike.

    python -m laboratory.pd_interval [--firms 12000] [--seeds 51 52 53 54]

Simulates a world per seed and trains on each; every model scores the applicants of all other
worlds. In each cell, a grade's band of PD and a number of covered sources, with 100 applicants or
more, the interval should hold their mean true PD in 90 % of the cases. Nothing in the interval was
chosen on these seeds.
"""

import itertools
import os
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.worlds import built, options
from features.contract.tables import SOURCES
from features.io.signal_reader import Signals
from features.table import peers
from models.estimators.model import Model
from models.oracle import true_pd
from models.policy import Policy
from scoring.pd_interval import LEVEL, pd_interval

LEAST = 100
"""Applicants of a cell, so that the mean of their true PDs is known well."""

SLACK = 0.05


def main() -> int:
    arguments = options(__doc__, seeds=(51, 52, 53, 54))
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        worlds = {seed: world(seed, arguments.firms) for seed in arguments.seeds}
        cells = pl.concat(
            cell_table(worlds[a][2], worlds[b]).with_columns(model=pl.lit(a), world=pl.lit(b))
            for a, b in itertools.permutations(worlds, 2)
        )
    return report(cells)


def world(seed: int, firms: int) -> tuple[pl.DataFrame, pl.DataFrame, Model, np.ndarray]:
    """Features, places, a model trained on them, and true PDs of one simulated world."""
    from models.settings import read_settings
    from models.train.training import train

    data, features = built(seed, firms)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{Path.cwd()}/mlflow{seed}.db"
    settings = read_settings(trials=0).model_copy(update={"candidates": ("trees_all",)})
    result = train(data=data, features=Path(f"features{seed}.parquet"), config=settings)
    from models.tracking.registry import resolve

    model, _ = resolve(f"models:/first-time-borrower/{result.version}")
    signals = Signals.open(data)
    register = pl.concat([signals.read("firms", bucket=b) for b in signals.buckets])
    true = true_pd(data, features["application_id"])
    if true is None:
        raise SystemExit(f"{data}: the simulator wrote no truth")
    return features, peers.places_of(features, register), model, true


def cell_table(model: Model, applicants: tuple) -> pl.DataFrame:
    """Mean PD, true PD and interval of each cell of one world scored by one model."""
    features, places, _, true = applicants
    rows = features
    if model.reference is not None:
        rows = peers.apply_reference(features, places, model.reference)
    pd = model.pd(model.margin(rows))
    covered = sum((rows[f"coverage_{s}"].fill_null(0.0) > 0).cast(pl.Int64) for s in SOURCES)
    low, high = pd_interval(pd, covered.to_numpy(), model.development)
    grade = Policy.load().grade(pd)
    columns = {"grade": grade, "sources": covered, "pd": pd, "true": true, "low": low, "high": high}
    table = pl.DataFrame(columns).group_by("grade", "sources").agg(pl.len(), pl.all().mean())
    return table.filter(pl.col("len") >= LEAST).with_columns(
        held=pl.col("true").is_between("low", "high"), above=pl.col("true") > pl.col("high")
    )


def report(cells: pl.DataFrame) -> int:
    print("grade sources  cells  applicants  mean PD  mean true  mean interval     held  above")
    for row in (
        cells.group_by("grade", "sources")
        .agg(
            pl.len().alias("cells"), pl.col("len").sum(), pl.exclude("len", "model", "world").mean()
        )
        .sort("sources", "grade")
        .iter_rows(named=True)
    ):
        print(
            f"{row['grade']:<5}{row['sources']:>8}{row['cells']:>7}{row['len']:>12,}"
            f"{row['pd']:>9.2%}{row['true']:>11.2%}   {row['low']:.2%} to {row['high']:.2%}"
            f"{row['held']:>9.0%}{row['above']:>7.0%}"
        )
    for row in (
        cells.group_by("model").agg(pl.len(), pl.col("held").mean()).sort("model").iter_rows()
    ):
        print(f"model of seed {row[0]}: {row[1]} cells, {row[2]:.0%} held")
    held = cells["held"].mean()
    good = abs(held - LEVEL) <= SLACK
    print(
        f"{'ok' if good else 'MISSED'}: {held:.1%} of {cells.height} cells held, "
        f"bar {LEVEL:.0%} ± {SLACK:.0%}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
