"""Reader of pandas and Polars data frames: typed by the contract, bad rows set aside."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from features.contract.cells import ZONE, blanked, canonical_ids, in_utc, is_utc, local_day, typed
from features.contract.errors import ContractError
from features.contract.tables import SIGNALS, TABLES, Table
from features.contract.validation import (
    EXCEL_NUMBER,
    bad_rows_error,
    require_columns,
    violations,
)
from features.io.csv_reader import REJECTS, Reading
from features.io.signal_reader import MOST_BAD_ROWS

if TYPE_CHECKING:
    import pandas as pd

AnyFrame: TypeAlias = "pd.DataFrame | pl.DataFrame"

_SHOWN = 60
_NOTHING_BAD = pl.DataFrame(schema=REJECTS)


def read_frame(frame: AnyFrame, table: str) -> Reading:
    """Read one table of the contract from a data frame, as `features.io.csv_reader.read_csv` would.

    Parameters
    ----------
    frame : pandas or Polars DataFrame
        Text in place of dates and numbers is read like a cell of a CSV file.
    table : str

    Returns
    -------
    Reading
        `file_line` counts the frame's rows from 1.

    Raises
    ------
    ContractError
        If a required column is missing or holds something that is no value, such as lists.
    """
    reading = _read(frame, table)
    if "file_line" in reading.frame.columns:
        return reading
    numbers = pl.Series("file_line", np.arange(1, reading.rows + 1))
    return replace(reading, frame=reading.frame.hstack([numbers]))


def _read(frame: AnyFrame, table: str) -> Reading:
    """Read as `read_frame` does; rows are numbered only where some were left out."""
    raw = _without_empty_words(to_polars(frame, table), table)
    require_columns(raw.columns, table, where=table)
    spec = TABLES[table]
    have = dict(raw.schema)
    here = [name for name in spec.dtypes if name in have]
    cells = _typed(raw, table)
    lost = any(
        raw[name].null_count() != cells[name].null_count()
        for name in here
        if have[name] != spec.dtypes[name]
    )
    warnings = _said(raw, table)
    if not lost and not doubtful(cells, table):
        return Reading(cells, _NOTHING_BAD, raw.height, "frame", warnings)
    kept = cells.hstack([pl.Series("file_line", np.arange(1, cells.height + 1))])
    unread = [
        raw.with_row_index("row")
        .filter(raw[name].is_not_null() & cells[name].is_null())
        .select(
            "row",
            column=pl.lit(name),
            value=pl.col(name).cast(pl.String, strict=False),
            problem=pl.lit(f"expected {spec.expected(name)}"),
        )
        for name in here
    ]
    bad = pl.concat([*unread, violations(cells, table)]).unique(
        ["row", "column"], keep="first", maintain_order=True
    )
    rejects = (
        bad.with_columns(
            line=pl.col("row").cast(pl.Int64) + 1,
            id=cells[spec.key[0]].gather(bad["row"]),
            value=pl.col("value").str.slice(0, _SHOWN),
        )
        .sort("line", maintain_order=True)
        .select(*REJECTS)
    )
    good = kept.filter(~pl.col("file_line").is_in(rejects["line"].unique().implode()))
    return Reading(good, rejects, raw.height, "frame", warnings)


def read_signals_of(
    frames: Mapping[str, AnyFrame],
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame], tuple[str, ...]]:
    """Read signal tables from data frames.

    Parameters
    ----------
    frames : mapping of table name to DataFrame

    Returns
    -------
    frames : dict of table name to polars.DataFrame, contract columns
    rejects : dict of table name to polars.DataFrame, schema `features.io.csv_reader.REJECTS`
        Rows left out.
    warnings : tuple of str

    Raises
    ------
    ContractError
        If a name is not in the contract, a frame does not fit, or more than 1 % of a table's rows
        are bad.
    """
    if unknown := [str(name) for name in frames if name not in SIGNALS]:
        raise ContractError(
            f"signals: expected tables among {', '.join(SIGNALS)}, got {', '.join(unknown)}. "
            "Rename or leave out the others."
        )
    if not frames:
        raise ContractError("signals: expected at least one table, got none.")
    read, rejects, warnings = {}, {}, list[str]()
    for table, frame in frames.items():
        reading = _read(frame, table)
        numbered = "file_line" in reading.frame.columns
        read[table] = reading.frame.drop("file_line") if numbered else reading.frame
        warnings += reading.warnings
        if not reading.rejected:
            continue
        if reading.rejected > MOST_BAD_ROWS * reading.rows:
            raise bad_rows_error(
                table,
                reading.rejects.row(0, named=True),
                bad=reading.rejected,
                rows=reading.rows,
                unit="row",
                limit=MOST_BAD_ROWS,
                remedy="Mend the table; nothing was scored.",
            )
        rejects[table] = reading.rejects
    return read, rejects, tuple(warnings)


def to_polars(frame: AnyFrame, table: str) -> pl.DataFrame:
    """Turn a pandas or Polars DataFrame into a Polars one, its index left behind."""
    if isinstance(frame, pl.DataFrame):
        return frame
    if not hasattr(frame, "to_dict"):
        raise ContractError(
            f"{table}: expected a pandas or Polars DataFrame, got {type(frame).__name__}."
        )
    try:
        plain = _plain(frame, table)
        return pl.from_pandas(frame) if plain is None else plain
    except (pl.exceptions.PolarsError, ValueError, TypeError, ArithmeticError) as error:
        if not frame.columns.is_unique:
            twice = ", ".join(map(str, frame.columns[frame.columns.duplicated()].unique()))
            raise ContractError(
                f"{table}: expected each column once, got {twice} more than once. "
                "Rename or drop the others."
            ) from error
        raise ContractError(
            f"{table}: expected one kind of value in each column, got a mixture "
            f"({str(error).splitlines()[0]}). Give every column one type, or text."
        ) from error


_NUMBERS = frozenset(map(np.dtype, (np.float64, np.int64, np.bool_)))


def _plain(frame: "pd.DataFrame", table: str) -> pl.DataFrame | None:
    """Convert a frame of plain columns, at a fifth of what `polars.from_pandas` takes.

    One applicant's pandas frames need it: it saves 2 to 4 of 14 ms (docs/benchmarks.md).

    None if a column is of another kind, such as objects, categories or times of a zone.
    """
    dtypes = TABLES[table].dtypes
    if frame.empty:
        names = map(str, frame.columns)
        return pl.DataFrame([pl.Series(name, [], dtypes.get(name, pl.Null)) for name in names])
    columns = []
    for name, column in frame.items():
        dtype, values = column.dtype, column.values
        if not isinstance(name, str):
            return None
        if not isinstance(dtype, np.dtype):
            if str(dtype) != "str":
                return None
            columns.append(pl.Series(name, pa.array(values)))
        elif dtype in _NUMBERS:
            columns.append(pl.Series(name, values, nan_to_null=True))
        elif dtype.kind == "M" and dtypes.get(name) == pl.Date:
            columns.append(_dates(name, np.asarray(values)))
        else:
            return None
    return pl.DataFrame(columns)


def _dates(name: str, times: NDArray[np.datetime64]) -> pl.Series:
    """Days of a column of times, missing ones null."""
    numbers = times.astype("datetime64[D]").view(np.int64)
    missing = np.isnat(times)
    if missing.any():
        numbers = np.where(missing, np.nan, numbers)
    return pl.Series(name, numbers, nan_to_null=True).cast(pl.Date)


def _typed(raw: pl.DataFrame, table: str) -> pl.DataFrame:
    """Columns of the contract in its order and types; null where a cell cannot be read."""
    spec = TABLES[table]
    if not raw.width:
        return pl.DataFrame(schema=spec.schema)
    have = {column.name: column for column in raw.get_columns()}
    return pl.DataFrame(
        [
            _column(spec, name, have[name])
            if name in have
            else pl.Series(name, [None], dtype).new_from_index(0, raw.height)
            for name, dtype in spec.dtypes.items()
            if name in have or name != Table.KNOWN_ON
        ]
    )


def _column(spec: Table, name: str, column: pl.Series) -> pl.Series:
    dtype, have = spec.dtypes[name], column.dtype
    if have == pl.String:
        return typed(column, dtype)
    if have == dtype:
        return column
    if have.is_nested() or have in (pl.Object, pl.Binary):
        raise ContractError(
            f"{spec.name}.{name}: expected {spec.expected(name)}, got values of type {have}. "
            "Convert the column and try again."
        )
    if dtype == pl.Date and isinstance(have, pl.Datetime) and have.time_zone is not None:
        return column.to_frame().select(local_day(pl.col(name), have))[name]
    if dtype == pl.Date and not have.is_temporal() and have != pl.Null:
        return pl.Series(name, [None], dtype).new_from_index(0, len(column))
    if dtype == pl.Int64 and have.is_float():
        return column.set(column != column.round(), None).cast(dtype, strict=False)
    plain = column.cast(dtype, strict=False)
    return canonical_ids(plain) if name.endswith("_id") else plain


def _without_empty_words(raw: pl.DataFrame, table: str) -> pl.DataFrame:
    dtypes = TABLES[table].dtypes
    texts = [c for c in raw.get_columns() if c.dtype == pl.String and c.name in dtypes]
    return raw.with_columns(blanked(column, dtypes[column.name]) for column in texts)


def _said(raw: pl.DataFrame, table: str) -> tuple[str, ...]:
    """Warnings about columns that are not read, and about times whose zone is ambiguous."""
    dtypes = TABLES[table].dtypes
    foreign = [name for name in raw.columns if name not in dtypes]
    warnings = [f"{table}: ignored the columns {', '.join(foreign)}"] if foreign else []
    warnings += [
        f"{table}.{column.name}: read times in UTC as days in {ZONE}"
        for column in raw.get_columns()
        if dtypes.get(column.name) == pl.Date and (is_utc(column.dtype) or _texts_in_utc(column))
    ]
    return tuple(warnings)


def _texts_in_utc(column: pl.Series) -> bool:
    return column.dtype == pl.String and in_utc(column) > 0


_LIMITS: Mapping[str, tuple[str, str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        "greater_than_or_equal_to": ("min_value", "min", operator.lt),
        "greater_than": ("min_value", "min", operator.le),
        "less_than_or_equal_to": ("max_value", "max", operator.gt),
    }
)


def doubtful(frame: pl.DataFrame, table: str) -> bool:
    """Whether a row may break the contract: one quick look, before `violations` names the cells.

    One applicant needs it: `violations` takes 90 ms for ten tables, the bar is 20 in all. The
    limits come from the same checks.

    Parameters
    ----------
    frame : polars.DataFrame
        Typed columns of `table`.
    table : str
    """
    if frame.is_empty():
        return False
    filled, finite, limited, texts = _looks(table)
    columns = {column.name: column for column in frame.get_columns()}
    # one text all the way down, such as the id of the only firm, is looked at once
    several = []
    for name, breaks_text, any_path in texts:
        least = columns[name].min()
        if least != columns[name].max():
            several.append(any_path)
        elif least is not None and breaks_text(least):
            return True
    return (
        any(columns[name].null_count() for name in filled)
        # a sum is finite only if all that was added is
        or not all(math.isfinite(columns[name].sum()) for name in finite)
        or any(
            (most := getattr(columns[name], end)()) is not None and breaks(most, limit)
            for name, end, breaks, limit in limited
        )
        or (bool(several) and any(frame.select_seq(several).row(0)))
    )


_Limit: TypeAlias = tuple[str, str, Callable[[Any, Any], bool], Any]

_Text: TypeAlias = tuple[str, Callable[[Any], bool], pl.Expr]
"""A column, whether one text breaks its rule, and the same of any text in the column."""


@cache
def _looks(
    table: str,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[_Limit, ...], tuple[_Text, ...]]:
    """Columns never empty, columns of finite numbers, limits, and what no text may hold."""
    spec = TABLES[table]
    columns = spec.checks.columns
    filled = tuple(name for name in spec.schema if not columns[name].nullable)
    finite = tuple(name for name, dtype in spec.schema.items() if dtype == pl.Float64)
    limited: list[_Limit] = []
    texts: list[_Text] = [
        (name, _is_excel_number, pl.col(name).str.contains(EXCEL_NUMBER).any())
        for name in spec.schema
        if name.endswith("_id")
    ]
    for name in spec.schema:
        for check in columns[name].checks:
            if check.name == "isin":
                allowed = list(check.statistics["allowed_values"])
                listed = pl.col(name).is_in(allowed).alias(f"{name} not listed")
                texts.append((name, partial(_is_foreign, frozenset(allowed)), (~listed).any()))
                continue
            limit, end, breaks = _LIMITS[str(check.name)]
            limited.append((name, end, breaks, check.statistics[limit]))
    return filled, finite, tuple(limited), tuple(texts)


def _is_excel_number(text: str) -> bool:
    return re.search(EXCEL_NUMBER, text) is not None


def _is_foreign(allowed: frozenset[str], text: str) -> bool:
    return text not in allowed
