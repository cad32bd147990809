"""The command line of firstloan: one thin command per step of the chain.

Results go to stdout, progress and warnings to stderr. Wrong input ends with one clear line and
exit code 2.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

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
from typer import Option

from features.cli_paths import RefusedError, any_path, local_path, path_option
from features.contract.errors import ContractError
from features.io.storage import storage_errors
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

_PLAIN_STEPS = 5
"""Progress lines at most, where stderr is no terminal."""

Workers = Annotated[int, Option(min=1, help="Processes that share the work.")]
Scheduler = Annotated[
    str | None,
    Option(
        help="Dask scheduler, such as tcp://host:8786; its workers do the work.", show_default=False
    ),
]
Data = Annotated[
    Path,
    path_option(any_path, "Data folder, from simulate or import."),
]
Applicants = Annotated[
    Path,
    typer.Argument(parser=any_path, help="CSV of applications.", show_default=False),
]
Signals = Annotated[
    Path,
    path_option(any_path, "Folder of signal tables."),
]

ModelAddress = Annotated[
    str | None, Option(help="Model folder or MLflow address. [default: the champion]")
]


@app.command()
def simulate(
    *,
    out: Annotated[
        Path,
        path_option(any_path, "Data folder to write."),
    ],
    firms: Annotated[int, Option(min=1, help="Firms; each applies once.")] = 10_000,
    seed: Annotated[int, Option(min=0, help="Same seed, same bytes.")] = 1,
    config: Annotated[
        str | None, Option(help="TOML with changed settings, or a shipped scenario's name.")
    ] = None,
    workers: Workers = 2,
    scheduler: Scheduler = None,
    csv: Annotated[bool, Option("--csv", help="Write CSV tables instead of Parquet.")] = False,
) -> None:
    """Simulate firms, their records and their true risk."""
    from features.parallel.executor import connect
    from synthetic.config.load import load_config
    from synthetic.simulation import simulate_world

    with (
        storage_errors(out),
        connect(scheduler) as cluster,
        _progress("simulating, buckets of 1,000 firms") as progress,
    ):
        simulate_world(
            out=out,
            firms=firms,
            seed=seed,
            config=load_config(config),
            workers=workers,
            progress=progress,
            csv=csv,
            cluster=cluster,
        )
    _say(f"Wrote {firms:,} firms to {out} (seed {seed}).")
    _say(f"  {out}/applications.csv, outcomes.csv   who applied, and what became of it")
    _say(f"  {out}/signals/                         their records, one folder per table")
    _say(f"  {out}/truth/                           what no real lender knows")


@app.command(name="calibrate")
def calibrate_(*, data: Data, workers: Workers = 2) -> None:
    """Compare a world with the report; exit 1 if any figure is off."""
    from laboratory.targets.compare import compare_world

    with storage_errors(data), _progress("building features of applications") as progress:
        lines = compare_world(data, workers=workers, progress=progress)
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("row", no_wrap=True)
    table.add_column("figure, % unless said", no_wrap=True)
    for name in ("report", "simulated", "tolerance", "firms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ok", no_wrap=True)
    for line in lines:
        digits = 3 if line.unit == "1" else 2
        figures = (f"{x:,.{digits}f}" for x in (line.report, line.simulated, line.tolerance))
        table.add_row(line.row, line.what, *figures, f"{line.firms:,}", line.verdict)
    _show(table)
    verdicts = [line.verdict for line in lines]
    off = verdicts.count("OFF")
    _say(
        f"{verdicts.count('ok')} figures agree, {off} are off, "
        f"{verdicts.count('too few')} rest on too few firms."
    )
    _say(f"  wrote {data}/calibration.json")
    if off:
        raise typer.Exit(1)


@app.command(name="import")
def import_(
    *,
    mapping: Annotated[
        Path,
        path_option(local_path, "TOML: which column is which."),
    ],
    source: Annotated[
        Path,
        path_option(local_path, "Folder of the source files."),
    ],
    out: Annotated[
        Path,
        path_option(local_path, "Data folder to write."),
    ],
) -> None:
    """Turn your own files into a data folder by a mapping."""
    from features.io.importing import import_folder, load_mapping

    with _progress("reading files") as progress:
        summary = import_folder(load_mapping(mapping), source=source, out=out, progress=progress)
    for warning in summary.warnings:
        _warn(warning)
    _say(f"Imported {summary.firms:,} firms to {out}, one application each.")
    for table, rows in summary.rows.items():
        _say(f"  {table:<18}{rows:>12,} rows")
    if summary.rejected_rows:
        _say(f"Put aside {summary.rejected_rows:,} rows, see {out}/import.rejects.csv:")
        for (table, problem), rows in summary.rejected.items():
            _say(f"  {table:<18}{rows:>12,}  {problem}")


@app.command()
def features(
    *,
    data: Data,
    out: Annotated[
        Path,
        path_option(any_path, "Parquet file to write."),
    ],
    model: Annotated[
        str | None,
        Option(
            help="Folder or MLflow address: compare with peers as this model does.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = 2,
    scheduler: Scheduler = None,
) -> None:
    """Build one row of features per application."""
    from features.engine.build import build_file
    from features.parallel.executor import connect

    reference = None
    if model is not None:
        from models.tracking.registry import resolve
        from scoring.input.compatibility import check_fit

        chosen, _ = resolve(model)
        check_fit(chosen)
        reference = chosen.reference
    with (
        storage_errors(data, out),
        connect(scheduler) as cluster,
        _progress("building features of applications") as progress,
    ):
        frame = build_file(
            data, out, workers=workers, reference=reference, progress=progress, cluster=cluster
        )
    _say(f"Wrote {frame.height:,} rows of {frame.width - 3} features to {out}.")
    if reference is None:
        _say("  Those against peers are empty: `train` fills them in, or --model does here.")


@app.command()
def catalogue() -> None:
    """List every feature with its meaning and formula."""
    from features.table.catalogue_page import listing

    for line in listing():
        _say(line)


@app.command()
def score(
    applicants: Applicants,
    *,
    signals: Signals,
    out: Annotated[Path, path_option(local_path, "Scored CSV to write.")],
    model: ModelAddress = None,
    strict: Annotated[bool, Option("--strict", help="Stop if any row would be rejected.")] = False,
    workers: Workers = 2,
    scheduler: Scheduler = None,
) -> None:
    """Score applicants from CSV, with reasons."""
    from features.parallel.executor import connect
    from scoring.batch import score_file

    with (
        storage_errors(applicants, signals),
        connect(scheduler) as cluster,
        _progress("scoring applicants") as progress,
    ):
        summary = score_file(
            applicants=applicants,
            signals=signals,
            out=out,
            model=model,
            strict=strict,
            workers=workers,
            progress=progress,
            cluster=cluster,
        )
    for warning in summary.warnings:
        _warn(warning)
    _say(
        f"Read {summary.read:,} applicants: {summary.scored:,} scored, {summary.insufficient:,} "
        f"with insufficient data, {summary.rejected:,} rejected."
    )
    _say(f"Model: {summary.model}")
    _say(f"Decisions: {_counts(summary.decisions)}.")
    _say(f"Grades: {_counts(summary.grades)}.")
    for path in summary.outputs:
        _say(f"  wrote {path}")


@app.command()
def explain(
    applicants: Applicants,
    *,
    signals: Signals,
    application: Annotated[str, Option(help="Id of the application.", show_default=False)],
    out: Annotated[Path, path_option(local_path, "HTML page to write.")],
    model: ModelAddress = None,
) -> None:
    """Explain one applicant's score on one page."""
    from scoring.explain import explain_file

    with storage_errors(applicants, signals):
        explain_file(
            applicants=applicants, signals=signals, application=application, out=out, model=model
        )
    _say(f"Wrote {out}. It opens in any browser, offline.")


@app.command()
def backtest(
    scored: Annotated[
        Path, typer.Argument(parser=local_path, help="CSV that score wrote.", show_default=False)
    ],
    *,
    outcomes: Annotated[
        Path,
        path_option(local_path, "Outcomes of these applications."),
    ],
) -> None:
    """Hold scores given earlier against what became of the applicants."""
    from models.evaluation.backtest import backtest
    from models.reporting.summary import backtest_lines

    for line in backtest_lines(backtest(scored, outcomes)):
        _say(line)


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in numbers.items())


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a few plain lines elsewhere; both on stderr."""
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


app.command()(train_command(_progress))


def _say(line: str) -> None:
    typer.echo(line)


def _warn(line: str) -> None:
    typer.echo(f"warning: {line}", err=True)


def _show(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 80).print(table)


def main() -> Any:  # noqa: ANN401 - what the console script returns is the exit code
    """Run the command line; wrong input becomes one line on stderr and exit code 2."""
    try:
        return app()
    except (ContractError, RefusedError) as error:
        typer.echo(f"firstloan: {error}", err=True)
        return 2


if __name__ == "__main__":
    sys.exit(main())
