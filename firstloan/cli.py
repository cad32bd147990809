"""The command group `firstloan`, and the one place that turns an error into exit code 2."""

from importlib import metadata
from typing import Annotated, Any

import typer

from features.contract.errors import FirstloanError
from firstloan.commands.backtest import backtest
from firstloan.commands.calibrate import calibrate
from firstloan.commands.catalogue import catalogue
from firstloan.commands.explain import explain
from firstloan.commands.export import export
from firstloan.commands.features import features
from firstloan.commands.import_data import import_data
from firstloan.commands.inspect_features import inspect_features
from firstloan.commands.rehearse import rehearse
from firstloan.commands.score import score
from firstloan.commands.simulate import simulate
from firstloan.commands.watch import watch
from firstloan.output import progress
from models.train.cli import train_command

app = typer.Typer(
    name="firstloan",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Score microenterprises that have never borrowed: simulate a province with known truth, "
    "build features from tax, electricity, logistics and e-commerce records, train models tracked "
    "in MLflow, and score applicants from CSV with reasons.",
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        typer.echo(f"firstloan {metadata.version('firstloan')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


app.command()(simulate)
app.command()(calibrate)
app.command(name="import")(import_data)
app.command()(features)
app.command()(catalogue)
app.command(name="inspect")(inspect_features)
app.command()(train_command(progress))
app.command()(score)
app.command()(watch)
app.command()(explain)
app.command()(export)
app.command()(backtest)
app.command()(rehearse)


def main() -> Any:  # noqa: ANN401 (what the console script returns is the exit code)
    """Run the command line; an error becomes one line on stderr and exit code 2."""
    try:
        return app()
    except FirstloanError as error:
        typer.echo(f"firstloan: {error}", err=True)
        return 2
