"""Validation of data frames against the contract: columns, types and values."""

from collections.abc import Iterator, Mapping

import pandera.polars as pa
import polars as pl

from features.contract.cells import local_day
from features.contract.errors import ContractError
from features.contract.tables import FIRST_DAY, LAST_DAY, TABLES, Table

EXCEL_NUMBER = r"^\d+(\.\d+[Ee]\+?|[Ee]\+)\d+$"
"""What a spreadsheet or a program makes of an id of many digits."""


def conform(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Give `frame` the contract's columns, in its order and types.

    Absent optional columns are added empty, foreign ones dropped, `known_on` kept.

    Raises
    ------
    ContractError
        If a required column is missing or a column cannot take its type.
    """
    spec = TABLES[table]
    require_columns(frame.columns, table, where=table)
    if spec.fits(frame):
        return frame
    have = frame.schema
    columns = [
        _cast(name, have[name], dtype) if name in have else pl.lit(None, dtype).alias(name)
        for name, dtype in spec.dtypes.items()
        if name in have or name != Table.KNOWN_ON
    ]
    try:
        return frame.select(columns)
    except pl.exceptions.PolarsError as error:
        types = ", ".join(f"{c} {frame.schema[c]}" for c in spec.columns if c in frame.columns)
        raise ContractError(
            f"{table}: expected columns of the contract's types, got {types} "
            f"({str(error).splitlines()[0]}). Convert the columns and try again."
        ) from error


def _cast(name: str, have: pl.DataType, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Date and isinstance(have, pl.Datetime) and have.time_zone is not None:
        return local_day(pl.col(name), have)
    return pl.col(name).cast(dtype)


def require_columns(columns: list[str], table: str, *, where: str) -> None:
    """Raise ContractError if a required column of `table` is not among `columns`."""
    missing = [name for name in TABLES[table].required if name not in columns]
    if missing:
        raise ContractError(
            f"{where}: expected the columns {', '.join(TABLES[table].required)}; "
            f"missing: {', '.join(missing)}; found: {', '.join(columns) or 'none'}. "
            "Rename or add the missing columns (`firstloan import` renames by a mapping)."
        )


def bad_rows_error(
    where: object,
    first: Mapping[str, object],
    *,
    bad: int,
    rows: int,
    remedy: str,
    unit: str = "line",
    limit: float | None = None,
) -> ContractError:
    """Error that says how many rows of a table are bad, and shows the first of them.

    Parameters
    ----------
    where : object
        File or table.
    first : mapping
        First row of a rejects frame: line, id, column, value, problem.
    bad, rows : int
        Bad rows, and rows in all.
    remedy : str
        What to do, a sentence.
    unit : {"line", "row"}
        What `line` counts: lines of a file, or rows of a data frame.
    limit : float, optional
        Share of bad rows that is tolerated.
    """
    place = f"{unit} {first['line']}" if first["line"] else f"firm_id {first['id']}"
    above = "" if limit is None else f", more than {limit:.0%}"
    return ContractError(
        f"{where}: {first['column']}: {first['problem']}, got {first['value']!r} in {place}; "
        f"{bad} of {rows} rows are bad{above}. {remedy}"
    )


def violations(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Find the cells that break the contract's value checks.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of `table`, as `conform` returns them.

    Returns
    -------
    polars.DataFrame with columns row (UInt32 position), column, value, problem (text)
    """
    spec = TABLES[table]
    schema = {"row": pl.UInt32, "column": pl.String, "value": pl.String, "problem": pl.String}
    parts = [*_broken_checks(frame, spec), *_spoilt_cells(frame, spec)]
    problems: pl.DataFrame = pl.concat([pl.DataFrame(schema=schema), *parts])
    # NaN fails as empty and again as not finite: one cell is one problem
    return problems.unique(["row", "column"], keep="last", maintain_order=True).sort(
        "row", maintain_order=True
    )


def _broken_checks(frame: pl.DataFrame, spec: Table) -> Iterator[pl.DataFrame]:
    """Cells that pandera finds empty, out of range or not listed."""
    try:
        spec.checks.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases.filter(pl.col("index").is_not_null())
        for (column, check), part in cases.group_by("column", "check", maintain_order=True):
            blank = check == "not_nullable"
            problem = "is empty" if blank else f"expected {spec.expected(str(column))}"
            yield part.select(
                row=pl.col("index").cast(pl.UInt32),
                column=pl.lit(str(column)),
                value=pl.lit("") if blank else pl.col("failure_case"),
                problem=pl.lit(problem),
            )


def _spoilt_cells(frame: pl.DataFrame, spec: Table) -> Iterator[pl.DataFrame]:
    """Invalid cells that pandera cannot find: NaN, control characters, spreadsheet numbers."""
    numbered = frame.with_row_index("row")
    for name, dtype in spec.dtypes.items():
        if name not in frame.columns:
            continue
        if name.endswith("_id"):
            bad = pl.col(name).str.contains(EXCEL_NUMBER)
            problem = "a spreadsheet turned this id into a number and lost its digits"
        elif dtype == pl.Float64:
            bad, problem = ~pl.col(name).is_finite(), "expected a finite number"
        elif name == Table.KNOWN_ON:
            bad = ~pl.col(name).is_between(FIRST_DAY, LAST_DAY)
            problem = f"expected {spec.expected(name)}"
        else:
            continue
        yield numbered.filter(bad).select(
            "row",
            column=pl.lit(name),
            value=pl.col(name).cast(pl.String),
            problem=pl.lit(problem),
        )
