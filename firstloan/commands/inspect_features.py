"""The command `inspect`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.table import Table
from typer import Option

from features.cli_paths import any_path, local_path, path_option
from features.io.storage import storage_errors
from firstloan.options import Workers
from firstloan.output import progress, say, show

if TYPE_CHECKING:
    from models.inspection.inspect import Inspection

_SHOWN = 10


def inspect_features(
    *,
    data: Annotated[
        Path | None, path_option(any_path, "Data folder, from simulate or import.")
    ] = None,
    features: Annotated[
        Path | None,
        path_option(any_path, "Feature file, or without --data a matrix of your own."),
    ] = None,
    labels: Annotated[
        Path | None, path_option(local_path, "Labels where there is no data folder.")
    ] = None,
    out: Annotated[
        Path, path_option(local_path, "CSV to write, one row per feature; more lie beside it.")
    ],
    model: Annotated[
        str | None,
        Option(
            help="Model folder or MLflow address: importance of the features for it.",
            show_default=False,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        Option(help="Name, pattern, theme:<name> or source:<name>; may be repeated."),
    ] = None,
    missing: Annotated[
        list[str] | None,
        Option(help="Of your own matrix: a code that means missing; may be repeated."),
    ] = None,
    config: Annotated[
        Path | None, path_option(local_path, "TOML with changed settings of a training.")
    ] = None,
    workers: Workers = 2,
) -> None:
    """Inspect features: bins, IV, stability, correlation, importance."""
    from features.io.outputs import disk_errors
    from models.settings import read_settings
    from scoring.inspection.inspect_file import inspect_file

    settings = read_settings(
        config, exclude=tuple(exclude or ()) or None, missing_codes=tuple(missing or ()) or None
    )
    with (
        storage_errors(*(path for path in (data, features) if path is not None)),
        disk_errors(out),
        progress("binning features") as step,
    ):
        found, files = inspect_file(
            data=data,
            features=features,
            labels=labels,
            out=out,
            config=settings,
            model=model,
            workers=workers,
            progress=step,
        )
    say(f"Inspected {found.features.height:,} features of {found.rows:,} applicants.")
    say(f"Bins of {found.sample}: {found.labelled:,} labelled, {found.bads:,} bad.")
    show(_table(found))
    _say_drops(found)
    for path in files:
        say(f"  wrote {path}")


def _table(found: "Inspection") -> Table:
    """The features with the largest information values, or with the most known values."""
    table = Table(box=None, pad_edge=False)
    table.add_column("feature", overflow="ellipsis", no_wrap=True, max_width=32)
    for name in ("IV", "chance", "trend", "missing", "PSI", "VIF"):
        table.add_column(name, justify="right", no_wrap=True)
    ordered = sorted(
        found.features.iter_rows(named=True),
        key=lambda row: (-(row["iv"] or 0.0), row["missing_share"]),
    )
    for row in ordered[:_SHOWN]:
        table.add_row(
            row["feature"],
            _figure(row["iv"], 3),
            _figure(row["chance_iv"], 3),
            row["trend"] or "-",
            f"{row['missing_share']:.0%}",
            _figure(row["psi_max"], 2),
            _figure(row["vif"], 1),
        )
    return table


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _say_drops(found: "Inspection") -> None:
    from scoring.inspection.page import DROP_TITLES

    counts = Counter(found.features["drop"].drop_nulls().to_list())
    say(f"Might be dropped: {counts.total():,}")
    for rule, (title, _) in DROP_TITLES.items():
        if counts[rule]:
            say(f"  {counts[rule]:>5,} {title}")
