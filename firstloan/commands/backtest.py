"""The command `backtest`."""

from pathlib import Path
from typing import Annotated

import typer

from features.cli_paths import local_path, path_option
from firstloan.output import say


def backtest(
    scored: Annotated[
        Path, typer.Argument(parser=local_path, help="CSV that score wrote.", show_default=False)
    ],
    *,
    outcomes: Annotated[Path, path_option(local_path, "Outcomes of these applications.")],
    policy: Annotated[
        Path | None, path_option(local_path, "TOML: cut-offs and grades. [default: the shipped]")
    ] = None,
    overrides: Annotated[
        Path | None,
        path_option(
            local_path, "CSV of officers' decisions: application_id, decision, reason, by."
        ),
    ] = None,
) -> None:
    """Compare earlier scores with outcomes, grade by grade."""
    from models.evaluation import backtest as backtesting
    from models.policy import Policy
    from models.reporting.summary import backtest_lines

    result = backtesting.backtest(
        scored, outcomes, policy=Policy.load(policy), overridden=overrides
    )
    for line in backtest_lines(result):
        say(line)
