"""Fit and calibrate every candidate on the training and calibration slices."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from features.contract.errors import ContractError
from models.data.source_dropout import with_source_dropout
from models.data.split import CALIBRATION, TRAIN, bad_of, labelled_in
from models.estimators.calibration import cross_calibrated, fit_calibration
from models.estimators.candidates import Candidate, chosen, trials_of
from models.estimators.fitted import Fitted
from models.estimators.lightgbm_dask import CANDIDATE
from models.estimators.model import Model
from models.estimators.tuning import Trial, tune
from models.evaluation import development_sample
from models.evaluation.metrics import firms_of
from models.evaluation.performance import figures
from models.evaluation.rate_variation import RateRandomEffects, fit_rate_random_effects

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from pathlib import Path

    from features.arrays import Array
    from models.data.training_data import Sample, TrainingData
    from models.estimators.lightgbm_trees import Trees
    from models.estimators.model import Estimator
    from models.settings import TrainConfig

FOLDS = 5
SOURCE_COUNT = "sources_covered"  # the feature that counts them


def fit_all(
    training_data: TrainingData,
    rows: pl.DataFrame,
    *,
    config: TrainConfig,
    name: str,
    journal: Path,
    resume: bool,
    step: Callable[[], None],
    pool: Executor,
    fit_override: Callable[[Sample, TrainConfig], Trees] | None = None,
) -> list[Fitted]:
    """Fit and calibrate the chosen candidates; the out-of-time slice is not touched.

    Parameters
    ----------
    training_data : TrainingData
    rows : DataFrame
        The material's rows with `slice` and `labelled`.
    config : TrainConfig
    name : str
        Registered name of the model.
    journal : Path
        Text file that keeps the tuning studies.
    resume : bool
        Go on with the tuning studies that were kept.
    step : callable
        Called after each tuning trial and each candidate.
    pool : Executor
        Fits all candidates but the one with most trials, which is fitted here meanwhile.
    fit_override : callable, optional
        Fits the candidate `models.estimators.lightgbm_dask.CANDIDATE`, from here, instead of its
        own function.

    Returns
    -------
    list of Fitted

    Raises
    ------
    ContractError
        When a candidate is unknown or finds no feature of two values, or `fit_override` has none to
        fit.
    """
    rows = rows.filter(pl.col("slice").is_in([TRAIN, CALIBRATION]))
    candidates = chosen(config.candidates)
    trials = trials_of(candidates, config.trials)
    job = _Job(
        # the rows come beside it, so that no process is sent them twice
        training_data=replace(training_data, rows=training_data.rows.clear()),
        rows=rows,
        config=config,
        name=name,
        journal=journal,
        resume=resume,
        random_effects=_random_effects(training_data, rows),
    )
    if fit_override is not None and CANDIDATE not in trials:
        raise ContractError(
            f"--distributed: expected {CANDIDATE} among settings.candidates, got "
            f"{', '.join(trials)}. Only that candidate is fitted on the cluster."
        )
    longest = max(
        candidates,
        key=lambda candidate: (
            fit_override is not None and candidate.name == CANDIDATE,
            trials[candidate.name],
        ),
    )
    others = {
        candidate.name: pool.submit(job.fit, candidate, trials[candidate.name])
        for candidate in candidates
        if candidate is not longest
    }
    for other, future in others.items():
        future.add_done_callback(partial(_steps, step, trials[other] + 1))
    fitted = {longest.name: job.fit(longest, trials[longest.name], step, fit_override)}
    step()
    fitted |= {other: future.result() for other, future in others.items()}
    return [fitted[candidate.name] for candidate in candidates]


def _steps(step: Callable[[], None], times: int, _: object) -> None:
    for _ in range(times):
        step()


@dataclass(frozen=True, eq=False)
class _Job:
    """Picklable inputs of the fit of a candidate, for worker processes."""

    training_data: TrainingData
    rows: pl.DataFrame
    config: TrainConfig
    name: str
    journal: Path
    resume: bool
    random_effects: RateRandomEffects

    def fit(
        self,
        candidate: Candidate,
        trials: int,
        step: Callable[[], None] = lambda: None,
        fit_override: Callable[[Sample, TrainConfig], Trees] | None = None,
    ) -> Fitted:
        """Tune, fit and calibrate one candidate."""
        names = _features_of(candidate, self.training_data)
        train = _training_sample(candidate, self.training_data, self.rows, names)
        config, tried = self.config, tuple[Trial, ...]()
        if trials:
            tuned = tune(
                train,
                config,
                journal=self.journal,
                study=f"{self.name}/{candidate.name}",
                trials=trials,
                resume=self.resume,
                step=step,
            )
            config, tried = config.model_copy(update={"trees": tuned.trees}), tuned.trials
        if candidate.sources is None:
            augmented = with_source_dropout(self.rows, config.source_dropout, seed=config.seed)
            train = _training_sample(candidate, self.training_data, augmented, train.names)
        fitted = _fit(
            candidate,
            self.training_data,
            self.rows,
            estimator=(fit_override or candidate.fit)(train, config),
            train=train,
            config=config,
            name=self.name,
            random_effects=self.random_effects,
        )
        return replace(fitted, trials=tried)


def _features_of(candidate: Candidate, training_data: TrainingData) -> tuple[str, ...]:
    return tuple(
        feature
        for feature in training_data.names
        if candidate.sources is None or training_data.sources[feature] in candidate.sources
    )


def _training_sample(
    candidate: Candidate, training_data: TrainingData, rows: pl.DataFrame, names: tuple[str, ...]
) -> Sample:
    train = training_data.sample(labelled_in(rows, TRAIN), names)
    if not train.usable():
        raise ContractError(
            f"features: none of the {len(names)} that candidate {candidate.name} uses has two "
            "different values in the training slice. Check the features, or leave the candidate "
            "out (settings.candidates)."
        )
    return train


def _fit(
    candidate: Candidate,
    training_data: TrainingData,
    rows: pl.DataFrame,
    *,
    estimator: Estimator,
    train: Sample,
    config: TrainConfig,
    name: str,
    random_effects: RateRandomEffects,
) -> Fitted:
    names, period = train.names, pl.col("slice").eq(TRAIN)
    later = rows.filter(~period)
    margin = estimator.margin(training_data.numbers(later, names))
    labelled = later["labelled"].to_numpy()
    bad = bad_of(later.filter("labelled"))
    folds = _folds(bad, later.filter("labelled")["firm_id"], seed=config.seed)
    crossed = cross_calibrated(margin[labelled], bad, folds=folds)
    calibration = fit_calibration(margin[labelled], bad)
    everyone = calibration.pd(margin)
    development = development_sample.pd_bins(everyone)
    seen = everyone.copy()
    seen[labelled] = crossed
    cells = development_sample.reliability(
        seen,
        bad,
        labelled=labelled,
        sources=_covered_sources(later),
        edges=development["pd_edges"],
    )
    model = Model(
        name=name,
        version="unregistered",
        candidate=candidate.name,
        feature_names=names,
        fingerprint=training_data.fingerprint,
        trained_on=training_data.trained_on,
        estimator=estimator,
        calibration=calibration,
        typical=development_sample.typical_values(rows.filter(period), names),
        development={
            **development,
            "features": development_sample.feature_bins(rows.filter(period), names),
            "reliability": cells,
            "random_effects": random_effects.to_json(),
        },
        reference=training_data.reference,
        target=training_data.target,
        season=training_data.season,
        policy=config.policy,
        columns={
            name: training_data.columns[name] for name in names if name in training_data.columns
        },
        levels={name: training_data.levels[name] for name in names if name in training_data.levels},
    )
    firms = firms_of(later.filter("labelled")["firm_id"])
    figures_of = figures(crossed, bad, prefix="selection_", firms=firms)
    return Fitted(
        candidate=candidate,
        model=model,
        config=config,
        figures=figures_of,
        selection_pd=crossed,
        selection_folds=folds,
    )


def _random_effects(training_data: TrainingData, rows: pl.DataFrame) -> RateRandomEffects:
    """Random effects of default rates on the training side, for PD intervals."""
    known = labelled_in(rows, TRAIN)
    quarter = known["as_of"].dt.year().cast(pl.Int64) * 4 + known["as_of"].dt.quarter()
    return fit_rate_random_effects(
        training_data.numbers(known, training_data.names),
        bad_of(known),
        quarter=quarter.fill_null(0).to_numpy(),
        sources=_covered_sources(known),
    )


def _covered_sources(rows: pl.DataFrame) -> Array:
    """Number of covered sources of each row; 0 where the features do not say."""
    if SOURCE_COUNT not in rows.columns:
        return np.zeros(rows.height, dtype=np.int64)
    return rows[SOURCE_COUNT].fill_nan(None).fill_null(0.0).cast(pl.Int64).to_numpy()


def _folds(bad: Array, firms: pl.Series, *, seed: int) -> Array:
    """Stratified fold of each row; a firm with several rows stays in one."""
    # a second, only to train
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # noqa: PLC0415

    folds = np.empty(len(bad), dtype=np.int64)
    several = firms.n_unique() < len(firms)
    kind = StratifiedGroupKFold if several else StratifiedKFold
    groups = firms.to_numpy() if several else None
    split = kind(FOLDS, shuffle=True, random_state=seed).split(bad, bad, groups)
    with warnings.catch_warnings():
        # fewer bads than folds: the gates refuse the model, for a reason that they state
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for fold, (_, held) in enumerate(split):
            folds[held] = fold
    return folds
