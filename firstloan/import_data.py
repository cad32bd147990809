"""The command `import`."""

from pathlib import Path
from typing import Annotated

from features.cli_paths import local_path, path_option
from firstloan.output import progress, say, warn


def import_data(
    *,
    mapping: Annotated[Path, path_option(local_path, "TOML: which column is which.")],
    source: Annotated[Path, path_option(local_path, "Folder of the source files.")],
    out: Annotated[Path, path_option(local_path, "Data folder to write.")],
) -> None:
    """Turn your own files into a data folder by a mapping."""
    from features.io.importing import import_folder, load_mapping

    with progress("reading files") as step:
        summary = import_folder(load_mapping(mapping), source=source, out=out, progress=step)
    for warning in summary.warnings:
        warn(warning)
    say(f"Imported {summary.firms:,} firms to {out}, one application each.")
    for table, rows in summary.rows.items():
        say(f"  {table:<18}{rows:>12,} rows")
    if summary.rejected_rows:
        say(f"Put aside {summary.rejected_rows:,} rows, see {out}/import.rejects.csv:")
        for (table, problem), rows in summary.rejected.items():
            say(f"  {table:<18}{rows:>12,}  {problem}")
