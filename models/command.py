"""`python -m models.train`, and the lines in which `firstloan train` says what came out."""

import sys
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from features.tables import ContractError
from models.settings import read_settings
from models.split import CALIBRATION, OUT_OF_TIME, TRAIN

if TYPE_CHECKING:
    from models.train import TrainResult

SLICE_TITLES = {TRAIN: "to train", CALIBRATION: "to calibrate", OUT_OF_TIME: "out of time"}
DROP_TITLES = {
    "refused": "refused, so that nobody knows",
    "not_observed": "not yet observed for 12 months",
    "other_side": "their firm is on another side of the split",
}


def summary_lines(result: "TrainResult") -> list[str]:
    """What a person wants to know after a training, in at most 80 columns.

    Parameters
    ----------
    result : TrainResult

    Returns
    -------
    list of str
    """
    counts = result.counts
    lines = [
        f"Read {counts['rows']:,} applications.",
        *(
            f"  {counts[f'{name}_rows']:>8,} {title}, {counts[f'{name}_bads']:,} bad"
            for name, title in SLICE_TITLES.items()
        ),
        *(
            f"  {counts[f'dropped_{name}']:>8,} left out: {title}"
            for name, title in DROP_TITLES.items()
            if counts[f"dropped_{name}"]
        ),
        "",
        f"{'candidate':<20} log loss*    AUC   95 % interval first-time  slope",
    ]
    for row in result.figures.iter_rows(named=True):
        low, high = _number(row["oot_auc_low"]), _number(row["oot_auc_high"])
        lines.append(
            f"{row['candidate']:<20} {_number(row['selection_log_loss'], 5):>9} "
            f"{_number(row['oot_auc']):>6} {low + ' - ' + high:>15} "
            f"{_number(row['oot_first_time_auc']):>10} {_number(row['calibration_slope'], 2):>6}"
            f"  {row['alias']}".rstrip()
        )
    return [
        *lines,
        "* on the calibration folds, by which the champion is chosen; AUC and slope out of time",
        "",
        f"Registered {result.label} as @{result.alias}",
        *wrap(result.verdicts[result.winner], 76, initial_indent="  ", subsequent_indent="  "),
        f"Runs: experiment {result.experiment!r} in {result.store}. To look at them:",
        f"  mlflow ui --backend-store-uri {result.store}",
    ]


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _train(
    *,
    data: Annotated[Path, Option(help="Data folder, from simulate or import.")],
    features: Annotated[
        Path | None, Option(help="Its feature file; built from the signals if not given.")
    ] = None,
    config: Annotated[Path | None, Option(help="TOML with changed settings.")] = None,
    trials: Annotated[int | None, Option(min=0, help="Tuning trials in all.")] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the kept tuning studies.")] = False,
    log_trials: Annotated[
        bool, Option("--log-trials", help="Log each tuning trial as a nested run.")
    ] = False,
    workers: Annotated[int, Option(min=1, help="Processes that share the work.")] = 2,
) -> None:
    """Train the candidates, compare them in MLflow, register the champion."""
    from models.train import train  # noqa: PLC0415 (help need not wait for it)

    result = train(
        data=data,
        features=features,
        config=read_settings(config, trials=trials),
        workers=workers,
        resume=resume,
        log_trials=log_trials,
        progress=lambda done, total: typer.echo(f"training: {done} of {total}", err=True),
    )
    typer.echo("\n".join(summary_lines(result)))


def main() -> None:
    """Run the command; wrong input becomes one line on stderr and exit code 2."""
    try:
        typer.run(_train)
    except ContractError as error:
        typer.echo(f"models.train: {error}", err=True)
        sys.exit(2)
