"""Who becomes champion: gates, log loss on calibration folds, a paired test with the old one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.errors import ContractError
from models.gates import Gates, better, failures
from models.registry import CHALLENGER, CHAMPION
from models.split import CALIBRATION, bad_of, labelled_in

if TYPE_CHECKING:
    import polars as pl

    from models.artefact import Model
    from models.compare import Fitted
    from models.material import Material


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
    fitted: list[Fitted],
    material: Material,
    rows: pl.DataFrame,
    *,
    gates: Gates,
    incumbent: Model | None,
) -> Decision:
    """Choose among the candidates, by the training and calibration slices alone.

    Parameters
    ----------
    fitted : list of Fitted
    material : Material
    rows : DataFrame
        The material's rows with `slice` and `labelled`.
    gates : Gates
    incumbent : Model or None
        The champion so far.

    Returns
    -------
    Decision
    """
    ranked = sorted(fitted, key=lambda one: one.selection_log_loss)
    problems = {one.candidate.name: failures(one, material, rows, gates) for one in ranked}
    passed = [one for one in ranked if not problems[one.candidate.name]]
    winner = (passed or ranked)[0]
    if passed:
        alias, why = _against(winner, rows, gates=gates, incumbent=incumbent, material=material)
    else:
        alias, why = (
            CHALLENGER,
            "no candidate passed the gates: " + "; ".join(problems[winner.candidate.name]),
        )
    verdicts = {}
    for one in ranked:
        name = one.candidate.name
        if one is winner:
            verdicts[name] = f"{alias}: {why}"
        elif problems[name]:
            verdicts[name] = "failed the gates: " + "; ".join(problems[name])
        else:
            verdicts[name] = (
                f"passed the gates; log loss {one.selection_log_loss:.5f} on the calibration "
                f"folds, {winner.candidate.name} has {winner.selection_log_loss:.5f}"
            )
    return Decision(winner=winner, alias=alias, why=why, verdicts=verdicts)


def _against(
    winner: Fitted,
    rows: pl.DataFrame,
    *,
    gates: Gates,
    incumbent: Model | None,
    material: Material,
) -> tuple[str, str]:
    """Alias of the winner, given who holds the title."""
    if incumbent is None:
        return CHAMPION, "least log loss on the calibration folds; there was none before"
    if incumbent.trained_on == "real" and material.trained_on != "real":
        return CHALLENGER, "a model that learnt on simulated firms replaces none of real ones"
    if incumbent.fingerprint != material.fingerprint:
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
