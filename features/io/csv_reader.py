"""CSV reader of contract tables: Chinese encodings, every bad row kept as a reject.

A broken file (missing, unreadable, lacking a column) raises ContractError. A bad row is taken out
and described; good + rejected rows always make up the rows of the file.
"""

import codecs
import csv
import gzip
import io
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from features.contract.errors import ContractError
from features.contract.tables import TABLES, Table
from features.contract.validation import require_columns, violations

ENCODINGS = ("utf-8", "gb18030")
"""Tried in this order; a byte-order mark is dropped first."""

REJECTS = {
    "line": pl.Int64,
    "id": pl.String,
    "column": pl.String,
    "value": pl.String,
    "problem": pl.String,
}
"""Schema of a rejects frame; `line` counts from 1, the header being line 1."""

_TRUE, _FALSE = ["true", "1", "yes"], ["false", "0", "no"]
_DRESSED = {
    pl.Date: (r"^\d{4}/\d{1,2}/\d{1,2}$", "; in a spreadsheet, format the column as yyyy-mm-dd"),
    pl.Float64: (r"^-?\d{1,3}(,\d{3})+(\.\d+)?$", ", without separators of thousands"),
}
"""Cells as a spreadsheet likes to write them, by data type, and what to change."""
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
    text = read_text(path)
    require_columns(text.columns, table, where=str(path))
    foreign = [c for c in text.columns if c not in spec.dtypes]
    warnings = list(text.warnings)
    if foreign:
        warnings.append(f"{path}: ignored the columns {', '.join(foreign)}")

    raw = text.frame
    typed = raw.select(
        *[
            typed_cell(name, dtype).alias(name)
            if name in raw.columns
            else pl.lit(None, dtype).alias(name)
            for name, dtype in spec.dtypes.items()
            if name in raw.columns or name != Table.KNOWN_ON
        ],
        "file_line",
    )
    unread = [
        raw.with_row_index("row")
        .filter(raw[name].is_not_null() & typed[name].is_null())
        .select(
            "row",
            column=pl.lit(name),
            value=pl.col(name),
            problem=pl.format("expected {}{}", pl.lit(spec.expected(name)), _remedy(name, dtype)),
        )
        for name, dtype in spec.dtypes.items()
        if name in raw.columns
    ]
    # a cell that is no number at all is reported as that, not as an empty one
    bad = pl.concat([*unread, violations(typed.drop("file_line"), table)]).unique(
        ["row", "column"], keep="first", maintain_order=True
    )
    ids = raw.with_row_index("row").select("row", line="file_line", id=pl.col(spec.key[0]))
    rejects = (
        bad.join(ids, on="row", how="left")
        .with_columns(pl.col("value").str.slice(0, _SHOWN))
        .sort("line", maintain_order=True)
        .select(*REJECTS)
    )
    kept = typed.filter(~pl.int_range(pl.len()).is_in(bad["row"].unique().implode()))
    return Reading(
        frame=kept,
        rejects=pl.concat([text.rejects, rejects]).sort("line", maintain_order=True),
        rows=raw.height + text.rejects.height,
        encoding=text.encoding,
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, eq=False)
class Text:
    """A CSV file as text: every cell a string, empty cells null, and `file_line`."""

    frame: pl.DataFrame
    rejects: pl.DataFrame
    encoding: str
    warnings: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """Columns of the file, without `file_line`."""
        return self.frame.columns[:-1]


