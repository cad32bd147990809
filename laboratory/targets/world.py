"""A simulated world, one row per applicant, with its truth and the scores of a small model."""

from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from features.arrays import Floats
from features.contract.errors import ContractError
from features.engine.build import build_features
from features.io.signal_reader import Signals, read_applications, read_outcomes
from features.io.storage import scan_parquet
from features.parallel.executor import Progress
from features.table.catalogue import FEATURES
from laboratory.targets.book import book_rows
from laboratory.targets.populations import condition
from laboratory.targets.replay import joined_rows, replays
from models.estimators.lightgbm_trees import lightgbm
from synthetic.offer_truth.asked import read_world

STEADY_DAYS = 91
"""Days over which electricity is watched: three months (R188)."""

AUC_FOLDS = 3
TREES = 400
SMALL_MODEL = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 7,
    "max_depth": 3,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.15,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 30.0,
    "extra_trees": True,
    "seed": 1,
    "num_threads": 2,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


class World:
    """A simulated data folder, one row per applicant.

    Parameters
    ----------
    data : Path
    workers : int
        Buckets of firms in work at a time; the figures do not depend on it.
    progress : callable or None
        Told of the buckets that are replayed, and of the applications whose features are built.

    Raises
    ------
    ContractError
        If `data` is no data folder with a truth.
    """

    def __init__(self, data: Path, workers: int, progress: Progress | None) -> None:
        if not (data / "truth" / "truth.parquet").is_file():
            raise ContractError(
                f"{data}: expected a simulated data folder with truth/, found none. Make one by "
                "`firstloan simulate --out DIR`; nothing was written."
            )
        self.workers, self.progress = workers, progress
        self.signals = Signals.open(data)
        self.applications = read_applications(data / "applications.csv")
        outcomes = read_outcomes(data / "outcomes.csv")
        truth = scan_parquet(data / "truth" / "truth.parquet").collect()
        history = self.table("credit_history").drop("firm_id")
        book = book_rows(self.table("loans"), self.table("loan_months"))
        self.rows = (
            joined_rows(
                self.applications, outcomes, truth, self.table("firms"), self.table("coverage")
            )
            .join(history, on="application_id", how="left", validate="1:1", maintain_order="left")
            .join(book, on="application_id", how="left", validate="1:1", maintain_order="left")
            .with_row_index("position")
        )
        self.firms = self.rows.height
        self.source = read_world(data)

    def table(self, name: str) -> pl.DataFrame:
        """Read one signal table whole."""
        return pl.concat(self.signals.read(name, bucket=b) for b in self.signals.buckets)

    def people(self, population: str) -> pl.DataFrame:
        """The applicants of a population."""
        return self.rows.filter(condition(population))

    @cached_property
    def replays(self) -> pl.DataFrame:
        """Applicants of the world's settings on antithetic common paths."""
        return replays(self.source, workers=self.workers, progress=self.progress)

    def replayed(self, population: str) -> pl.DataFrame:
        """The same of a population."""
        return self.replays.filter(condition(population))

    @cached_property
    def scores(self) -> dict[str, Floats]:
        """Out-of-fold scores of the small model, register only and on all sources."""
        table = build_features(
            self.signals, self.applications, workers=self.workers, progress=self.progress
        )
        bad = self.rows["potential_default"].cast(pl.Float64).to_numpy()
        fold = np.arange(self.firms) % AUC_FOLDS
        scores = {}
        for name, chosen in (
            ("register", [f for f in FEATURES if f.source == "register"]),
            ("all", list(FEATURES)),
        ):
            matrix = table.select(f.name for f in chosen).cast(pl.Float64).to_numpy()
            signs = {"monotone_constraints": [f.sign for f in chosen]}
            score = np.zeros(self.firms)
            for k in range(AUC_FOLDS):
                fitted = lightgbm().Dataset(matrix[fold != k], bad[fold != k])
                model = lightgbm().train(SMALL_MODEL | signs, fitted, TREES)
                score[fold == k] = model.predict(matrix[fold == k])
            scores[name] = score
        return scores

    def steadiness(self, firm_ids: pl.Series) -> pl.DataFrame:
        """CV of the weekly kWh of some firms over the 13 weeks before they applied."""
        applied = self.applications.select("firm_id", "applied_on")
        kwh = pl.sum_horizontal("kwh_peak", "kwh_flat", "kwh_valley")
        parts = []
        for bucket in self.signals.buckets:
            meter = self.signals.read("electricity", bucket=bucket)
            meter = meter.filter(pl.col("firm_id").is_in(firm_ids.implode()))
            days = (pl.col("applied_on") - pl.col("date")).dt.total_days()
            parts.append(
                meter.join(applied, on="firm_id")
                .with_columns(ago=days, kwh=kwh)
                .filter(pl.col("ago").is_between(1, STEADY_DAYS))
                .group_by("firm_id", (pl.col("ago") - 1) // 7)
                .agg(pl.col("kwh").mean())
                .group_by("firm_id")
                .agg(cv=pl.col("kwh").std() / pl.col("kwh").mean(), weeks=pl.len())
            )
        return pl.concat(parts).filter(pl.col("weeks") == STEADY_DAYS // 7).sort("firm_id")
