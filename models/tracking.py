"""Everything that is said to MLflow: where it lives, the runs, the registry; and its silence.

Without MLFLOW_TRACKING_URI the store is `mlflow.db` with `mlartifacts/` in the working folder.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import ContractError
from models.artefact import Model, load
from models.registry import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_STORE = "sqlite:///mlflow.db"
SQLITE = "sqlite:///"
EXPERIMENT_TAGS = {
    # without it the UI takes the experiment for one of language models, and hides the runs
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": (
        "One run for each training, the candidates nested beneath it (tick *Expand rows*). Select "
        "candidates and press *Compare*; a candidate's `model_card.md`, `figures/` and "
        "`validation/` are among its artifacts."
    ),
}
MODEL_DESCRIPTION = (
    "12-month probability of default by `firstloan train`. `champion` passed all gates and is what "
    "`firstloan score` loads; `challenger` is the newest that did not take the title. Each version "
    "says why it has its alias, and its source run holds the model card."
)
LONGEST = 160  # characters of a driver's own words in a message
LOGGERS = ("mlflow", "alembic", "sqlalchemy", "urllib3")
SET_BY_MLFLOW = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")  # set_tracking_uri exports itself
QUIET = {  # MLflow reads these when it is imported or when it asks the server
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
}


def store() -> str:
    """Address of the tracking store and registry."""
    return os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE


def home() -> Path:
    """Local folder of artefacts: `mlartifacts` beside a local database, else where we are."""
    if store().startswith(SQLITE):
        return Path(store().removeprefix(SQLITE)).resolve().parent / "mlartifacts"
    return Path("mlartifacts").resolve()


@contextlib.contextmanager
def session() -> Iterator[Any]:
    """The mlflow module, pointed at the store and silent; its settings are put back afterwards.

    Raises
    ------
    ContractError
        When the store cannot be reached; nothing has been written then.
    """
    address = store()
    with _silence():
        import mlflow  # noqa: PLC0415 (four seconds)
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        for name in LOGGERS:  # once more: the import has set levels of its own
            logging.getLogger(name).setLevel(logging.ERROR)
        mlflow.set_tracking_uri(address)
        mlflow.set_registry_uri(address)
        try:
            try:
                mlflow.MlflowClient().search_experiments(max_results=1)
            except Exception as error:  # whatever the store's driver raises
                raise ContractError(
                    f"MLflow: no answer from {address} ({_first_line(error)}). Start the server, "
                    f"or unset MLFLOW_TRACKING_URI to use {DEFAULT_STORE} in this folder."
                ) from error
            yield mlflow
        except MlflowException as error:
            raise ContractError(f"MLflow at {address}: {_first_line(error)}") from error
        finally:
            # Forget ours. What was there before stands in the environment, where MLflow exports it
            # and from where it reads it again.
            mlflow.set_tracking_uri(None)
            mlflow.set_registry_uri(None)


def open_experiment(mlflow: Any, name: str) -> str:  # noqa: ANN401 (the module)
    """Id of the experiment, made on first use with its artefacts beside a local database.

    Raises
    ------
    ContractError
        When an experiment of this name was deleted.
    """
    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage != "active":
            raise ContractError(
                f"MLflow at {store()}: experiment {name!r} is deleted. Restore it with "
                f"`mlflow experiments restore --experiment-id {found.experiment_id}`."
            )
        return str(found.experiment_id)
    place = home().as_uri() if store().startswith(SQLITE) else None
    return str(client.create_experiment(name, artifact_location=place, tags=EXPERIMENT_TAGS))


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
        found = mlflow.MlflowClient().search_model_versions(f"name = '{name}'", max_results=1)
    if not found:
        return
    try:
        fetch(f"models:/{name}/{found[0].version}")
    except ContractError as error:
        raise ContractError(
            f"MLflow at {store()}: the registered model {name!r} is none of ours (its version "
            f"{found[0].version} does not load). Rename or delete it there, or give another name "
            "or MLFLOW_TRACKING_URI."
        ) from error


def register(
    mlflow: Any,  # noqa: ANN401
    *,
    name: str,
    address: str,
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
    address : str
        `model_uri` of the logged model.
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
        client.create_registered_model(name, description=MODEL_DESCRIPTION)
    version = None
    try:
        made = client.create_model_version(
            name, address, run_id=run, description=description, tags=tags
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


def _drop_alias(client: Any, name: str, alias: str, version: str) -> None:  # noqa: ANN401
    """A champion is not its own challenger."""
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
            found = load(Path(folder))
            version = _version(mlflow, address)
        except (mlflow.exceptions.MlflowException, OSError) as error:
            waiting = _challenger(mlflow, address)
            raise ContractError(
                waiting or f"{address}: not found in {store()} ({_first_line(error)}). {advice}"
            ) from error
    return replace(found, version=version or found.version)


def _challenger(mlflow: Any, address: str) -> str:  # noqa: ANN401
    """What to say where a title is vacant but a challenger waits; empty where none does."""
    name, _, alias = address.removeprefix("models:/").partition("@")
    if alias != CHAMPION:
        return ""
    try:
        found = mlflow.MlflowClient().get_model_version_by_alias(name, CHALLENGER)
    except mlflow.exceptions.MlflowException:
        return ""
    why = found.tags.get("outcome", "its run says why").removeprefix(f"{CHALLENGER}: ")
    return (
        f"{address}: no version holds the title; version {found.version} waits as {CHALLENGER} "
        f"({why}). To use it all the same, give --model models:/{name}@{CHALLENGER}; to promote "
        f"it, give it the alias {CHAMPION} in MLflow, or train on more data."
    )


def incumbent(name: str) -> Model | None:
    """The champion of a registered model; None where there is none, or none that can be read."""
    with session() as mlflow:
        try:
            mlflow.MlflowClient().get_model_version_by_alias(name, CHAMPION)
        except mlflow.exceptions.MlflowException:
            return None
    try:
        return fetch(f"models:/{name}@{CHAMPION}")
    except ContractError:
        return None


def _version(mlflow: Any, address: str) -> str | None:  # noqa: ANN401
    """The registered version that an address means; None if it is no registry address."""
    name, _, wanted = address.removeprefix("models:/").partition("@")
    if not address.startswith("models:/") or (not wanted and "/" not in name):
        return None
    if wanted:
        return str(mlflow.MlflowClient().get_model_version_by_alias(name, wanted).version)
    return name.split("/")[1]


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= LONGEST else f"{lines[0][:LONGEST]} ..."


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep MLflow's prints, log lines and warnings from the user; errors still arrive."""
    before = {key: os.environ.get(key) for key in (*QUIET, *SET_BY_MLFLOW)}
    os.environ.update({key: value for key, value in QUIET.items() if before[key] is None})
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
