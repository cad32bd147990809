"""A candidate after its fit: the model, its settings, and its figures on the calibration slice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from features.arrays import Array
    from models.estimators.candidates import Candidate
    from models.estimators.model import Model
    from models.estimators.tuning import Trial
    from models.settings import TrainConfig


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
        By segment, by month, by grade, ... (`models.evaluation.out_of_time`).
    tests : dict
        The validator's tests.
    """

    candidate: Candidate
    model: Model
    config: TrainConfig
    trials: tuple[Trial, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    selection_pd: Array = field(default_factory=lambda: np.empty(0))
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    tests: dict[str, Any] = field(default_factory=dict)

    @property
    def selection_log_loss(self) -> float:
        """Log loss of `selection_pd`: what the champion is chosen by."""
        return self.figures["selection_log_loss"]
