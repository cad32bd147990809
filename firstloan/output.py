"""What commands print: results, warnings, tables, and progress on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

_PLAIN_STEPS = 5
"""Progress lines at most, where stderr is no terminal."""

_WIDTH = 80
"""Columns of a table that is printed into a file or a pipe."""


def say(line: str) -> None:
    """Print one line of the result."""
    typer.echo(line)


def warn(line: str) -> None:
    """Print a warning on stderr."""
    typer.echo(f"warning: {line}", err=True)


def show(table: Table) -> None:
    """Print a table."""
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress bar on a terminal, a few plain lines elsewhere; both on stderr."""
    if not sys.stderr.isatty():
        shown = 0

        def plain(done: int, total: int) -> None:
            nonlocal shown
            step = done * _PLAIN_STEPS // max(total, 1)
            if step > shown:
                shown = step
                sys.stderr.write(f"{what}: {done:,} of {total:,}\n")

        yield plain
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
