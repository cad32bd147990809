"""Fit and calibrate every candidate on the training and calibration slices."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from features.errors import ContractError
from models import develop
from models.artefact import Model
from models.calibration import cross_calibrated, fit_calibration
from models.candidates import Candidate, chosen, trials_of
from models.distributed import CANDIDATE
from models.evaluate import figures
from models.split import CALIBRATION, TRAIN, bad_of, labelled_in
from models.thinning import with_thin_copies
from models.tune import Trial, tune
from models.wander import Wander, measure_wander

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from pathlib import Path

    from models.artefact import Estimator, Matrix
    from models.material import Material
    from models.sample import Sample
    from models.settings import TrainConfig
    from models.trees import Trees

FOLDS = 5
SOURCE_COUNT = "sources_covered"  # the feature that counts them


@dataclass(frozen=True, eq=False)
class Fitted:
    """A candidate after fitting.

    Attributes
    ----------
    candidate : Candidate
    model : Model
    config : TrainConfig
        With the settings that tuning found.
    trials : tuple of Trial
        What tuning tried.
    figures : dict of str to float
        All metrics of its run.
    selection_pd : ndarray of shape (n_calibration,)
        Cross-fitted PDs of the labelled rows of the calibration slice.
    tables : dict of str to DataFrame
        By segment, by month, by grade, ... (`models.judge`).
    tests : dict
        The validator's tests.
    """

    candidate: Candidate
    model: Model
    config: TrainConfig
    trials: tuple[Trial, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    selection_pd: Matrix = field(default_factory=lambda: np.empty(0))
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    tests: dict[str, Any] = field(default_factory=dict)

    @property
    def selection_log_loss(self) -> float:
        """Log loss of `selection_pd`: what the champion is chosen by."""
        return self.figures["selection_log_loss"]


def fit_all(
    material: Material,
    rows: pl.DataFrame,
    *,
    config: TrainConfig,
    name: str,
    journal: Path,
    resume: bool,
    step: Callable[[], None],
    pool: Executor,
    spread: Callable[[Sample, TrainConfig], Trees] | None = None,
) -> list[Fitted]:
    """Fit and calibrate the chosen candidates; the out-of-time slice is not touched.

    Parameters
    ----------
    material : Material
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
    spread : callable, optional
        Fits the candidate `models.distributed.CANDIDATE`, from here, instead of its own function.

    Returns
    -------
    list of Fitted

    Raises
    ------
    ContractError
        When a candidate is unknown or finds no feature of two values, or `spread` has none to fit.
    """
    rows = rows.filter(pl.col("slice").is_in([TRAIN, CALIBRATION]))
    candidates = chosen(config.candidates)
    trials = trials_of(candidates, config.trials)
    job = _Job(
        # the rows come beside it, so that no process is sent them twice
        material=replace(material, rows=material.rows.clear()),
        rows=rows,
        config=config,
        name=name,
        journal=journal,
        resume=resume,
        wander=_wander(material, rows),
    )
    if spread is not None and CANDIDATE not in trials:
        raise ContractError(
            f"--distributed: expected {CANDIDATE} among settings.candidates, got "
            f"{', '.join(trials)}. Only that candidate is fitted on the cluster."
        )
    longest = max(
        candidates,
        key=lambda one: (spread is not None and one.name == CANDIDATE, trials[one.name]),
    )
    others = {
        candidate.name: pool.submit(job.fit, candidate, trials[candidate.name])
        for candidate in candidates
        if candidate is not longest
    }
    for other, future in others.items():
        future.add_done_callback(partial(_steps, step, trials[other] + 1))
    fitted = {longest.name: job.fit(longest, trials[longest.name], step, spread)}
    step()
    fitted |= {other: future.result() for other, future in others.items()}
    return [fitted[candidate.name] for candidate in candidates]


def _steps(step: Callable[[], None], times: int, _: object) -> None:
    for _ in range(times):
        step()


@dataclass(frozen=True, eq=False)
class _Job:
    """What the fit of any candidate needs; can be sent to another process."""

    material: Material
    rows: pl.DataFrame
    config: TrainConfig
    name: str
    journal: Path
    resume: bool
    wander: Wander

    def fit(
        self,
        candidate: Candidate,
        trials: int,
        step: Callable[[], None] = lambda: None,
        spread: Callable[[Sample, TrainConfig], Trees] | None = None,
    ) -> Fitted:
        """Tune, fit and calibrate one candidate."""
        names = _features_of(candidate, self.material)
        train = _training_sample(candidate, self.material, self.rows, names)
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
            thinned = with_thin_copies(self.rows, config.thinning, seed=config.seed)
            train = _training_sample(candidate, self.material, thinned, train.names)
        fitted = _fit(
            candidate,
            self.material,
            self.rows,
            estimator=(spread or candidate.fit)(train, config),
            train=train,
            config=config,
            name=self.name,
            wander=self.wander,
        )
        return replace(fitted, trials=tried)


def _features_of(candidate: Candidate, material: Material) -> tuple[str, ...]:
    return tuple(
        feature
        for feature in material.names
        if candidate.sources is None or material.sources[feature] in candidate.sources
    )


def _training_sample(
    candidate: Candidate, material: Material, rows: pl.DataFrame, names: tuple[str, ...]
) -> Sample:
    train = material.sample(labelled_in(rows, TRAIN), names)
    if not train.usable():
        raise ContractError(
            f"features: none of the {len(names)} that candidate {candidate.name} uses has two "
            "different values in the training slice. Check the features, or leave the candidate "
            "out (settings.candidates)."
        )
    return train


def _fit(
    candidate: Candidate,
    material: Material,
    rows: pl.DataFrame,
    *,
    estimator: Estimator,
    train: Sample,
    config: TrainConfig,
    name: str,
    wander: Wander,
) -> Fitted:
    names, period = train.names, pl.col("slice").eq(TRAIN)
    later = rows.filter(~period)
    margin = estimator.margin(material.numbers(later, names))
    labelled = later["labelled"].to_numpy()
    bad = bad_of(later.filter("labelled"))
    folds = _folds(bad, seed=config.seed)
    crossed = cross_calibrated(margin[labelled], bad, folds=folds)
    calibration = fit_calibration(margin[labelled], bad)
    everyone = calibration.pd(margin)
    development = develop.pd_bins(everyone)
    seen = everyone.copy()
    seen[labelled] = crossed
    cells = develop.reliability(
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
        fingerprint=material.fingerprint,
        trained_on=material.trained_on,
        estimator=estimator,
        calibration=calibration,
        typical=develop.typical_values(rows.filter(period), names),
        development={
            **development,
            "features": develop.feature_bins(rows.filter(period), names),
            "reliability": cells,
            "wander": wander.to_json(),
        },
        reference=material.reference,
    )
    own = figures(crossed, bad, prefix="selection_")
    return Fitted(
        candidate=candidate,
        model=model,
        config=config,
        figures=own,
        selection_pd=crossed,
    )


def _wander(material: Material, rows: pl.DataFrame) -> Wander:
    """How far default rates wander on the training side, for the intervals of all candidates."""
    known = labelled_in(rows, TRAIN)
    quarter = known["as_of"].dt.year().cast(pl.Int64) * 4 + known["as_of"].dt.quarter()
    return measure_wander(
        material.numbers(known, material.names),
        bad_of(known),
        quarter=quarter.fill_null(0).to_numpy(),
        sources=_covered_sources(known),
    )


def _covered_sources(rows: pl.DataFrame) -> Matrix:
    """Number of covered sources of each row; 0 where the features do not say."""
    if SOURCE_COUNT not in rows.columns:
        return np.zeros(rows.height, dtype=np.int64)
    return rows[SOURCE_COUNT].fill_nan(None).fill_null(0.0).cast(pl.Int64).to_numpy()


def _folds(bad: Matrix, *, seed: int) -> Matrix:
    """Fold of each row, bads spread evenly, so that no fold is without them."""
    rng = np.random.Generator(np.random.SFC64(seed))
    folds = np.empty(len(bad), dtype=np.int64)
    for label in (0, 1):
        inside = np.flatnonzero(bad == label)
        folds[rng.permutation(inside)] = np.arange(len(inside)) % FOLDS
    return folds
