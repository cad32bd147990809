"""Sources of an import as text cells: CSV files, sheets of workbooks, tables of databases."""

from collections.abc import Sequence
from pathlib import Path

import fastexcel
import polars as pl
import sqlalchemy

from features.contract.errors import ContractError
from features.importing.mapping import Source
from features.io.csv_reader import REJECTS, Text, read_text

WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")

_HEADER_WITHIN = 50
"""Rows at the top of a sheet among which the header is looked for."""

_LONG_NUMBER = r"^-?\d{16,}$"
"""A workbook keeps 15 digits of a number."""

_SHOWN_NAMES = 20
_ZIP, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
"""How workbooks begin, whatever their name."""


def source_files(folder: Path, source: Source) -> tuple[Path, ...]:
    """Files that a source names, sorted by name; none for a database.

    Raises
    ------
    ContractError
        If a pattern fits no file, or a name leads out of the folder.
    """
    if source.file is None:
        return ()
    if Path(source.file).is_absolute() or ".." in Path(source.file).parts:
        raise ContractError(
            f"{source.file}: expected a name below the source folder. Correct the mapping's file."
        )
    if not any(mark in source.file for mark in "*?["):
        return (folder / source.file,)
    found = tuple(sorted(path for path in folder.glob(source.file) if path.is_file()))
    if not found:
        raise ContractError(f"{folder / source.file}: no such file. Correct the mapping's file.")
    return found


def read_file(path: Path, source: Source) -> Text:
    """Read a CSV file or a sheet of a workbook as text cells.

    Raises
    ------
    ContractError
        If it cannot be read.
    """
    if path.suffix.lower() in WORKBOOKS or _begins_as_workbook(path):
        return _read_sheet(path, source.sheet, expected=source.source_columns, skip=source.skip)
    return read_text(
        path,
        expected=source.source_columns,
        delimiter=source.delimiter,
        encoding=source.encoding,
        skip=source.skip,
    )


def read_query(source: Source) -> Text:
    """Read a table or a query of a database as text cells; rows count from 1.

    Raises
    ------
    ContractError
        If the database cannot be reached, or refuses the query.
    """
    database, query = str(source.database), str(source.query)
    try:
        shown = sqlalchemy.make_url(database).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError as error:
        raise ContractError(
            "database: expected a SQLAlchemy URL such as sqlite:///tax.db or "
            "postgresql+psycopg://user@host/name. Correct the mapping."
        ) from error
    statement: sqlalchemy.Executable = sqlalchemy.text(query)
    try:
        # no pool: one reading, and the connection is closed
        engine = sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)
        if query.isidentifier():
            statement = sqlalchemy.select(
                sqlalchemy.Table(query, sqlalchemy.MetaData(), autoload_with=engine)
            )
        with engine.connect() as connection:
            result = connection.execute(statement)
            names = list(result.keys())
            rows = [[None if cell is None else str(cell) for cell in row] for row in result]
    except ModuleNotFoundError as error:
        raise ContractError(
            f"{shown}: expected the driver {error.name} to be installed. Install it with pip."
        ) from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise ContractError(
            f"{shown}: cannot read {query.splitlines()[0]!r} ({reason}). "
            "Check the address, the account and the query."
        ) from error
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return _as_text(frame, first_line=1)


def _begins_as_workbook(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(len(_ZIP))
    except OSError:
        return False  # the CSV reader says what is wrong with the path
    return start in (_ZIP, _COMPOUND)


def _read_sheet(path: Path, sheet: str | None, *, expected: Sequence[str], skip: int) -> Text:
    if not path.is_file():
        raise ContractError(f"{path}: no such file. Check the path.")
    try:
        workbook = fastexcel.read_excel(path)
        names = workbook.sheet_names
        if sheet is not None and sheet not in names:
            raise ContractError(
                f"{path}: expected a sheet {sheet!r}; it has {', '.join(names[:_SHOWN_NAMES])}. "
                "Correct the mapping's sheet."
            )
        page = names[0] if sheet is None else sheet
        cells = workbook.load_sheet(page, header_row=None, dtypes="string").to_polars()
        if any(cells.select(pl.all().str.contains(_LONG_NUMBER).any()).row(0)):
            # as truth values, cells that hold numbers are told from cells that hold text
            truth = workbook.load_sheet(page, header_row=None, dtypes="boolean").to_polars()
            cells = _rounded_marked(cells, truth)
    except fastexcel.FastExcelError as error:
        raise ContractError(
            f"{path}: expected a workbook, cannot read it ({str(error).splitlines()[0]}). "
            "Save it again, or as CSV."
        ) from error
    rows = cells.with_columns(pl.all().str.strip_chars().replace("", None))
    header = _header_row(rows, expected=expected, skip=skip, path=path)
    named = {old: name for old, name in zip(rows.columns, rows.row(header), strict=True) if name}
    if len(set(named.values())) < len(named):
        twice = sorted({n for n in named.values() if list(named.values()).count(n) > 1})
        raise ContractError(
            f"{path}: expected each column once, got {', '.join(twice)} more than once. "
            "Rename one of them."
        )
    return _as_text(rows[header + 1 :].select(list(named)).rename(named), first_line=header + 2)


def _rounded_marked(cells: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Show numbers whose last digits a workbook has lost in powers of ten, as no id is written."""
    return pl.DataFrame(
        [
            pl.select(
                pl.when(truth[name].is_not_null() & cells[name].str.contains(_LONG_NUMBER))
                .then(pl.format("{}E+0", cells[name]))
                .otherwise(cells[name])
                .alias(name)
            ).to_series()
            for name in cells.columns
        ]
    )


def _header_row(rows: pl.DataFrame, *, expected: Sequence[str], skip: int, path: Path) -> int:
    filled = [
        (k, {cell for cell in row if cell})
        for k, row in enumerate(rows.head(skip + _HEADER_WITHIN).iter_rows())
        if k >= skip and any(row)
    ]
    if not filled:
        raise ContractError(f"{path}: expected a header and rows, got an empty sheet.")
    return next((k for k, cells in filled if set(expected) <= cells), filled[0][0])


def _as_text(frame: pl.DataFrame, *, first_line: int) -> Text:
    numbered = frame.with_columns(
        pl.all().str.strip_chars().replace("", None),
        file_line=pl.int_range(pl.len(), dtype=pl.Int64) + first_line,
    )
    filled = numbered.filter(~pl.all_horizontal(pl.exclude("file_line").is_null()))
    return Text(filled, pl.DataFrame(schema=REJECTS), "", ())
