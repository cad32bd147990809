"""The command `watch`."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from features.cli_paths import any_path, day, local_path, path_option
from features.io.storage import storage_errors
from firstloan.options import Signals, Workers
from firstloan.output import progress, say, warn


def watch(
    loans: Annotated[
        Path, typer.Argument(parser=any_path, help="CSV of loans.", show_default=False)
    ],
    *,
    signals: Signals,
    as_of: Annotated[
        dt.date,
        Option(parser=day, metavar="<date>", help="Day asked about.", show_default=False),
    ],
    out: Annotated[Path, path_option(local_path, "Watch list to write, CSV.")],
    model: Annotated[
        str | None,
        Option(help="Folder or address of a behaviour model. [default: the champion]"),
    ] = None,
    rules: Annotated[
        Path | None,
        path_option(local_path, "TOML: actions, PD thresholds, rules. [default: the shipped]"),
    ] = None,
    workers: Workers = 2,
) -> None:
    """Watch open loans: PD of six months, rules, action, reasons."""
    from features.io.outputs import disk_errors
    from scoring.watch.policy import WatchPolicy
    from scoring.watch.watch_file import watch_file

    with (
        storage_errors(loans, signals),
        disk_errors(out),
        progress("watching loans") as step,
    ):
        summary = watch_file(
            loans=loans,
            signals=signals,
            as_of=as_of,
            out=out,
            model=model,
            policy=WatchPolicy.load(rules),
            workers=workers,
            progress=step,
        )
    for warning in summary.warnings:
        warn(warning)
    say(
        f"Read {summary.read:,} loans: {summary.watched:,} watched, {summary.closed:,} closed, "
        f"{summary.insufficient:,} with insufficient data, {summary.rejected:,} rejected."
    )
    say(f"Model: {summary.model}")
    say(
        f"Balance CNY {summary.balance_cny / 1e6:,.1f} million; at risk within six months CNY "
        f"{summary.expected_cny / 1e6:,.2f} million."
    )
    say(f"Actions: {_counts(summary.actions)}.")
    say(f"Rules: {_counts(summary.rules)}.")
    for path in summary.outputs:
        say(f"  wrote {path}")


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in numbers.items()) or "none"
