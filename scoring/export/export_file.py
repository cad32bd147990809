"""Export of a model to a file: the function behind `firstloan export`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from features.contract.errors import ContractError
from features.io.outputs import only_writer, refuse_overwriting
from models.estimators.model import OWN
from models.tracking.registry import resolve
from scoring.export.sql import DIALECTS, MARK, sql_script
from scoring.export.workbook import CREATOR, workbook_bytes
from scoring.input.compatibility import check_fit
from scoring.run.checkpoint import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from models.policy import Policy
    from scoring.export.sql import Dialect

Target = Literal["sql", "xlsx"]

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,2}")


def export_file(
    *,
    model: str | None,
    to: Target,
    out: Path,
    dialect: Dialect | None = None,
    table: str = "features",
    prefix: str = "firstloan",
    policy: Policy | None = None,
) -> str:
    """Write a model as SQL or as a workbook.

    Parameters
    ----------
    model : str or None
        Folder or MLflow address; None is the champion.
    to : {"sql", "xlsx"}
    out : pathlib.Path
    dialect : {"duckdb", "postgres", "hive", "spark"}, optional
        Of SQL, which needs one.
    table, prefix : str
        Of SQL: the table of features, and the start of the names that the script makes.
    policy : Policy, optional
        By default the model's.

    Returns
    -------
    str
        The model's label.

    Raises
    ------
    ContractError
        If there is no such model, it cannot be written so, an option is wrong, or `out` is a file
        that this command did not write.
    """
    _check(to, dialect, table, prefix)
    if not out.parent.is_dir():
        raise ContractError(f"{out}: expected a file name in a folder that exists.")
    refuse_overwriting(out, inputs=[], signals=None, is_ours=_is_export)
    chosen, label = resolve(model)
    if chosen.trained_on != OWN:
        check_fit(chosen)
    if to == "xlsx":
        content = workbook_bytes(chosen, policy=policy)
    else:
        assert dialect is not None  # noqa: S101 - _check saw to it
        statements = sql_script(chosen, dialect=dialect, table=table, prefix=prefix, policy=policy)
        content = ("\n".join(statements) + "\n").encode()
    with only_writer(out):
        write_whole(out, content)
    return label


def _check(to: Target, dialect: str | None, table: str, prefix: str) -> None:
    if (to == "sql") != (dialect is not None):
        expected = (
            f"one of {', '.join(DIALECTS)} with --to sql" if to == "sql" else "none with xlsx"
        )
        raise ContractError(f"--dialect: expected {expected}, got {dialect or 'none'}.")
    if not _TABLE.fullmatch(table):
        raise ContractError(
            f"--table: expected the name of a table, perhaps with its schema, got {table!r}. Make "
            "a view with a plain name if it has another."
        )
    if not _PREFIX.fullmatch(prefix):
        raise ContractError(
            f"--prefix: expected a letter and up to 40 more letters, digits or '_', got {prefix!r}."
        )


def _is_export(path: Path) -> bool:
    """Whether a file is a script or a workbook that was made here."""
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04":
        return _author(path) == CREATOR
    with path.open("rb") as file:
        return MARK.encode() in file.readline()


def _author(path: Path) -> str:
    """Author of a workbook; empty if it is none."""
    from zipfile import BadZipFile, ZipFile  # noqa: PLC0415 - rarely needed

    try:
        with ZipFile(path) as book:
            core = book.read("docProps/core.xml").decode("utf-8", "replace")
    except (BadZipFile, KeyError, OSError):
        return ""
    found = re.search(r"<dc:creator>([^<]*)</dc:creator>", core)
    return found.group(1) if found else ""
