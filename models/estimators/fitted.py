"""A candidate after its fit: the model, its settings, and its figures on the calibration slice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.arrays import Array
    from models.estimators.candidates import Candidate
    from models.estimators.model import Model
    from models.estimators.tuning import Trial
    from models.settings import TrainConfig


@dataclass(frozen=True, eq=False)
class Fitted:
    """A candidate after fitting and calibration.

    Attributes
    ----------
    candidate : Candidate
    model : Model
    config : TrainConfig
        With the settings that tuning found.
    figures : mapping of str to float
        Metrics of the calibration slice, by cross-fitted PDs; names begin with "selection_".
    selection_pd : ndarray of shape (n_calibration,)
        Cross-fitted PDs of the labelled rows of the calibration slice.
    selection_folds : ndarray of shape (n_calibration,)
        Fold of each of these rows, the same for every candidate.
    trials : tuple of Trial
        Settings that tuning tried.
    """

    candidate: Candidate
    model: Model
    config: TrainConfig
    figures: Mapping[str, float] = field(repr=False)
    selection_pd: Array = field(repr=False)
    selection_folds: Array = field(repr=False)
    trials: tuple[Trial, ...] = ()

    @property
    def selection_log_loss(self) -> float:
        """Log loss of `selection_pd`, by which the champion is chosen."""
        return self.figures["selection_log_loss"]
