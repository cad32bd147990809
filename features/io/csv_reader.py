"""CSV reader of contract tables: every bad row kept as a reject.

A broken file (missing, unreadable, lacking a column) raises ContractError. A bad row is taken out
and described; good + rejected rows always make up the rows of the file.
"""

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from features.contract.cells import ZONE, blanked, in_utc, typed
from features.contract.errors import ContractError
from features.contract.tables import TABLES, Table
from features.contract.validation import require_columns, violations
from features.io.csv_records import Records, read_records

REJECTS = {
    "line": pl.Int64,
    "id": pl.String,
    "column": pl.String,
    "value": pl.String,
    "problem": pl.String,
}
"""Schema of a rejects frame; `line` counts from 1, the header being line 1."""

_SHOWN = 60
"""Characters of a bad cell that a report repeats."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Rows and rejects of one CSV file.

    Attributes
    ----------
    frame : polars.DataFrame
        Good rows in file order: the contract's columns, then `file_line` (Int64).
    rejects : polars.DataFrame
        One row per bad cell, schema `REJECTS`.
    rows : int
        Rows in the file, good and bad.
    encoding : str
    warnings : tuple of str
        What the reader did that the user may not expect.
    """

    frame: pl.DataFrame
    rejects: pl.DataFrame
    rows: int
    encoding: str
    warnings: tuple[str, ...] = field(default=())

    @property
    def rejected(self) -> int:
        """Number of rows taken out."""
        return self.rows - self.frame.height


def read_csv(path: Path, table: str) -> Reading:
    """Read one CSV file (optionally gzip) of `table`.

    Raises
    ------
    ContractError
        If the file is absent, a folder, empty, cut off, in no known encoding, or lacks a column.
    """
    spec = TABLES[table]
    text = read_text(path, expected=spec.required)
    require_columns(text.columns, table, where=str(path))
    foreign = [c for c in text.columns if c not in spec.dtypes]
    warnings = list(text.warnings)
    if foreign:
        warnings.append(f"{path}: ignored the columns {', '.join(foreign)}")

    here = [name for name in spec.dtypes if name in text.columns]
    raw = text.frame.with_columns(blanked(text.frame[name], spec.dtypes[name]) for name in here)
    if utc := sum(in_utc(raw[name]) for name in here if spec.dtypes[name] == pl.Date):
        warnings.append(f"{path}: read {utc} times in UTC as days in {ZONE}")
    cells = pl.DataFrame(
        [
            typed(raw[name], dtype)
            if name in here
            else pl.Series(name, [None], dtype).new_from_index(0, raw.height)
            for name, dtype in spec.dtypes.items()
            if name in here or name != Table.KNOWN_ON
        ]
    )
    unread = [
        raw.with_row_index("row")
        .filter(raw[name].is_not_null() & cells[name].is_null())
        .select(
            "row",
            column=pl.lit(name),
            value=pl.col(name),
            problem=pl.lit(f"expected {spec.expected(name)}"),
        )
        for name in here
    ]
    # a cell that is no number at all is reported as that, not as an empty one
    bad = pl.concat([*unread, violations(cells, table)]).unique(
        ["row", "column"], keep="first", maintain_order=True
    )
    key = cells[spec.key[0]].alias("id")
    ids = raw.select(line="file_line").with_columns(key).with_row_index("row")
    rejects = (
        bad.join(ids, on="row", how="left")
        .with_columns(pl.col("value").str.slice(0, _SHOWN))
        .sort("line", maintain_order=True)
        .select(*REJECTS)
    )
    kept = cells.with_columns(raw["file_line"]).filter(
        ~pl.int_range(pl.len()).is_in(bad["row"].unique().implode())
    )
    return Reading(
        frame=kept,
        rejects=pl.concat([text.rejects, rejects]).sort("line", maintain_order=True),
        rows=raw.height + text.rejects.height,
        encoding=text.encoding,
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, eq=False)
class Text:
    """A CSV file as text: every cell a string, empty cells null, and `file_line`.

    Attributes
    ----------
    frame : polars.DataFrame
    rejects : polars.DataFrame
        Schema `REJECTS`: lines that are no records, and records of another width.
    encoding : str
    warnings : tuple of str
    """

    frame: pl.DataFrame
    rejects: pl.DataFrame
    encoding: str
    warnings: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """Columns of the file, without `file_line`."""
        return self.frame.columns[:-1]


def read_text(
    path: Path,
    *,
    expected: Collection[str] = (),
    delimiter: str | None = None,
    encoding: str | None = None,
    skip: int = 0,
) -> Text:
    """Read a CSV file (optionally gzip) without interpreting its cells.

    Parameters as `features.io.csv_records.read_records`. Records with too many or too few cells,
    and lines that are no records, go to the rejects. Raises ContractError as `read_csv`.
    """
    records = read_records(
        path, expected=expected, delimiter=delimiter, encoding=encoding, skip=skip
    )
    frame, ragged = _parsed(records, path)
    width = f"expected {len(records.header)} cells, got "
    rejects = pl.DataFrame(
        [
            *((line, None, None, text[:_SHOWN], problem) for line, text, problem in records.broken),
            *((line, None, None, None, f"{width}{cells}") for line, cells in ragged),
        ],
        schema=REJECTS,
        orient="row",
    ).sort("line", maintain_order=True)
    filled = frame.filter(~pl.all_horizontal(pl.col(records.header).is_null()))
    warnings = list(records.warnings)
    if filled.height < frame.height:
        warnings.append(f"{path}: passed over {frame.height - filled.height} empty lines")
    return Text(filled, rejects, records.encoding, tuple(warnings))


def _parsed(records: Records, path: Path) -> tuple[pl.DataFrame, list[tuple[int, int]]]:
    """Records as text cells with `file_line`; line and width of those of another width."""
    header = records.header
    ragged: list[arrow_csv.InvalidRow] = []

    def on_invalid(row: arrow_csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    schema = pa.schema([(name, pa.string()) for name in header])
    try:
        parsed = (
            schema.empty_table()
            if not records.body
            else arrow_csv.read_csv(
                io.BytesIO(records.body),
                # one block and one thread: a cell of any length fits, and rows keep their numbers
                read_options=arrow_csv.ReadOptions(
                    use_threads=False, block_size=len(records.body) + 1, column_names=header
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=records.delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=on_invalid,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=schema, null_values=[""], strings_can_be_null=True
                ),
            )
        )
    except pa.ArrowInvalid as error:
        raise ContractError(
            f"{path}: expected delimited text, got something else ({error}). "
            "Export the file again as CSV."
        ) from error
    skipped = np.array([row.number for row in ragged], dtype=np.int64) - 1
    frame = pl.DataFrame(parsed).with_columns(
        pl.col(header).str.strip_chars().replace("", None),
        pl.Series("file_line", np.delete(records.lines, skipped)),
    )
    mended, lost = [], []
    for place, row in zip(skipped.tolist(), ragged, strict=True):
        cells = _cells(row.text, records.delimiter)
        line = int(records.lines[place])
        if len(cells) > len(header) and not any(c.strip() for c in cells[len(header) :]):
            mended.append([*(c.strip() or None for c in cells[: len(header)]), line])
        else:
            lost.append((line, row.actual_columns))
    if mended:
        more = pl.DataFrame(mended, schema=frame.schema, orient="row")
        frame = pl.concat([frame, more]).sort("file_line")
    return frame, lost


def _cells(record: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(record), delimiter=delimiter), [])
    except csv.Error:  # a cell above the module's limit
        return []
