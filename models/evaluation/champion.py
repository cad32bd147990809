"""Who becomes champion: gates, log loss on calibration folds, a paired test with the old one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.contract.errors import ContractError
from models.data.split import CALIBRATION, bad_of, labelled_in
from models.evaluation.gates import better, failures
from models.tracking.registry import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    import polars as pl

    from models.data.training_data import TrainingData
    from models.estimators.fitted import Fitted
    from models.estimators.model import Model
    from models.settings import Gates


@dataclass(frozen=True, eq=False)
class Decision:
    """The outcome of a comparison.

    Attributes
    ----------
    winner : Fitted
        The candidate to register.
    alias : {"champion", "challenger"}
    why : str
        Why it got this alias, in words.
    verdicts : dict of str to str
        For each candidate, what became of it and why.
    """

    winner: Fitted
    alias: str
    why: str
    verdicts: dict[str, str]


def decide(
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
        The material's rows with `slice` and `labelled`.
    gates : Gates
    incumbent : Model or None
        The champion so far.

    Returns
    -------
    Decision
    """
    ranked = sorted(candidates, key=lambda fitted: fitted.selection_log_loss)
    problems = {
        fitted.candidate.name: failures(fitted, training_data, rows, gates) for fitted in ranked
    }
    passed = [fitted for fitted in ranked if not problems[fitted.candidate.name]]
    winner = (passed or ranked)[0]
    if passed:
        alias, why = _against(
            winner, rows, gates=gates, incumbent=incumbent, training_data=training_data
        )
    else:
        alias, why = (
            CHALLENGER,
            "no candidate passed the gates: " + "; ".join(problems[winner.candidate.name]),
        )
    verdicts = {}
    for fitted in ranked:
        name = fitted.candidate.name
        if fitted is winner:
            verdicts[name] = f"{alias}: {why}"
        elif problems[name]:
            verdicts[name] = "failed the gates: " + "; ".join(problems[name])
        else:
            verdicts[name] = (
                f"passed the gates; log loss {fitted.selection_log_loss:.5f} on the calibration "
                f"folds, {winner.candidate.name} has {winner.selection_log_loss:.5f}"
            )
    return Decision(winner=winner, alias=alias, why=why, verdicts=verdicts)


def _against(
    winner: Fitted,
    rows: pl.DataFrame,
    *,
    gates: Gates,
    incumbent: Model | None,
    training_data: TrainingData,
) -> tuple[str, str]:
    """Alias of the winner, given who holds the title."""
    if incumbent is None:
        return CHAMPION, "least log loss on the calibration folds; there was none before"
    if incumbent.trained_on == "real" and training_data.trained_on != "real":
        return CHALLENGER, "a model that learnt on simulated firms replaces none of real ones"
    if incumbent.fingerprint != training_data.fingerprint:
        return CHAMPION, "the champion before was made for another feature table"
    slice_ = labelled_in(rows, CALIBRATION)
    try:
        old = incumbent.pd(incumbent.margin(slice_))
    except ContractError:
        return CHAMPION, "the champion before needs features that are left out now"
    bad = bad_of(slice_)
    confidence = better(winner.selection_pd, old, bad)
    wanted = gates.replacement.confidence
    said = f"better than the champion before with confidence {confidence:.3f}, asked are {wanted}"
    return (CHAMPION if confidence >= wanted else CHALLENGER), f"{said} (paired, log loss)"
