"""Candidate models, one row each.

A new candidate is three steps: a function that fits it (Sample and settings in, an `Estimator`
out), a row in `CANDIDATES`, its name under `candidates` in the settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.contract.errors import ContractError
from models.estimators.lightgbm_fit import fit_trees
from models.estimators.scorecard_fit import fit_scorecard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.data.training_data import Sample
    from models.estimators.model import Estimator
    from models.settings import TrainConfig

    Fit = Callable[[Sample, TrainConfig], Estimator]

REGISTER_ONLY = ("register", "loan")
"""Sources of a lender without alternative data: firms' attributes, amount, term and purpose; of an
open loan also its months and the credit bureau."""


@dataclass(frozen=True)
class Candidate:
    """Candidate model: name, sources and fit function.

    Attributes
    ----------
    name : str
        Used in settings, runs and files.
    title : str
        What a person reads.
    sources : tuple of str, or None
        Sources whose features it sees; None for all.
    fit : callable
    share_of_trials : float
        Of all tuning trials, those spent on it; 0 where there is nothing to tune.
    """

    name: str
    title: str
    sources: tuple[str, ...] | None
    fit: Fit
    share_of_trials: float = 0.0


CANDIDATES = {
    candidate.name: candidate
    for candidate in (
        Candidate("scorecard_register", "scorecard, register only", REGISTER_ONLY, fit_scorecard),
        Candidate("scorecard_all", "scorecard, all sources", None, fit_scorecard),
        Candidate("trees_register", "LightGBM, register only", REGISTER_ONLY, fit_trees, 0.25),
        Candidate("trees_all", "LightGBM, all sources", None, fit_trees, 0.75),
    )
}


def trials_of(candidates: Sequence[Candidate], trials: int) -> dict[str, int]:
    """Number of tuning trials of each candidate."""
    weight = sum(candidate.share_of_trials for candidate in candidates) or 1.0
    given: dict[str, int] = {}
    passed = 0.0
    for candidate in candidates:
        before, passed = passed, passed + candidate.share_of_trials / weight
        given[candidate.name] = round(passed * trials) - round(before * trials)
    return given


def chosen(names: Sequence[str]) -> list[Candidate]:
    """Candidates by name.

    Raises
    ------
    ContractError
        When a name is unknown or none is given.
    """
    unknown = [name for name in names if name not in CANDIDATES]
    if unknown or not names:
        raise ContractError(
            f"settings.candidates: expected some of {', '.join(CANDIDATES)}, "
            f"got {', '.join(unknown) or 'none'}."
        )
    return [CANDIDATES[name] for name in names]
