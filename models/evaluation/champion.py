"""Choice of the champion: gates, log loss on the calibration folds, a paired test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.contract.errors import ContractError
from models.data.split import CALIBRATION, bad_of, labelled_in
from models.estimators.calibration import cross_calibrated
from models.evaluation.gates import GateResult, better, check_gates
from models.tracking.registry import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    import polars as pl

    from models.data.training_data import TrainingData
    from models.estimators.fitted import Fitted
    from models.estimators.model import Model
    from models.settings import Gates


_KEPT = (
    f"the two cannot be compared and both are kept. To promote this one, give it the alias "
    f"{CHAMPION} in MLflow"
)


@dataclass(frozen=True, eq=False)
class Decision:
    """Which candidate is registered, and as what.

    Attributes
    ----------
    winner : Fitted
        The candidate to register.
    alias : {"champion", "challenger"}
    why : str
        Why it got this alias, in words.
    verdicts : dict of str to str
        Outcome of each candidate and the reason.
    gates : dict of str to GateResult
        What the gates found, by candidate.
    """

    winner: Fitted
    alias: str
    why: str
    verdicts: dict[str, str]
    gates: dict[str, GateResult]


def choose_champion(
    candidates: list[Fitted],
    training_data: TrainingData,
    rows: pl.DataFrame,
    *,
    gates: Gates,
    incumbent: Model | None,
) -> Decision:
    """Choose among the candidates, by the training and calibration slices alone.

    Parameters
    ----------
    candidates : list of Fitted
    training_data : TrainingData
    rows : DataFrame
        The training data's rows with `slice` and `labelled`.
    gates : Gates
    incumbent : Model or None
        The champion so far.

    Returns
    -------
    Decision
    """
    ranked = sorted(candidates, key=lambda fitted: fitted.selection_log_loss)
    checked = {
        fitted.candidate.name: check_gates(fitted, training_data, rows, gates) for fitted in ranked
    }
    passed = [fitted for fitted in ranked if not checked[fitted.candidate.name].failures]
    winner = (passed or ranked)[0]
    if passed:
        alias, why = _alias(winner, rows, gates=gates, incumbent=incumbent, data=training_data)
    else:
        alias = CHALLENGER
        failures = "; ".join(checked[winner.candidate.name].failures)
        why = f"no candidate passed the gates: {failures}"
    verdicts = {winner.candidate.name: f"{alias}: {why}"}
    for fitted in ranked:
        name = fitted.candidate.name
        if fitted is winner:
            continue
        if failures := "; ".join(checked[name].failures):
            verdicts[name] = f"failed the gates: {failures}"
        else:
            verdicts[name] = (
                f"passed the gates; log loss {fitted.selection_log_loss:.5f} on the calibration "
                f"folds, {winner.candidate.name} has {winner.selection_log_loss:.5f}"
            )
    return Decision(winner=winner, alias=alias, why=why, verdicts=verdicts, gates=checked)


def _alias(
    winner: Fitted,
    rows: pl.DataFrame,
    *,
    gates: Gates,
    incumbent: Model | None,
    data: TrainingData,
) -> tuple[str, str]:
    """Alias of the winner and the reason, given the present champion."""
    if incumbent is None:
        return CHAMPION, "lowest log loss on the calibration folds; there was no champion before"
    if incumbent.trained_on == "real" and data.trained_on != "real":
        return CHALLENGER, "a model trained on simulated firms never replaces one of real firms"
    if incumbent.fingerprint != data.fingerprint:
        return CHALLENGER, f"the champion before was trained on another feature table; {_KEPT}"
    calibration = labelled_in(rows, CALIBRATION)
    try:
        margin = incumbent.margin(calibration)
    except ContractError:
        return CHALLENGER, f"the champion before needs features that are now left out; {_KEPT}"
    # on equal terms: the maps of both are fitted on the same folds, and judged on the others
    bad = bad_of(calibration)
    old = cross_calibrated(margin, bad, folds=winner.selection_folds)
    confidence = better(winner.selection_pd, old, bad)
    needed = gates.replacement.confidence
    why = f"better than the champion before with confidence {confidence:.3f}, needed: {needed}"
    return (CHAMPION if confidence >= needed else CHALLENGER), f"{why} (paired, log loss)"
