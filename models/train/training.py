"""Train the candidates, compare them in MLflow, register the champion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, TypedDict, Unpack

import numpy as np
import polars as pl

from features.contract.errors import ContractError
from features.parallel.executor import process_pool
from models import oracle
from models.data.feature_matrix import check_name, read_matrix
from models.data.open_loans import read_open_loans
from models.data.split import OUT_OF_TIME, TRAIN, Split, labelled_in, split, within
from models.data.training_data import TrainingData, read_training_data, with_codes, with_peers
from models.estimators.candidates import chosen
from models.estimators.lightgbm_dask import fit_on
from models.evaluation.champion import Decision, choose_champion
from models.evaluation.out_of_time import Evaluation, evaluate
from models.tracking import mlflow_session, registry
from models.tracking.log_runs import log_training
from models.tracking.registry import NAME, OPEN_LOAN_NAME
from models.train.fit import fit_all

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from features.arrays import Array
    from features.parallel.dask_cluster import Cluster
    from features.parallel.executor import Progress
    from models.data.target import Target
    from models.settings import TrainConfig

AFTER_FITTING = 2  # steps of the progress: judging, logging


@dataclass(frozen=True, eq=False)
class TrainResult:
    """Result of a training.

    Attributes
    ----------
    winner : str
        Candidate that was registered.
    label : str
        Such as "first-time-borrower v3 (trained on simulated firms)".
    version : str
        Version in the registry.
    alias : str
        Alias it got there: champion, or challenger.
    verdicts : dict of str to str
        For each candidate, what became of it and why.
    figures : DataFrame
        One row per candidate, best first: candidate, alias, and its main metrics.
    against : DataFrame
        AUC of the winner less that of each other candidate, with intervals: other, applicants,
        value, low, high.
    counts : dict of str to int
        Rows read, dropped and used (`models.data.split.Split.counts`), features, and how many of
        them or of the labels were of no use.
    by_time : bool
        Whether the last slice lies out of time; else it was held out at random.
    own : bool
        Whether the features were a matrix of one's own.
    target : Target
        What the model predicts, of which rows.
    store : str
        MLflow's tracking store.
    experiment : str
    run_id : str
        The parent run.
    notes : tuple of str
        What was done with columns of a matrix of one's own.
    pages : tuple of str
        In the UI: the experiment's list of runs, and the comparison of this training's candidates.
    """

    winner: str
    label: str
    version: str
    alias: str
    verdicts: dict[str, str]
    figures: pl.DataFrame
    against: pl.DataFrame
    counts: dict[str, int]
    by_time: bool
    own: bool
    target: Target
    store: str
    experiment: str
    run_id: str
    notes: tuple[str, ...]
    pages: tuple[str, ...]


class TrainOptions(TypedDict, total=False):
    """Execution options of a training: workers, resume, logging of trials, cluster.

    Attributes
    ----------
    workers : int
        Processes that share the work; 1 where it is not given.
    cluster : Cluster or None
        From `features.parallel.executor.connect`: builds the features where none are given.
    distributed : bool
        The cluster also fits the trees on all features, which then differ a little.
    resume : bool
        Go on with the tuning studies of the same data that an earlier training kept.
    log_trials : bool
        Log each tuning trial as a nested run.
    progress : callable or None
        Called with (steps done, steps in all).
    """

    workers: int
    cluster: Cluster | None
    distributed: bool
    resume: bool
    log_trials: bool
    progress: Progress | None


def train(
    *,
    data: Path,
    features: Path | None = None,
    config: TrainConfig,
    **running: Unpack[TrainOptions],
) -> TrainResult:
    """Train on a data folder and register the champion as `first-time-borrower`.

    Parameters
    ----------
    data : Path
        A data folder, simulated or imported.
    features : Path, optional
        Its feature file; built from the signals when not given.
    config : TrainConfig
    **running
        See `TrainOptions`.

    Returns
    -------
    TrainResult

    Raises
    ------
    ContractError
        When the data do not allow a model, MLflow cannot be reached, or the cluster loses a worker
        that fits; nothing is registered.
    """
    requested = data / "applications.csv"
    if not requested.is_file():  # before MLflow makes a store for nothing
        raise ContractError(
            f"{requested}: no such file. A data folder to train on holds applications.csv, "
            "outcomes.csv (or a loan tape) and signals/."
        )
    registry.check_free(NAME)  # an unreachable store is said now, not after the work
    training_data = read_training_data(
        data,
        features,
        exclude=config.exclude,
        workers=running.get("workers", 1),
        cluster=running.get("cluster"),
    )
    return train_on(training_data, config=config, name=NAME, truth=data, **running)


def train_behaviour(
    *, data: Path, config: TrainConfig, **running: Unpack[TrainOptions]
) -> TrainResult:
    """Train on the months of open loans and register the champion as `open-loan`.

    Parameters
    ----------
    data : Path
        A data folder with a loan tape.
    config : TrainConfig
    **running
        See `TrainOptions`.

    Returns
    -------
    TrainResult

    Raises
    ------
    ContractError
        When the data do not allow a model, or MLflow cannot be reached; nothing is registered.
    """
    registry.check_free(OPEN_LOAN_NAME)
    config = config.model_copy(update={"split": config.behaviour_split})
    training_data = read_open_loans(
        data,
        split=config.split,
        exclude=config.exclude,
        workers=running.get("workers", 1),
    )
    return train_on(training_data, config=config, name=OPEN_LOAN_NAME, **running)


def train_matrix(
    *,
    features: Path,
    labels: Path,
    name: str,
    config: TrainConfig,
    **running: Unpack[TrainOptions],
) -> TrainResult:
    """Train on a feature matrix of one's own and register the champion under its own name.

    Such a model knows nothing of this product's features, and can never become the champion that
    `score` loads by default.

    Parameters
    ----------
    features, labels : Path
        As `models.data.feature_matrix.read_matrix` describes them.
    name : str
        Registered model and experiment.
    config : TrainConfig
        Candidates that see the register only are passed over.
    **running
        See `TrainOptions`.

    Returns
    -------
    TrainResult

    Raises
    ------
    ContractError
        When name or files do not allow a model, or MLflow cannot be reached; nothing is registered.
    """
    check_name(name)
    training_data = read_matrix(
        features, labels, exclude=config.exclude, missing_codes=config.missing_codes
    )
    on_all_sources = tuple(
        candidate.name for candidate in chosen(config.candidates) if candidate.sources is None
    )
    config = config.model_copy(update={"candidates": on_all_sources})
    registry.check_free(name)
    return train_on(training_data, config=config, name=name, **running)


def train_on(
    training_data: TrainingData,
    *,
    config: TrainConfig,
    name: str,
    truth: Path | None = None,
    workers: int = 1,
    cluster: Cluster | None = None,
    distributed: bool = False,
    resume: bool = False,
    log_trials: bool = False,
    progress: Progress | None = None,
) -> TrainResult:
    """Train on training data in memory.

    Parameters
    ----------
    training_data : TrainingData
    config : TrainConfig
    name : str
        Registered model and experiment.
    truth : Path, optional
        Data folder whose truth, if it has one, is compared with the result.
    workers, cluster, distributed, resume, log_trials, progress
        See `TrainOptions`.

    Returns
    -------
    TrainResult
    """
    tuned = any(candidate.share_of_trials for candidate in chosen(config.candidates))
    done, total = 0, len(config.candidates) + tuned * config.trials + AFTER_FITTING
    one_at_a_time = Lock()  # other processes' steps arrive in another thread

    def step() -> None:
        nonlocal done
        with one_at_a_time:
            done += 1
            if progress:
                progress(done, total)

    parts = split(training_data.rows, config=config.split)
    on_training_side = parts.rows["slice"].eq(TRAIN).fill_null(value=False)
    training_data = with_codes(with_peers(training_data, on_training_side), on_training_side)
    parts = parts.over(training_data.rows)
    fit_override = fit_on(cluster) if distributed and cluster is not None else None
    with process_pool(workers) as pool:
        candidates = fit_all(
            training_data,
            parts.rows,
            config=config,
            name=name,
            journal=mlflow_session.home() / "tuning.log",
            resume=resume,
            step=step,
            pool=pool,
            fit_override=fit_override,
        )
        decision = choose_champion(
            candidates,
            training_data,
            parts.rows,
            gates=config.gates,
            incumbent=registry.incumbent(name),
        )
        counts = parts.counts | _features(training_data, parts.rows)
        # Every choice is made; from here on the out-of-time slice is read, once.
        true = None if truth is None else _truth(parts, truth)
        evaluations = {
            fitted.candidate.name: evaluate(
                fitted,
                candidates,
                parts.rows,
                policy=config.policy,
                gates=decision.gates[fitted.candidate.name],
                true=true,
            )
            for fitted in candidates
        }
        step()
        logged = log_training(
            candidates,
            evaluations,
            decision,
            training_data=training_data,
            parts=parts,
            counts=counts,
            config=config,
            name=name,
            log_trials=log_trials,
            pool=pool,
        )
        step()
    return TrainResult(
        winner=decision.winner.candidate.name,
        label=replace(decision.winner.model, version=logged.version).label,
        version=logged.version,
        alias=decision.alias,
        verdicts=decision.verdicts,
        figures=_table(evaluations, decision),
        against=evaluations[decision.winner.candidate.name].tables["auc_against_others"],
        counts=counts,
        by_time=bool(parts.starts),
        own=not training_data.fingerprint,
        target=training_data.target,
        store=mlflow_session.store(),
        experiment=name,
        run_id=logged.run_id,
        notes=_notes(training_data),
        pages=(
            mlflow_session.runs_page(logged.experiment_id),
            mlflow_session.comparison_page(logged.experiment_id, list(logged.candidates.values())),
        ),
    )


def _notes(training_data: TrainingData) -> tuple[str, ...]:
    """What was done with columns of a matrix of one's own."""
    return (
        *(
            f"column {column!r} has a name that a training uses itself; the feature is {name!r}"
            for name, column in training_data.columns.items()
        ),
        *(
            f"{name!r} is a category of {len(words)} words, coded by their default rates"
            for name, words in training_data.levels.items()
        ),
    )