def read_text(path: Path) -> Text:
    """Read a CSV file (optionally gzip) without interpreting its cells.

    Rows with too many or too few cells go to the rejects. Raises ContractError as `read_csv`.
    """
    data = _bytes(path)
    content, encoding = _decode(data, path)
    if not content.strip():
        raise ContractError(
            f"{path}: expected a header line and rows, got an empty file. Export it again."
        )
    header = next(csv.reader(io.StringIO(content)))
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise ContractError(
            f"{path}: expected each column once, got {', '.join(twice)} twice. Rename one of them."
        )
    ragged: list[arrow_csv.InvalidRow] = []

    def on_invalid(row: arrow_csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    encoded = content.encode()
    try:
        parsed = arrow_csv.read_csv(
            io.BytesIO(encoded),
            # one block and one thread: a cell of any length fits, and rows keep their numbers
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(encoded) + 1),
            parse_options=arrow_csv.ParseOptions(
                newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=on_invalid
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), null_values=[""]
            ),
        )
    except pa.ArrowInvalid as error:
        raise ContractError(
            f"{path}: expected comma-separated text, got something else ({error}). "
            "Export the file again as CSV."
        ) from error
    frame = pl.DataFrame(parsed)
    lines, ragged_lines = _lines(frame, ragged)
    frame = frame.with_columns(pl.col(header).str.strip_chars().replace("", None), lines)
    width = f"expected {len(header)} cells, got "
    rejects = pl.DataFrame(
        [
            (line, None, None, None, f"{width}{row.actual_columns}")
            for line, row in zip(ragged_lines, ragged, strict=True)
        ],
        schema=REJECTS,
        orient="row",
    )
    filled = frame.filter(~pl.all_horizontal(pl.col(header).is_null()))
    warnings = []
    if encoding != "utf-8":
        warnings.append(f"{path}: read as {encoding.upper()}, it is not UTF-8")
    if filled.height < frame.height:
        warnings.append(f"{path}: passed over {frame.height - filled.height} empty lines")
    return Text(filled, rejects, encoding, tuple(warnings))


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise ContractError(f"{path}: expected a CSV file, got a folder. Name the file inside it.")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ContractError(f"{path}: no such file. Check the path.") from error
    except OSError as error:
        raise ContractError(
            f"{path}: cannot be read ({error.strerror or error}). "
            "Check the file and its permissions."
        ) from error
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ContractError(
            f"{path}: expected a whole gzip file, got one that is cut off or damaged ({error}). "
            "Copy it again."
        ) from error


def _decode(data: bytes, path: Path) -> tuple[str, str]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ContractError(
            f"{path}: expected UTF-8 or GB18030, got UTF-16. Save it as 'CSV UTF-8'."
        )
    data = data.removeprefix(codecs.BOM_UTF8)
    for encoding in ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text, encoding
    raise ContractError(
        f"{path}: expected text in UTF-8 or GB18030, got neither. Save it as 'CSV UTF-8'."
    )


def _lines(frame: pl.DataFrame, ragged: list[arrow_csv.InvalidRow]) -> tuple[pl.Series, list[int]]:
    """Lines of the file on which good and ragged rows start; a quoted cell may span several."""
    skipped = [row.number for row in ragged]  # counted in records, the header being 1
    good = np.setdiff1d(np.arange(2, frame.height + len(skipped) + 2), skipped)
    inside = frame.select(
        pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True).fill_null(0))
    )
    breaks = np.zeros(frame.height + len(skipped) + 2, dtype=np.int64)
    breaks[good] = inside.to_series().to_numpy()
    breaks[skipped] = [row.text.count("\n") for row in ragged]
    before = np.concatenate([[0], np.cumsum(breaks)[:-1]])
    return (
        pl.Series("file_line", good + before[good], pl.Int64),
        [int(record + before[record]) for record in skipped],
    )


def typed_cell(name: str, dtype: object, *, dates: str = "%Y-%m-%d") -> pl.Expr:
    """The text column `name` as `dtype`; null where the text cannot be read as that."""
    cell = pl.col(name)
    if dtype == pl.Date:
        return cell.str.to_date(dates, strict=False)
    if dtype == pl.Boolean:
        lower = cell.str.to_lowercase()
        return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
    if dtype == pl.Float64:
        return cell.cast(pl.Float64, strict=False)
    if dtype == pl.Int64:
        number = cell.cast(pl.Float64, strict=False)  # pandas writes 12.0 beside empty cells
        return pl.when(number == number.round()).then(number.cast(pl.Int64, strict=False))
    return cell


def _remedy(name: str, dtype: object) -> pl.Expr:
    """Remedy for a cell that a spreadsheet has reformatted; empty otherwise."""
    for kind, (dressed, remedy) in _DRESSED.items():
        if dtype == kind:
            matches = pl.col(name).str.contains(dressed)
            return pl.when(matches).then(pl.lit(remedy)).otherwise(pl.lit(""))
    return pl.lit("")
