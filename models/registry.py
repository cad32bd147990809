"""Find a trained model: a folder, or an address in MLflow's registry."""

from __future__ import annotations

from pathlib import Path

from features.errors import ContractError
from models.artefact import Model, load

NAME = "first-time-borrower"  # experiment and registered model alike
CHAMPION = "champion"
CHALLENGER = "challenger"
DEFAULT_ADDRESS = f"models:/{NAME}@{CHAMPION}"


def resolve(model: str | None = None) -> tuple[Model, str]:
    """Load the model that `model` names.

    Parameters
    ----------
    model : str, optional
        A folder, or an MLflow address (`models:/...`, `runs:/...`); the champion when empty.

    Returns
    -------
    model : Model
    label : str
        Such as "first-time-borrower v3 (trained on simulated firms)".

    Raises
    ------
    ContractError
        When nothing usable is there.
    """
    address = model or DEFAULT_ADDRESS
    if ":/" not in address:
        folder = Path(address)
        if not folder.is_dir():
            raise ContractError(
                f"{address}: no such folder. Give the folder of a trained model, or a registry "
                f"address such as {DEFAULT_ADDRESS}."
            )
        found = load(folder)
    else:
        from models.tracking import fetch  # noqa: PLC0415 (four seconds that a folder need not pay)

        found = fetch(address)
    return found, found.label
