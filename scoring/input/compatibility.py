"""Compatibility of a model with the installed feature table."""

from features.contract.errors import ContractError
from features.table.catalogue import feature_names, fingerprint
from models.estimators.model import Model


def check_fit(model: Model) -> None:
    """Refuse a model that was trained on other features.

    Raises
    ------
    ContractError
        Saying what differs and what to do.
    """
    if model.fingerprint == fingerprint():
        return
    known, wanted = set(feature_names()), set(model.feature_names)
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
        f"{model.fingerprint[:12] or 'none'}, here {fingerprint()[:12]}). "
        "Train again with `firstloan train`, or install the version it was trained with."
    )
