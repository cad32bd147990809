"""Tune the trees with Optuna on time-ordered folds; the study is kept and can be resumed."""

from __future__ import annotations

import hashlib
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.estimators.lightgbm_fit import FoldDatasets, parameters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.data.training_data import Sample
    from models.settings import TrainConfig, TreesConfig

STARTUP_TRIALS = 6  # before the pruner and the sampler believe what they have seen


@dataclass(frozen=True)
class Trial:
    """Tuning trial: number, state, loss and settings."""

    number: int
    state: str
    loss: float | None
    settings: dict[str, Any]


@dataclass(frozen=True)
class Tuned:
    """Best settings and all trials of a tuning study."""

    trees: TreesConfig
    trials: tuple[Trial, ...]


def tune(
    sample: Sample,
    config: TrainConfig,
    *,
    journal: Path,
    study: str,
    trials: int,
    resume: bool = False,
    step: Callable[[], None],
) -> Tuned:
    """Search the settings of the trees for the least mean log loss over the time-ordered folds.

    Trials whose loss on the first folds is worse than the median's are cut short. The settings'
    own values are the first trial, so that tuning never ends worse than not tuning on these folds.

    Parameters
    ----------
    sample : Sample
    config : TrainConfig
    journal : Path
        Text file that keeps the studies.
    study : str
        Name of the study; data, constraints and seed are added to it, so that trials on other
        data never mix with these.
    trials : int
        In all, those of a resumed study included.
    resume : bool
        Go on with the kept study of the same data instead of starting again.
    step : callable
        Called after each trial.

    Returns
    -------
    Tuned
    """
    folds = FoldDatasets(sample, config.trees.max_bins)
    if not folds.pairs:
        return Tuned(trees=config.trees, trials=())
    import optuna  # noqa: PLC0415 (a second, and only where something is tuned)
    from optuna.storages import JournalStorage  # noqa: PLC0415
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    def objective(trial: optuna.Trial) -> float:
        params = parameters(sample, _suggest(trial, config.trees), seed=config.seed)
        losses: list[float] = []
        for k, (loss, _) in enumerate(
            folds.losses(params, rounds=config.trees.max_rounds, stop_after=config.trees.stop_after)
        ):
            losses.append(loss)
            trial.report(float(np.mean(losses)), k)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(losses))

    logging.getLogger("optuna").setLevel(logging.ERROR)
    journal.parent.mkdir(parents=True, exist_ok=True)
    name = f"{study}/{_digest(sample, config)}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = JournalStorage(JournalFileBackend(str(journal)))
        if not resume and name in {
            kept_study.study_name for kept_study in storage.get_all_studies()
        }:
            optuna.delete_study(study_name=name, storage=storage)
        kept = optuna.create_study(
            study_name=name,
            storage=storage,
            load_if_exists=True,
            direction="minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
        )
        if not kept.trials:
            kept.enqueue_trial(_start(config.trees))
        done = len([trial for trial in kept.trials if trial.state.is_finished()])
        # drawn with the same seed again, a study that goes on would try the same settings again
        kept.sampler = optuna.samplers.TPESampler(
            seed=config.seed + done, n_startup_trials=STARTUP_TRIALS
        )
        for _ in range(min(done, trials)):
            step()
        kept.optimize(objective, n_trials=max(trials - done, 0), callbacks=[lambda *_: step()])
    return Tuned(
        trees=config.trees.model_copy(update=kept.best_params),
        trials=tuple(
            Trial(number=t.number, state=t.state.name.lower(), loss=t.value, settings=t.params)
            for t in kept.trials
        ),
    )


def _suggest(trial: Any, start: TreesConfig) -> TreesConfig:  # noqa: ANN401 (optuna.Trial)
    """Draw one setting; the bounds are wide around what works on a few to many thousand rows."""
    drawn = {
        "max_depth": trial.suggest_int("max_depth", 2, 6),
        "num_leaves": trial.suggest_int("num_leaves", 4, 32),
        "min_rows_in_leaf": trial.suggest_int("min_rows_in_leaf", 10, 400, log=True),
        "row_share": trial.suggest_float("row_share", 0.5, 1.0),
        "feature_share": trial.suggest_float("feature_share", 0.1, 1.0),
        "l2": trial.suggest_float("l2", 0.1, 100.0, log=True),
    }
    return start.model_copy(update=drawn)


def _start(trees: TreesConfig) -> dict[str, Any]:
    names = ("max_depth", "num_leaves", "min_rows_in_leaf", "row_share", "feature_share", "l2")
    return {name: getattr(trees, name) for name in names}


def _digest(sample: Sample, config: TrainConfig) -> str:
    """Hash of what identifies a study: rows, constraints, seed and untuned settings."""
    digest = hashlib.sha256(np.ascontiguousarray(sample.X).tobytes())
    digest.update(sample.bad.tobytes())
    digest.update(repr((sample.names, sample.signs, config.seed, config.trees)).encode())
    return digest.hexdigest()[:16]
