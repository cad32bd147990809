"""The command `train`: its options, once for `firstloan train` and for `python -m models.train`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from features.cli_paths import any_path, local_path, path_option
from features.contract.errors import ContractError, FirstloanError
from features.io.storage import is_remote, storage_errors
from features.parallel.executor import Progress

ShowProgress = Callable[[str], AbstractContextManager[Progress]]
"""Given what is being done, a context whose value is told the steps done and the steps in all."""


def train_command(progress: ShowProgress) -> Callable[..., None]:
    """Make the command, which shows how far it is by `progress`."""

    def train(
        *,
        data: Annotated[
            Path | None,
            path_option(any_path, "Data folder, from simulate or import."),
        ] = None,
        features: Annotated[
            Path | None,
            path_option(any_path, "Feature file. [default: built from the data folder]"),
        ] = None,
        labels: Annotated[
            Path | None,
            path_option(local_path, "With --features: labels of a matrix of your own."),
        ] = None,
        name: Annotated[
            str | None,
            Option(help="With --labels: name of your registered model.", show_default=False),
        ] = None,
        missing: Annotated[
            list[str] | None,
            Option(help="With --labels: a code that means missing, such as -999; may be repeated."),
        ] = None,
        behaviour: Annotated[
            bool,
            Option("--behaviour", help="With --data: a model of open loans, for `watch`."),
        ] = False,
        config: Annotated[
            Path | None,
            path_option(local_path, "TOML with changed settings."),
        ] = None,
        policy: Annotated[
            Path | None,
            path_option(local_path, "TOML: scale, cut-offs, grades, flags. [default: the shipped]"),
        ] = None,
        trials: Annotated[
            int | None, Option(min=0, help="Tuning trials. [default: from the settings]")
        ] = None,
        resume: Annotated[
            bool, Option("--resume", help="Go on with tuning that was kept.")
        ] = False,
        log_trials: Annotated[
            bool, Option("--log-trials", help="Log each tuning trial as a nested run.")
        ] = False,
        workers: Annotated[int, Option(min=1, help="Processes that share the work.")] = 2,
        scheduler: Annotated[
            str | None,
            Option(
                help="Dask scheduler, such as tcp://host:8786; its workers build the features.",
                show_default=False,
            ),
        ] = None,
        distributed: Annotated[
            bool,
            Option("--distributed", help="With --scheduler: its workers also fit the trees."),
        ] = False,
    ) -> None:
        """Train the candidates and register the champion in MLflow.

        Either on a data folder (--data), or on any matrix of your own (--features, --labels,
        --name: CSV or Parquet with id and numbers, and with id, defaulted and perhaps date).
        """
        from features.io.outputs import disk_errors  # noqa: PLC0415 (help need not wait)
        from features.parallel.executor import connect  # noqa: PLC0415
        from models.reporting.summary import training_lines  # noqa: PLC0415
        from models.settings import read_settings  # noqa: PLC0415
        from models.tracking.mlflow_session import store  # noqa: PLC0415
        from models.train import training  # noqa: PLC0415

        _refuse_contradictions(
            data, features, labels, name, scheduler=scheduler, distributed=distributed
        )
        if behaviour and (data is None or features is not None or scheduler is not None):
            raise ContractError(
                "train: --behaviour builds the features of open loans from --data on this machine; "
                "leave out --features, --labels and --scheduler."
            )
        codes = tuple(missing) if missing else None
        settings = read_settings(config, policy=policy, trials=trials, missing_codes=codes)
        if behaviour and data is not None:
            train_it = partial(training.train_behaviour, data=data)
        elif data is not None:
            train_it = partial(training.train, data=data, features=features)
        elif labels is not None and features is not None and name is not None:
            train_it = partial(training.train_matrix, features=features, labels=labels, name=name)
        else:
            raise ContractError(
                "train: a matrix of your own needs --features, --labels and --name."
            )
        read = [path for path in (data, features) if path is not None]
        with (
            storage_errors(*read),
            disk_errors(store()),
            connect(scheduler) as cluster,
            progress("training") as step,
        ):
            result = train_it(
                config=settings,
                workers=workers,
                cluster=cluster,
                distributed=distributed,
                resume=resume,
                log_trials=log_trials,
                progress=step,
            )
        for line in training_lines(result):
            typer.echo(line)

    return train


def _refuse_contradictions(
    data: Path | None,
    features: Path | None,
    labels: Path | None,
    name: str | None,
    *,
    scheduler: str | None,
    distributed: bool,
) -> None:
    """Raise ContractError where options of `train` do not go together."""
    if (data is None) == (labels is None):
        raise ContractError(
            "train: expected either --data, or --features, --labels and --name, got "
            + ("both." if data else "neither.")
        )
    if distributed and scheduler is None:
        raise ContractError("train: --distributed needs a cluster, named by --scheduler.")
    if scheduler is not None and not distributed and features is not None:
        raise ContractError(
            "train: --scheduler has nothing to do where --features are given. Leave one of them "
            "out, or let the cluster fit the trees with --distributed."
        )
    if data is not None and name is not None:
        raise ContractError(
            "train: --name is for a matrix of your own, beside --features and --labels. With "
            "--data the model has this product's name."
        )
    if labels is not None and features is not None and is_remote(features):
        raise ContractError(
            f"{features}: expected a matrix of your own on this machine, got a URL. Copy it here "
            "first."
        )


@contextmanager
def _plain_lines(what: str) -> Iterator[Progress]:
    yield lambda done, total: typer.echo(f"{what}: {done} of {total}", err=True)


def main() -> None:
    """Run the command; wrong input becomes one line on stderr and exit code 2."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(train_command(_plain_lines))
    try:
        app()
    except FirstloanError as error:
        typer.echo(f"models.train: {error}", err=True)
        sys.exit(2)
