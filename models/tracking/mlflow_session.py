"""MLflow session: tracking store, experiment, and suppression of its console output.

Without MLFLOW_TRACKING_URI the store is `mlflow.db` with `mlartifacts/` in the working folder.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import socket
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from features.contract.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_STORE = "sqlite:///mlflow.db"
SQLITE = "sqlite:///"
PROCESS_TAG = "firstloan.process"
LOCAL_UI = "http://127.0.0.1:5000"
VIEW = "firstloan"  # name of the view of the runs that is kept with the experiment
TRAINING_VIEW = "workflowType=machine_learning"  # the UI thinks of language models first
# without it the UI takes the experiment for one of language models, and hides the runs
EXPERIMENT_KIND = {"mlflow.experimentKind": "custom_model_development"}
DESCRIPTION = "mlflow.note.content"  # tag that the UI shows as a description
TRAININGS = (
    "One run for each training, the candidates nested beneath it (tick *Expand rows*). Select "
    "candidates and press *Compare*; a candidate's `model_card.md`, `figures/` and `validation/` "
    "are among its artifacts."
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
    """Context manager of the mlflow module with tracking URI set and console output suppressed.

    Raises
    ------
    ServiceError
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
                with _one_maker(address):
                    mlflow.MlflowClient().search_experiments(max_results=1)
            except Exception as error:  # whatever the store's driver raises
                raise ServiceError(
                    f"MLflow: no answer from {address} ({first_line(error)}). Start the server, "
                    f"or unset MLFLOW_TRACKING_URI to use {DEFAULT_STORE} in this folder."
                ) from error
            yield mlflow
        except MlflowException as error:
            raise ServiceError(f"MLflow at {address}: {first_line(error)}") from error
        finally:
            # Forget ours. What was there before stands in the environment, where MLflow exports it
            # and from where it reads it again.
            mlflow.set_tracking_uri(None)
            mlflow.set_registry_uri(None)


@contextlib.contextmanager
def _one_maker(address: str) -> Iterator[None]:
    """Let one process at a time make the tables of a new SQLite store."""
    path = Path(address.removeprefix(SQLITE))
    if not address.startswith(SQLITE) or path.exists() or not path.parent.is_dir():
        yield
        return
    from filelock import FileLock  # noqa: PLC0415 (a store is made once)

    with FileLock(path.with_name(f"{path.name}.lock")):
        yield
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def process_tag() -> str:
    """Host and number of this process, with which its runs are tagged."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextlib.contextmanager
def whole_run(mlflow: Any, **options: Any) -> Iterator[Any]:  # noqa: ANN401
    """Context manager of an active run that is deleted if its work fails or is interrupted."""
    run = None
    tags = {PROCESS_TAG: process_tag()}
    try:
        with mlflow.start_run(tags=tags, **options) as run:
            yield run
    except BaseException:
        if run is not None:
            with contextlib.suppress(Exception):  # a store that failed fails again
                mlflow.MlflowClient().delete_run(run.info.run_id)
        raise


def end_abandoned(mlflow: Any, experiment: str) -> None:  # noqa: ANN401
    """Mark runs as killed whose process on this machine has ended without ending them.

    Parameters
    ----------
    mlflow : module
    experiment : str
        Its id.
    """
    client = mlflow.MlflowClient()
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        host, _, process = run.data.tags.get(PROCESS_TAG, "").rpartition(":")
        if host == socket.gethostname() and not _runs(int(process)):
            client.set_terminated(run.info.run_id, status="KILLED")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # asks, and sends no signal
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def open_experiment(mlflow: Any, name: str, *, about: str = TRAININGS) -> str:  # noqa: ANN401
    """Id of the experiment, made on first use with its artefacts beside a local database.

    Parameters
    ----------
    mlflow : module
    name : str
    about : str
        Its description in the UI.

    Raises
    ------
    ServiceError
        When an experiment of this name was deleted.
    """
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        if experiment.lifecycle_stage != "active":
            raise ServiceError(
                f"MLflow at {store()}: experiment {name!r} is deleted. Restore it with "
                f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`."
            )
        return str(experiment.experiment_id)
    place = home().as_uri() if store().startswith(SQLITE) else None
    try:
        tags = EXPERIMENT_KIND | {DESCRIPTION: about}
        return str(client.create_experiment(name, artifact_location=place, tags=tags))
    except mlflow.exceptions.MlflowException:
        made_meanwhile = client.get_experiment_by_name(name)
        if made_meanwhile is None:
            raise
        return str(made_meanwhile.experiment_id)


def share_view(mlflow: Any, experiment: str, *, metrics: Sequence[str]) -> None:  # noqa: ANN401
    """Set the columns of the experiment's list of runs.

    Parameters
    ----------
    mlflow : module
    experiment : str
        Its id.
    metrics : sequence of str
        Columns to show.
    """
    view = {"selectedColumns": [*(f"metrics.`{name}`" for name in metrics), "attributes.`Models`"]}
    key = f"mlflow.sharedViewState.{VIEW}"
    mlflow.MlflowClient().set_experiment_tag(experiment, key, json.dumps(view))


def runs_page(experiment: str) -> str:
    """Path in the UI of an experiment's list of runs, with the columns of `share_view`."""
    return f"#/experiments/{experiment}/runs?{TRAINING_VIEW}&viewStateShareKey={VIEW}"


def comparison_page(experiment: str, runs: Sequence[str]) -> str:
    """Path in the UI of the page that compares runs."""
    chosen, within = (quote(json.dumps(ids)) for ids in (list(runs), [experiment]))
    return f"#/compare-runs?runs={chosen}&experiments={within}"


def artifact_page(experiment: str, run: str, artifact: str) -> str:
    """Path in the UI of an artifact of a run."""
    return f"#/experiments/{experiment}/runs/{run}/artifacts/{artifact}?{TRAINING_VIEW}"


def ui_address() -> str:
    """Address of the UI: the tracking server, or where `mlflow ui` listens by default."""
    return store().rstrip("/") if store().startswith("http") else LOCAL_UI


def first_line(error: BaseException) -> str:
    """First line of an error of MLflow or of a store's driver, cut to a readable length."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= LONGEST else f"{lines[0][:LONGEST]} ..."


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Suppress MLflow's prints, log lines and warnings; errors are kept."""
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
