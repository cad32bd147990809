"""Train the candidates, compare them in MLflow, register the champion.

`python -m models.train` is `firstloan train`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, TypedDict, Unpack

import numpy as np
import polars as pl

from features.errors import ContractError
from models import oracle, tracking
from models.candidates import chosen
from models.compare import Fitted, fit_all
from models.distributed import fit_on
from models.judge import against, judge
from models.log_runs import log_training
from models.material import Material, read_material, with_peers
from models.own_matrix import check_name, read_matrix
from models.promote import Decision, decide
from models.registry import NAME
from models.split import OUT_OF_TIME, TRAIN, Split, labelled_in, split, within
from models.together import processes

if TYPE_CHECKING:
    from pathlib import Path

    from features.cluster import Cluster
    from features.workers import Progress
    from models.artefact import Matrix
    from models.settings import TrainConfig

AFTER_FITTING = 2  # steps of the progress: judging, logging


@dataclass(frozen=True, eq=False)
class TrainResult:
    """What a training did.

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
        Rows read, dropped and used (`models.split.Split.counts`), features, and how many of them
        or of the labels were of no use.
    by_time : bool
        Whether the last slice lies out of time; else it was held out at random.
    own : bool
        Whether the features were a matrix of one's own.
    store : str
        MLflow's tracking store.
    experiment : str
    run_id : str
        The parent run.
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
    store: str
    experiment: str
    run_id: str


class Running(TypedDict, total=False):
    """How a training is carried out; the result is the same, unless a cluster fits.

    Attributes
    ----------
    workers : int
        Processes that share the work; 1 where it is not given.
    cluster : Cluster or None
        From `features.workers.connect`: builds the features where none are given.
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
    **running: Unpack[Running],
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
        See `Running`.

    Returns
    -------
    TrainResult

    Raises
    ------
    ContractError
        When the data do not allow a model, MLflow cannot be reached, or the cluster loses a worker
        that fits; nothing is registered.
    """
    for table in ("applications.csv", "outcomes.csv"):
        if not (data / table).is_file():  # before MLflow makes a store for nothing
            raise ContractError(
                f"{data / table}: no such file. A data folder to train on holds applications.csv, "
                "outcomes.csv and signals/."
            )
    tracking.check_free(NAME)  # an unreachable store is said now, not after the work
    material = read_material(
        data,
        features,
        exclude=config.exclude,
        workers=running.get("workers", 1),
        cluster=running.get("cluster"),
    )
    return train_on(material, config=config, name=NAME, truth=data, **running)


def train_matrix(
    *,
    features: Path,
    labels: Path,
    name: str,
    config: TrainConfig,
    **running: Unpack[Running],
) -> TrainResult:
    """Train on a feature matrix of one's own and register the champion under its own name.

    Such a model knows nothing of this product's features, and can never become the champion that
    `score` loads by default.

    Parameters
    ----------
    features, labels : Path
        As `models.own_matrix.read_matrix` describes them.
    name : str
        Registered model and experiment.
    config : TrainConfig
        Candidates that see the register only are passed over.
    **running
        See `Running`.

    Returns
    -------
    TrainResult

    Raises
    ------
    ContractError
        When name or files do not allow a model, or MLflow cannot be reached; nothing is registered.
    """
    check_name(name)
    material = read_matrix(features, labels, exclude=config.exclude)
    whole = tuple(one.name for one in chosen(config.candidates) if one.sources is None)
    config = config.model_copy(update={"candidates": whole})
    tracking.check_free(name)
    return train_on(material, config=config, name=name, **running)


def train_on(
    material: Material,
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
    """Train on material that has been read already.

    Parameters
    ----------
    material : Material
    config : TrainConfig
    name : str
        Registered model and experiment.
    truth : Path, optional
        Data folder whose truth, if it has one, is compared with the result.
    workers, cluster, distributed, resume, log_trials, progress
        See `Running`.

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

    parts = split(material.rows, config=config.split)
    material = with_peers(material, parts.rows["slice"].eq(TRAIN).fill_null(value=False))
    parts = parts.over(material.rows)
    spread = fit_on(cluster) if distributed and cluster is not None else None
    with processes(workers) as pool:
        fitted = fit_all(
            material,
            parts.rows,
            config=config,
            name=name,
            journal=tracking.home() / "tuning.log",
            resume=resume,
            step=step,
            pool=pool,
            spread=spread,
        )
        decision = decide(
            fitted,
            material,
            parts.rows,
            gates=config.gates,
            incumbent=tracking.incumbent(name),
        )
        counts = parts.counts | _features(material, parts.rows)
        # Every choice is made; from here on the out-of-time slice is read, once.
        true = None if truth is None else _truth(parts, truth)
        for one in fitted:
            judge(one, parts.rows, config=config, true=true)
        for one in fitted:
            against(one, fitted, parts.rows, config=config)
        step()
        logged = log_training(
            fitted,
            decision,
            material=material,
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
        figures=_table(fitted, decision),
        against=decision.winner.tables["auc_against_others"],
        counts=counts,
        by_time=bool(parts.starts),
        own=not material.fingerprint,
        store=tracking.store(),
        experiment=name,
        run_id=logged.run_id,
    )


def _features(material: Material, rows: pl.DataFrame) -> dict[str, int]:
    """How many features there are, and how many say nothing of those to train on."""
    train = labelled_in(rows, TRAIN)
    values = train.select(pl.col(n).fill_nan(None).drop_nulls().n_unique() for n in material.names)
    return {
        "features": len(material.names),
        "features_without_values": sum(count < 2 for count in values.row(0)),  # noqa: PLR2004
        "labels_without_features": material.labels_without_features,
    }


def _truth(parts: Split, data: Path) -> Matrix | None:
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


def _table(fitted: list[Fitted], decision: Decision) -> pl.DataFrame:
    rows = [
        {
            "candidate": one.candidate.name,
            "alias": decision.alias if one is decision.winner else "",
            **{key: one.figures.get(key) for key in TABLE},
        }
        for one in fitted
    ]
    return pl.DataFrame(rows).sort("selection_log_loss")


if __name__ == "__main__":
    from models.command import main

    main()
