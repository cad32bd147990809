"""Rows of a source as rows of the contract: columns renamed, words translated, cells typed."""

from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from features.contract.cells import blanked, numbers, typed
from features.contract.errors import ContractError
from features.contract.tables import TABLES
from features.contract.validation import conform, violations
from features.importing.mapping import ColumnFrom, Source, words
from features.io.data_folder import DUPLICATE

IMPORT_REJECTS = MappingProxyType(
    {
        "table": pl.String,
        "file": pl.String,
        "line": pl.Int64,
        "firm_id": pl.String,
        "column": pl.String,
        "value": pl.String,
        "problem": pl.String,
    }
)
"""Schema of `import.rejects.csv`."""

FILE, LINE, COUNTED = " file", " line", " words of "
"""Where a row stood; no header can hold such a name, as headers are stripped."""

_SHOWN = 200


@dataclass(frozen=True, eq=False)
class SourceRows:
    """Rows of one source.

    Attributes
    ----------
    good : polars.DataFrame
        Columns of the contract, then `FILE`, `LINE`, and `COUNTED` before the name of each column
        that counts different words.
    rejects : polars.DataFrame
        Schema `IMPORT_REJECTS`.
    read : int
        Rows read, good and rejected.
    """

    good: pl.DataFrame
    rejects: pl.DataFrame
    read: int


def contract_rows(frame: pl.DataFrame, table: str, source: Source) -> SourceRows:
    """Turn text cells of a source into rows of a table, the bad ones set aside.

    Parameters
    ----------
    frame : polars.DataFrame
        Text cells under the source's names, with `FILE` and `LINE`.
    table : str
    source : Source
    """
    names = [name for name in frame.columns if name not in (FILE, LINE)]
    repeated = (
        pl.Series([False]).new_from_index(0, frame.height)
        if source.keep_repeats
        else frame.select(~pl.struct(names).is_first_distinct()).to_series()
    )
    raw, strange = _in_our_words(_renamed(frame, table, source), source)
    cells, unread = _typed(raw, frame, table, source)
    rows = conform(cells, table)
    ids = rows["firm_id"]
    broken = violations(rows, table)
    place = frame.select(FILE, LINE)
    problems = [
        _problem(repeated, None, pl.Series([""]).new_from_index(0, frame.height), DUPLICATE),
        *strange,
        *unread,
        broken.select(pl.col("row").cast(pl.Int64), "column", "value", "problem"),
    ]
    # one cell is one problem, and the first words found for it are the plainest
    bad = (
        pl.concat(problems)
        .unique(["row", "column"], keep="first", maintain_order=True)
        .sort("row", maintain_order=True)
    )
    rejects = bad.select(
        pl.lit(table).alias("table"),
        place[FILE].gather(bad["row"]).alias("file"),
        place[LINE].gather(bad["row"]).alias("line"),
        ids.gather(bad["row"]).alias("firm_id"),
        "column",
        pl.col("value").str.slice(0, _SHOWN),
        "problem",
    )
    counted = [
        frame[column.distinct].alias(f"{COUNTED}{name}")
        for name, column in source.columns.items()
        if isinstance(column, ColumnFrom) and column.distinct is not None
    ]
    good = rows.hstack([*place, *counted]).filter(
        ~pl.int_range(pl.len()).is_in(bad["row"].unique().implode())
    )
    return SourceRows(good, rejects, frame.height)


def numbered_lines(rows: pl.DataFrame, table: str) -> pl.DataFrame:
    """Number the rows that share a document, in their order, from 1."""
    key = [column for column in TABLES[table].key if column != "line"]
    return rows.with_columns(line=pl.int_range(pl.len(), dtype=pl.Int64).over(key) + 1)


def added_up(rows: pl.DataFrame, table: str) -> pl.DataFrame:
    """Add up the rows that share a key; of what is no quantity, the mean or the first.

    A quantity that is missing in one of the rows is missing in their sum.
    """
    key = list(TABLES[table].key)
    if table == "electricity":
        rows = _bands_where_all_have_them(rows, key)
    others = [name for name in rows.columns if name not in key and not name.startswith(COUNTED)]
    return rows.group_by(key, maintain_order=True).agg(_added(name, rows) for name in others)


