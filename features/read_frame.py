"""Data frames in place of files: typed by the contract, bad rows set aside, pandas or Polars."""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import polars as pl

from features.folder import MOST_BAD_ROWS
from features.read_csv import REJECTS, Reading, typed_cell
from features.tables import (
    EXCEL_NUMBER,
    SIGNALS,
    TABLES,
    ContractError,
    Table,
    require_columns,
    violations,
)

if TYPE_CHECKING:
    import pandas as pd

AnyFrame: TypeAlias = "pd.DataFrame | pl.DataFrame"

_SHOWN = 60


def read_frame(frame: AnyFrame, table: str) -> Reading:
    """Read one table of the contract from a data frame, as `features.read_csv.read_csv` would.

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
    raw = to_polars(frame, table)
    require_columns(raw.columns, table, where=table)
    spec = TABLES[table]
    here = [name for name in spec.dtypes if name in raw.columns]
    typed = _typed(raw, table, here)
    suspects = pl.any_horizontal(
        *(
            raw[name].is_not_null() & typed[name].is_null()
            for name in here
            if _changed(raw, name, spec)
        ),
        *_doubts(table),
    )
    rows = typed.with_row_index("file_line", offset=1).with_columns(
        pl.col("file_line").cast(pl.Int64)
    )
    kept = rows.select(*typed.columns, "file_line")
    clean = pl.DataFrame(schema=REJECTS)
    if not typed.select(suspects.any()).item():
        return Reading(kept, clean, raw.height, "frame", _foreign(raw, table))
    unread = [
        raw.with_row_index("row")
        .filter(raw[name].is_not_null() & typed[name].is_null())
        .select(
            "row",
            column=pl.lit(name),
            value=pl.col(name).cast(pl.String, strict=False),
            problem=pl.lit(f"expected {spec.expected(name)}"),
        )
        for name in here
    ]
    bad = pl.concat([*unread, violations(typed, table)]).unique(
        ["row", "column"], keep="first", maintain_order=True
    )
    rejects = (
        bad.with_columns(
            line=pl.col("row").cast(pl.Int64) + 1,
            id=typed[spec.key[0]].gather(bad["row"]),
            value=pl.col("value").str.slice(0, _SHOWN),
        )
        .sort("line", maintain_order=True)
        .select(*REJECTS)
    )
    good = kept.filter(~pl.col("file_line").is_in(rejects["line"].unique().implode()))
    return Reading(good, rejects, raw.height, "frame", _foreign(raw, table))


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
    rejects : dict of table name to polars.DataFrame, schema `features.read_csv.REJECTS`
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
        reading = read_frame(frame, table)
        read[table] = reading.frame.drop("file_line")
        warnings += reading.warnings
        if not reading.rejected:
            continue
        if reading.rejected > MOST_BAD_ROWS * reading.rows:
            first = reading.rejects.row(0, named=True)
            raise ContractError(
                f"{table}: {first['column']}: {first['problem']}, got {first['value']!r} in row "
                f"{first['line']}; {reading.rejected} of {reading.rows} rows are bad, more than "
                f"{MOST_BAD_ROWS:.0%}. Mend the table; nothing was scored."
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
        return pl.from_pandas(frame)
    except (pl.exceptions.PolarsError, ValueError, TypeError, ArithmeticError) as error:
        raise ContractError(
            f"{table}: expected one kind of value in each column, got a mixture "
            f"({str(error).splitlines()[0]}). Give every column one type, or text."
        ) from error


def _typed(raw: pl.DataFrame, table: str, here: Sequence[str]) -> pl.DataFrame:
    spec = TABLES[table]
    cells = []
    for name, dtype in spec.dtypes.items():
        if name not in here:
            if name != Table.KNOWN_ON:
                cells.append(pl.lit(None, dtype).alias(name))
            continue
        have = raw.schema[name]
        if have == dtype:
            cells.append(pl.col(name))
        elif have == pl.String:
            cells.append(typed_cell(name, dtype).alias(name))
        elif have.is_nested() or have in (pl.Object, pl.Binary):
            raise ContractError(
                f"{table}.{name}: expected {spec.expected(name)}, got values of type {have}. "
                "Convert the column and try again."
            )
        elif dtype == pl.Date and not have.is_temporal() and have != pl.Null:
            cells.append(pl.lit(None, dtype).alias(name))
        elif dtype == pl.Int64 and have.is_float():
            whole = pl.col(name) == pl.col(name).round()
            cells.append(pl.when(whole).then(pl.col(name).cast(dtype, strict=False)).alias(name))
        else:
            cells.append(pl.col(name).cast(dtype, strict=False))
    return raw.select(cells) if raw.width else pl.DataFrame(schema=spec.schema)


def _changed(raw: pl.DataFrame, name: str, spec: Table) -> bool:
    return bool(raw.schema[name] != spec.dtypes[name])


def _foreign(raw: pl.DataFrame, table: str) -> tuple[str, ...]:
    foreign = [name for name in raw.columns if name not in TABLES[table].dtypes]
    return (f"{table}: ignored the columns {', '.join(foreign)}",) if foreign else ()


_LIMITS: Mapping[str, tuple[str, Callable[[pl.Expr, Any], Any]]] = {
    "greater_than_or_equal_to": ("min_value", operator.lt),
    "greater_than": ("min_value", operator.le),
    "less_than_or_equal_to": ("max_value", operator.gt),
}


@cache
def _doubts(table: str) -> tuple[pl.Expr, ...]:
    """Whether a row may break the contract: one quick look, before `violations` names the cells."""
    spec = TABLES[table]
    found = []
    for name, dtype in spec.schema.items():
        column, rules = pl.col(name), spec.checks.columns[name]
        if not rules.nullable:
            found.append(column.is_null())
        if dtype == pl.Float64:
            found.append(~column.is_finite())
        if name.endswith("_id"):
            found.append(column.str.contains(EXCEL_NUMBER))
        for check in rules.checks:
            if check.name == "isin":
                found.append(~column.is_in(list(check.statistics["allowed_values"])))
                continue
            limit, breaks = _LIMITS[str(check.name)]
            found.append(cast("pl.Expr", breaks(column, check.statistics[limit])))
    return tuple(found)
