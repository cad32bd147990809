"""Model registry: load from a folder or an MLflow address, register, set aliases."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from features.contract.errors import ContractError, FirstloanError
from models.estimators.model import CARD, Model, load
from models.tracking.mlflow_session import SQLITE, first_line, home, session, store

NAME = "first-time-borrower"  # experiment and registered model alike
OPEN_LOAN_NAME = "open-loan"  # the same of the behaviour model
CHAMPION = "champion"
CHALLENGER = "challenger"
DEFAULT_ADDRESS = f"models:/{NAME}@{CHAMPION}"
DESCRIPTIONS = {
    OPEN_LOAN_NAME: (
        "Probability that an open loan defaults within 6 months, by `firstloan train --behaviour`. "
        "`champion` is what `firstloan watch` loads. Each version says why it has its alias, and "
        "its source run holds the model card."
    )
}
"""Descriptions of registered models that are not of applications."""

MODEL_DESCRIPTION = (
    "12-month probability of default by `firstloan train`. `champion` passed all gates and is what "
    "`firstloan score` loads; `challenger` is the newest that did not take the title. Each version "
    "says why it has its alias, and its source run holds the model card."
)


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
        loaded = load(folder)
    else:
        loaded = fetch(address)
    return loaded, loaded.label


def check_free(name: str) -> None:
    """Refuse a name that another kind of model holds in the registry.

    Parameters
    ----------
    name : str
        Registered model.

    Raises
    ------
    ContractError
        When the store cannot be reached, or the newest version of `name` was not made here.
    """
    with session() as mlflow:
        versions = mlflow.MlflowClient().search_model_versions(f"name = '{name}'", max_results=1)
    if not versions:
        return
    try:
        fetch(f"models:/{name}/{versions[0].version}")
    except ContractError as error:
        raise ContractError(
            f"MLflow at {store()}: the registered model {name!r} is none of ours (its version "
            f"{versions[0].version} does not load). Rename or delete it there, or give another "
            "name or MLFLOW_TRACKING_URI."
        ) from error


def register(
    mlflow: Any,  # noqa: ANN401
    *,
    name: str,
    model: Any,  # noqa: ANN401
    run: str,
    alias: str,
    description: str,
    tags: dict[str, str],
) -> str:
    """Register a logged model and give it its alias, or leave the registry as it was.

    Parameters
    ----------
    mlflow : module
    name : str
        Registered model.
    model : mlflow.models.model.ModelInfo
        Logged model. A server wants its id beside its address.
    run : str
        Run that logged it.
    alias : str
    description : str
        What the registry's page says of this version.
    tags : dict of str to str

    Returns
    -------
    str
        The new version.
    """
    client = mlflow.MlflowClient()
    fresh = not client.search_registered_models(filter_string=f"name = '{name}'")
    if fresh:
        fresh = _create(mlflow, client, name)
    version = None
    try:
        made = client.create_model_version(
            name,
            model.model_uri,
            run_id=run,
            model_id=model.model_id,
            description=description,
            tags=tags,
        )
        version = str(made.version)
        client.set_registered_model_alias(name, alias, version)
    except BaseException:
        if version is not None:
            client.delete_model_version(name, version)
        if fresh:
            client.delete_registered_model(name)
        raise
    if alias == CHAMPION:
        _drop_alias(client, name, CHALLENGER, version)
    return version


def _create(mlflow: Any, client: Any, name: str) -> bool:  # noqa: ANN401
    """Make the registered model; false if another training has made it meanwhile."""
    try:
        client.create_registered_model(name, description=DESCRIPTIONS.get(name, MODEL_DESCRIPTION))
    except mlflow.exceptions.MlflowException:
        client.get_registered_model(name)  # raises if it is not there either
        return False
    return True


def _drop_alias(client: Any, name: str, alias: str, version: str) -> None:  # noqa: ANN401
    """Remove the challenger alias from a version that becomes champion."""
    aliases = client.get_registered_model(name).aliases
    if str(aliases.get(alias)) == version:
        client.delete_registered_model_alias(name, alias)


def fetch(address: str) -> Model:
    """Load a model from the registry or a run.

    Parameters
    ----------
    address : str
        Such as `models:/first-time-borrower@champion`.

    Returns
    -------
    Model

    Raises
    ------
    ContractError
        When it is not there, or is none of ours.
    """
    advice = "Train one first with `firstloan train`, or give a model folder with --model."
    if store().startswith(SQLITE) and not Path(store().removeprefix(SQLITE)).exists():
        # to look for it by MLflow would make an empty database
        raise ContractError(f"{address}: not found, there is no {store()} yet. {advice}")
    with session() as mlflow, tempfile.TemporaryDirectory() as scratch:
        try:
            folder = mlflow.artifacts.download_artifacts(address, dst_path=scratch)
            if not any(Path(folder).rglob(CARD)):
                raise ContractError(
                    f"{address}: {store()} knows it, but its files are not where they were "
                    f"written. Put {home()} back, or the folder that the model's page names, or "
                    "train again."
                )
            model = load(Path(folder))
            version = _version(mlflow, address)
        except (mlflow.exceptions.MlflowException, OSError) as error:
            waiting = _challenger(mlflow, address)
            raise ContractError(
                waiting or f"{address}: not found in {store()} ({first_line(error)}). {advice}"
            ) from error
    return replace(model, version=version or model.version)


def _challenger(mlflow: Any, address: str) -> str:  # noqa: ANN401
    """Hint about a waiting challenger; empty where there is none."""
    name, _, alias = address.removeprefix("models:/").partition("@")
    if alias != CHAMPION:
        return ""
    try:
        version = mlflow.MlflowClient().get_model_version_by_alias(name, CHALLENGER)
    except mlflow.exceptions.MlflowException:
        return ""
    why = version.tags.get("outcome", "its run says why").removeprefix(f"{CHALLENGER}: ")
    return (
        f"{address}: no version holds the title; version {version.version} waits as {CHALLENGER} "
        f"({why}). To use it all the same, give --model models:/{name}@{CHALLENGER}; to promote "
        f"it, give it the alias {CHAMPION} in MLflow, or train on more data."
    )


def incumbent(name: str) -> Model | None:
    """Present champion of a registered model; None if there is none that can be read."""
    with session() as mlflow:
        try:
            mlflow.MlflowClient().get_model_version_by_alias(name, CHAMPION)
        except mlflow.exceptions.MlflowException:
            return None
    try:
        return fetch(f"models:/{name}@{CHAMPION}")
    except FirstloanError:
        return None


def _version(mlflow: Any, address: str) -> str | None:  # noqa: ANN401
    """The registered version that an address means; None if it is no registry address."""
    name, _, wanted = address.removeprefix("models:/").partition("@")
    if not address.startswith("models:/") or (not wanted and "/" not in name):
        return None
    if wanted:
        return str(mlflow.MlflowClient().get_model_version_by_alias(name, wanted).version)
    return name.split("/")[1]