def _bands_where_all_have_them(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Move the bands of meters into `kwh_flat` where another meter of the firm has none."""
    bands = ("kwh_peak", "kwh_valley")
    without = pl.any_horizontal(pl.col(bands).is_null()).any().over(key)
    total = pl.sum_horizontal("kwh_flat", *bands)
    return rows.with_columns(
        pl.when(without).then(total).otherwise("kwh_flat").alias("kwh_flat"),
        *(pl.when(~without).then(band).alias(band) for band in bands),
    )


def _added(name: str, rows: pl.DataFrame) -> pl.Expr:
    column, dtype = pl.col(name), rows.schema[name]
    if f"{COUNTED}{name}" in rows.columns:
        return pl.col(f"{COUNTED}{name}").drop_nulls().n_unique().cast(dtype).alias(name)
    if name == "known_on":
        return column.max()
    if name == "rating_mean":
        return column.mean()
    if dtype.is_numeric() and name not in (FILE, LINE):
        return pl.when(column.null_count() == 0).then(column.sum())
    return column.first()


def refuse_shared_keys(rows: pl.DataFrame, table: str) -> None:
    """Raise ContractError if rows share a key and are no versions of each other."""
    spec = TABLES[table]
    key = [*spec.key, *(["known_on"] if "known_on" in rows.columns else [])]
    shared = rows.filter(pl.struct(key).is_duplicated())
    if shared.is_empty():
        return
    first = shared.row(0, named=True)
    shown = ", ".join(f"{name}={first[name]}" for name in key if first[name] is not None)
    remedy = (
        "`lines = true` if they are lines of one document"
        if "line" in spec.key
        else "`sum = true` if they add up"
    )
    raise ContractError(
        f"{first[FILE]}: {table}: expected one row for each {', '.join(spec.key)}; "
        f"{shared.height} of {rows.height} rows share theirs with another, first {shown} on line "
        f"{first[LINE]}. Set {remedy}, or leave one of them; nothing was written."
    )


def _renamed(frame: pl.DataFrame, table: str, source: Source) -> pl.DataFrame:
    """Text cells under contract names."""
    spec = TABLES[table]
    named: list[pl.Series] = []
    for name, column in source.columns.items():
        theirs = column.column if isinstance(column, ColumnFrom) else column
        if theirs is None:
            value = column.value if isinstance(column, ColumnFrom) else None
            word = "1" if value is None else str(value)
            cells = pl.Series(name, [word]).new_from_index(0, frame.height)
        else:
            cells = frame[theirs].alias(name)
        named.append(blanked(cells, spec.dtypes[name]))
    wide = source.wide
    named += [
        blanked(frame[name], spec.dtypes[name])
        for name in ([] if wide is None else [wide.into, *wide.bands, "firm_id"])
        if name in frame.columns and name not in source.columns
    ]
    constants = [
        pl.Series(name, [str(value)]).new_from_index(0, frame.height)
        for name, value in source.constants.items()
    ]
    return pl.DataFrame([*named, *constants])


def _in_our_words(raw: pl.DataFrame, source: Source) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Translate categories by the mapping, and describe cells that it does not cover."""
    translated, strange = [], []
    for name in raw.columns:
        if known := source.values.get(name):
            other = raw[name].is_not_null() & ~raw[name].is_in(list(known))
            strange.append(_problem(other, name, raw[name], f"expected one of {', '.join(known)}"))
            translated.append(pl.col(name).replace_strict(known, default=None))
    return raw.with_columns(translated), strange


def _typed(
    raw: pl.DataFrame, frame: pl.DataFrame, table: str, source: Source
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Read cells as the contract's types, and describe those that cannot be read."""
    spec = TABLES[table]
    cells, unread = [], []
    for name in raw.columns:
        dtype = spec.dtypes[name]
        cell = typed(raw[name], dtype, dates=source.formats)
        column = source.columns.get(name)
        lost = raw[name].is_not_null() & cell.is_null()
        if isinstance(column, ColumnFrom):
            holds = _holds(column, raw, frame)
            factor = _factor(column, frame)
            if factor is not None:
                lost |= raw[name].is_not_null() & factor.is_null()
                cell = (cell * factor).cast(dtype, strict=False)
            lost &= holds
            cell = cell.set(~holds, 0 if source.sum and dtype.is_numeric() else None)
        kind = spec.expected(name)
        if dtype == pl.Date and source.formats:
            kind = f"dates as {' or '.join(source.formats)}"
        unread.append(_problem(lost, name, raw[name], f"expected {kind}"))
        cells.append(cell.alias(name))
    absent = [name for name in spec.required if name not in raw.columns]
    typed_rows = pl.DataFrame(cells).with_columns(pl.lit(None).alias(name) for name in absent)
    return typed_rows, unread


def _holds(column: ColumnFrom, raw: pl.DataFrame, frame: pl.DataFrame) -> pl.Series:
    """Rows to which a `ColumnFrom` applies."""
    holds = pl.Series([True]).new_from_index(0, raw.height)
    for name, asked in column.where.items():
        cells = raw[name] if name in raw.columns else frame[name]
        holds &= cells.is_in(words(asked)).fill_null(value=False)
    return holds


def _factor(column: ColumnFrom, frame: pl.DataFrame) -> pl.Series | None:
    if column.times is None:
        return None
    if isinstance(column.times, str):
        return numbers(frame[column.times])
    return pl.Series([float(column.times)]).new_from_index(0, frame.height)


def _problem(bad: pl.Series, column: str | None, values: pl.Series, problem: str) -> pl.DataFrame:
    rows = pl.DataFrame({"row": bad.arg_true().cast(pl.Int64)})
    return rows.with_columns(
        pl.lit(column, pl.String).alias("column"),
        (values.gather(rows["row"]) if column else pl.lit(None, pl.String)).alias("value"),
        pl.lit(problem).alias("problem"),
    )
