"""The command `import`."""

from pathlib import Path
from typing import Annotated

from features.cli_paths import local_path, path_option
from features.contract.errors import ContractError
from firstloan.output import progress, say, warn


def import_data(
    *,
    mapping: Annotated[Path | None, path_option(local_path, "TOML: which column is which.")] = None,
    source: Annotated[Path | None, path_option(local_path, "Folder of the source files.")] = None,
    out: Annotated[Path | None, path_option(local_path, "Data folder to write.")] = None,
    guess: Annotated[
        Path | None,
        path_option(local_path, "Print a mapping proposed from this file's headers, and stop."),
    ] = None,
) -> None:
    """Turn your own files into a data folder by a mapping."""
    from features.importing.folder import import_folder
    from features.importing.guess import guess_mapping
    from features.importing.mapping import load_mapping
    from features.io.outputs import disk_errors

    if guess is not None:
        say(guess_mapping(guess).rstrip())
        return
    if mapping is None or source is None or out is None:
        raise ContractError(
            "import: expected --mapping, --source and --out, or --guess FILE for a mapping to "
            "begin with."
        )
    with progress("reading files") as step, disk_errors(out):
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
