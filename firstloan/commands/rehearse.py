"""The command `rehearse`."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.table import Table
from typer import Option

from features.cli_paths import local_path, path_option
from features.io.storage import storage_errors
from firstloan.options import Data, ModelAddress, Workers
from firstloan.output import progress, say, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laboratory.rehearsal.rehearse import Rehearsal


def rehearse(
    *,
    data: Data,
    out: Annotated[
        Path, path_option(local_path, "HTML page to write; a CSV is written beside it.")
    ],
    policy: Annotated[
        list[Path] | None,
        path_option(
            local_path,
            "Offer policy: a TOML file or a shipped name; may be repeated. [default: all]",
        ),
    ] = None,
    model: ModelAddress = None,
    lender: Annotated[str, Option(help="Type of lender whose costs all policies share.")] = "bank",
    search: Annotated[
        int, Option(min=0, help="Trials that tune the first policy's numbers; 0 for none.")
    ] = 0,
    most_default: Annotated[
        float, Option(help="With --search: default rate by balance, % at most.")
    ] = 3.0,
    least_first_time: Annotated[
        float, Option(help="With --search: first-time borrowers, % of all served at least.")
    ] = 0.0,
    workers: Workers = 2,
) -> None:
    """Rehearse offer policies by what would have come of them."""
    from features.io.outputs import disk_errors
    from laboratory.rehearsal.command import rehearse_data
    from laboratory.rehearsal.report import COLUMNS, SERVED
    from laboratory.rehearsal.search import Constraints

    with storage_errors(data), disk_errors(out), progress("rehearsing") as step:
        told, found, files = rehearse_data(
            data,
            out=out,
            policies=policy or [],
            model=model,
            lender=lender,
            trials=search,
            constraints=Constraints(default_pct=most_default, first_time_pct=least_first_time),
            workers=workers,
            progress=step,
        )
    judged = "the truth of a simulated world" if told.by_truth else "their own estimates alone"
    say(f"{told.applicants:,} applicants from {told.first_day} to {told.last_day}, out of time.")
    say(f"Model: {told.model}")
    say(f"Judged by {judged}.")
    _table(told, COLUMNS, best=bool(told.best_share))
    say("CNY million; % a year; default: % of amounts over the loans' lives.")
    _table(told, SERVED, best=False)
    say("Default by number, over the life and in a year, %; first-time and rural")
    say("borrowers; good applicants refused, %; borrowers' gain and the profit that the")
    say("policy itself expected, CNY million.")
    if found is not None:
        for line in textwrap.wrap(
            f"Search: {found.in_words}. {found.curse_in_words}", width=78, subsequent_indent="  "
        ):
            say(line)
    for path in files:
        say(f"  wrote {path}")


def _table(
    told: "Rehearsal", columns: "Sequence[tuple[str, str, float, int]]", *, best: bool
) -> None:
    from laboratory.rehearsal.report import written

    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("policy", no_wrap=True)
    for head, *_ in columns:
        table.add_column(head, justify="right", no_wrap=True)
    if best:
        table.add_column("of best", justify="right", no_wrap=True)
    for each in told.rehearsed:
        shares = [f"{100 * told.best_share[each.name]:.0f} %".replace("-", "−")] if best else []
        table.add_row(each.name, *written(each, columns), *shares)
    show(table)
