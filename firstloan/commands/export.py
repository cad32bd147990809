"""The command `export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Option

from features.cli_paths import local_path, path_option
from firstloan.options import PolicyFile
from firstloan.output import say


def export(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Model folder or MLflow address. [default: the champion]", show_default=False
        ),
    ] = None,
    *,
    to: Annotated[Literal["sql", "xlsx"], Option(help="SQL script, or workbook of a scorecard.")],
    out: Annotated[Path, path_option(local_path, "File to write.")],
    dialect: Annotated[
        Literal["duckdb", "postgres", "hive", "spark"] | None,
        Option(help="Of SQL.", show_default=False),
    ] = None,
    table: Annotated[str, Option(help="Table of features that the SQL reads.")] = "features",
    prefix: Annotated[str, Option(help="Start of the names that the SQL makes.")] = "firstloan",
    policy: PolicyFile = None,
) -> None:
    """Write a model as SQL with reason codes, or as a workbook."""
    from features.io.outputs import disk_errors
    from models.policy import Policy
    from scoring.export.export_file import export_file

    with disk_errors(out):
        label = export_file(
            model=model,
            to=to,
            out=out,
            dialect=dialect,
            table=table,
            prefix=prefix,
            policy=None if policy is None else Policy.load(policy),
        )
    say(f"Model: {label}")
    say(f"  wrote {out}")
    if to == "sql":
        say(f"Run it once beside the table {table}, then read the view {prefix}_scored.")