def _features(training_data: TrainingData, rows: pl.DataFrame) -> dict[str, int]:
    """Number of features, and of those that are constant in training."""
    train = labelled_in(rows, TRAIN)
    values = train.select(
        pl.col(n).fill_nan(None).drop_nulls().n_unique() for n in training_data.names
    )
    return {
        "features": len(training_data.names),
        "features_without_values": sum(count < 2 for count in values.row(0)),  # noqa: PLR2004
        "labels_without_features": training_data.labels_without_features,
    }


def _truth(parts: Split, data: Path) -> Array | None:
    """True PD of the out-of-time applicants; None unless it is known for all of them."""
    late = within(parts.rows, OUT_OF_TIME)
    true = oracle.true_pd(data, late["application_id"])
    return None if true is None or np.isnan(true).any() else true


TABLE = (
    "selection_log_loss",
    "oot_auc",
    "oot_auc_low",
    "oot_auc_high",
    "oot_first_time_auc",
    "oot_ks",
    "oot_log_loss",
    "calibration_slope",
    "psi_score",
)


def _table(evaluations: Mapping[str, Evaluation], decision: Decision) -> pl.DataFrame:
    """Main figures of each candidate, lowest log loss on the calibration folds first."""
    winner = decision.winner.candidate.name
    rows = [
        {
            "candidate": name,
            "alias": decision.alias if name == winner else "",
            **{key: evaluation.figures.get(key) for key in TABLE},
        }
        for name, evaluation in evaluations.items()
    ]
    return pl.DataFrame(rows).sort("selection_log_loss")
