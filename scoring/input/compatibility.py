"""Compatibility of a model with the installed feature table."""

from features.contract.errors import ContractError
from models.data.target import APPLICATION, TARGETS
from models.estimators.model import Model

_COMMANDS = {"application": ("train", "score"), "open_loan": ("train --behaviour", "watch")}
"""Of each target the command that trains a model, and the one that uses it."""


def check_fit(model: Model, *, kind: str = APPLICATION.kind) -> None:
    """Refuse a model that was trained on other features, or for another target.

    Parameters
    ----------
    model : Model
    kind : {"application", "open_loan"}
        Kind of the target.

    Raises
    ------
    ContractError
        Saying what differs and what to do.
    """
    target = TARGETS[kind]
    train = _COMMANDS[kind][0]
    if model.fingerprint and model.target != target:
        raise ContractError(
            f"{model.label}: it predicts default of {model.target.rows}, and this command needs a "
            f"model of {target.rows}. Use it with `firstloan {_COMMANDS[model.target.kind][1]}`, "
            f"or train one for this with `firstloan {train}`."
        )
    if model.fingerprint == target.fingerprint:
        return
    known = {feature.name for feature in target.features}
    wanted = set(model.feature_names)
    gone = sorted(wanted - known)
    if not model.fingerprint:
        what = "it was trained on a matrix of your own, whose features cannot be built from signals"
    elif gone:
        what = f"{len(gone)} of its {len(wanted)} features no longer exist, first {gone[0]}"
    elif new := sorted(known - wanted):
        what = f"{len(new)} features came after it, first {new[0]}"
    else:
        what = "features of the same names have other windows or formulas now"
    raise ContractError(
        f"{model.label}: does not fit this installation: {what} (fingerprint "
        f"{model.fingerprint[:12] or 'none'}, here {target.fingerprint[:12]}). "
        f"Train again with `firstloan {train}`, or install the version it was trained with."
    )
