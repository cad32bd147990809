"""Import of a lender's own files into a data folder, by a mapping file.

A mapping (TOML) says for each table of the contract which file, which column, which words mean
what, which date format, which constants. `examples/vat-invoices.toml` is a worked one.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import polars as pl
from pydantic import Field, ValidationError

from features.contract.errors import ContractError
from features.contract.tables import BUCKET_FIRMS, SIGNALS, TABLES
from features.contract.validation import conform, violations
from features.io.csv_reader import Text, read_text, typed_cell
from features.io.data_folder import KIND, MANIFEST, fresh_folder, write_bucket
from features.parallel.executor import Progress
from features.settings import Settings, read_toml

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

DUPLICATE = "repeats an earlier row in every column"


class ColumnFrom(Settings):
    """Source column that applies only where other columns have given values."""

    column: str
    where: dict[str, str] = Field(default_factory=dict)


class SourceFile(Settings):
    """One file of the source that feeds one table.

    Attributes
    ----------
    file : str
        Name below the source folder; CSV, optionally gzip.
    columns : dict
        Our column -> its column, or a `ColumnFrom`.
    constants : dict
        Our column -> the value of every row.
    values : dict
        Our column -> {their word: ours}. A word that is not listed makes the row a reject.
    dates : str
        Format of their dates, as strptime writes it.
    lines : bool
        Whether rows that share a key are lines of one document and are numbered.
    """

    file: str
    columns: dict[str, str | ColumnFrom]
    constants: dict[str, str | int | float | bool] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    dates: str = "%Y-%m-%d"
    lines: bool = False


class ApplicationOfEachFirm(Settings):
    """The one application that import makes for every firm, as written in a CSV cell."""

    applied_on: str
    first_time: str = "true"
    amount_cny: str = ""
    term_months: str = ""
    purpose: str = ""
    lender_type: str = ""
    channel: str = ""
    consent_on: str = ""


class ImportMapping(Settings):
    """A whole mapping file: one list of source files per table, and the application."""

    tables: dict[str, tuple[SourceFile, ...]]
    applications: ApplicationOfEachFirm


@dataclass(frozen=True)
class ImportSummary:
    """What an import read, kept and put aside, in rows.

    Attributes
    ----------
    out : pathlib.Path
    firms : int
    rows : dict of str to int
        Rows kept, by table.
    rejected_rows : int
        Rows put aside; they are in `import.rejects.csv`.
    rejected : dict of (table, problem) to int
        Why; one row may have several problems.
    warnings : tuple of str
    """

    out: Path
    firms: int
    rows: dict[str, int]
    rejected_rows: int
    rejected: dict[tuple[str, str], int]
    warnings: tuple[str, ...]


def load_mapping(path: Path) -> ImportMapping:
    """Read a mapping file.

    Raises
    ------
    ContractError
        If it is absent, no TOML, or names a table, column or setting that does not exist.
    """
    content = read_toml(path, expected="a mapping")
    applications = content.pop("applications", {})
    try:
        mapping = ImportMapping(tables=content, applications=applications)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "tables")
        raise ContractError(
            f"{path}: {where}: {first['msg'].lower()}; {error.error_count()} such places. "
            "See examples/vat-invoices.toml."
        ) from error
    for table, sources in mapping.tables.items():
        _check_names(path, "tables", [table], SIGNALS)
        for source in sources:
            named = [*source.columns, *source.constants, *source.values]
            _check_names(path, f"columns of {table}", named, tuple(TABLES[table].dtypes))
    return mapping


def _check_names(path: Path, what: str, names: list[str], valid: tuple[str, ...]) -> None:
    if unknown := [name for name in names if name not in valid]:
        raise ContractError(
            f"{path}: expected {what} among {', '.join(valid)}; got {', '.join(unknown)}. "
            "Correct the mapping."
        )


def import_folder(
    mapping: ImportMapping,
    *,
    source: Path,
    out: Path,
    progress: Progress | None = None,
) -> ImportSummary:
    """Read the source files and write a data folder, whole or not at all.

    Parameters
    ----------
    mapping : ImportMapping
    source : pathlib.Path
        Folder of the files that the mapping names.
    out : pathlib.Path
        Data folder to write. A data folder that stands there is replaced.
    progress : callable, optional
        Called with (files read, files in all).

    Raises
    ------
    ContractError
        If a file or column is missing, no row of a table is good, or `out` is something else.
    """
    if not source.is_dir():
        raise ContractError(f"{source}: expected the folder of the source files. Check the path.")
    frames: dict[str, pl.DataFrame] = {}
    rejects = [pl.DataFrame(schema=dict(IMPORT_REJECTS))]
    warnings: list[str] = []
    files = [
        (table, source_file) for table, sources in mapping.tables.items() for source_file in sources
    ]
    for done, (table, source_file) in enumerate(files):
        rows, bad, notes = _read_source(source / source_file.file, table, source_file)
        if rows.is_empty() and bad.height:
            first = bad.row(0, named=True)
            raise ContractError(
                f"{source / source_file.file}: no row is good; the first: line {first['line']}, "
                f"{first['column']}: {first['problem']}, got {first['value']!r}. "
                "Correct the mapping or the file."
            )
        frames[table] = pl.concat([frames[table], rows]) if table in frames else rows
        rejects.append(bad)
        warnings.extend(notes)
        if progress:
            progress(done + 1, len(files))

    every_firm = pl.concat([frame["firm_id"] for frame in frames.values()]).unique().sort()
    firms = frames["firms"]["firm_id"].unique().sort() if "firms" in frames else every_firm
    applications = _applications(mapping.applications, firms)
    all_rejects = pl.concat(rejects)
    counts = all_rejects.group_by("table", "problem").len().sort("table", "problem")
    summary = ImportSummary(
        out=out,
        firms=len(firms),
        rows={table: frame.height for table, frame in frames.items()},
        rejected_rows=all_rejects.select("file", "line").n_unique(),
        rejected={(table, problem): n for table, problem, n in counts.iter_rows()},
        warnings=tuple(warnings),
    )
    with fresh_folder(out) as unfinished:
        _write_signals(frames, every_firm, unfinished / "signals")
        applications.write_csv(unfinished / "applications.csv")
        all_rejects.write_csv(unfinished / "import.rejects.csv")
        manifest = {
            "kind": KIND,
            "made_by": "import",
            "firms": summary.firms,
            "rows": summary.rows,
            "rejected_rows": summary.rejected_rows,
            "mapping": mapping.model_dump(),
        }
        (unfinished / MANIFEST).write_text(
            json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    return summary


def _write_signals(frames: dict[str, pl.DataFrame], firms: pl.Series, signals: Path) -> None:
    """Write each table cut into buckets of `firms`, which come sorted."""
    buckets = pl.DataFrame({"firm_id": firms}).with_columns(
        bucket=pl.int_range(pl.len()) // BUCKET_FIRMS
    )
    for table, frame in frames.items():
        for (bucket,), part in frame.join(buckets, on="firm_id").group_by("bucket"):
            write_bucket(part.drop("bucket"), table, signals, int(str(bucket)))


def _read_source(
    path: Path, table: str, source: SourceFile
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Good rows of one source file, its rejects, and warnings."""
    text = read_text(path)
    raw = _renamed(text, path, table, source)
    problems = [_describe(raw.filter("repeated"), None, DUPLICATE)]
    raw, strange = _in_our_words(raw, source)
    frame, unread = _typed(raw, table, source)
    lines = frame["file_line"]
    rows = conform(frame, table)
    broken = violations(rows, table)
    problems += [
        *strange,
        *unread,
        broken.select(
            line=lines.gather(broken["row"]),
            firm_id=rows["firm_id"].gather(broken["row"]),
            column="column",
            value="value",
            problem="problem",
        ),
    ]
    ragged = text.rejects.select(
        "line", pl.lit(None, pl.String).alias("firm_id"), "column", "value", "problem"
    )
    # one cell is one problem, and the first words found for it are the plainest
    bad = pl.concat([p.cast({"line": pl.Int64}) for p in problems]).unique(
        ["line", "column"], keep="first", maintain_order=True
    )
    rejects = (
        pl.concat([ragged, bad])
        .sort("line", maintain_order=True)
        .select(pl.lit(table).alias("table"), pl.lit(path.name).alias("file"), pl.all())
        .select(*IMPORT_REJECTS)
    )
    return rows.filter(~lines.is_in(bad["line"].unique().implode())), rejects, text.warnings


def _renamed(text: Text, path: Path, table: str, source: SourceFile) -> pl.DataFrame:
    """Source cells as text under contract names, with `file_line` and `repeated` (bool)."""
    theirs = _column_names(source)
    missing = sorted(set(theirs.values()) - set(text.columns))
    if missing:
        raise ContractError(
            f"{path}: the mapping expects the columns {', '.join(missing)}; found: "
            f"{', '.join(text.columns)}. Correct the mapping's columns of {table}."
        )
    return text.frame.select(
        "file_line",
        pl.struct(text.columns).is_first_distinct().not_().alias("repeated"),
        *[pl.col(column).alias(name) for name, column in theirs.items()],
        *[pl.lit(str(value)).alias(name) for name, value in source.constants.items()],
    )


def _column_names(source: SourceFile) -> dict[str, str]:
    """Source column of each contract column."""
    return {
        name: column.column if isinstance(column, ColumnFrom) else column
        for name, column in source.columns.items()
    }


def _in_our_words(raw: pl.DataFrame, source: SourceFile) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Translate categories by the mapping, and describe cells that it does not cover."""
    words, strange = [], []
    for name in raw.columns:
        if known := source.values.get(name):
            other = raw.filter(pl.col(name).is_not_null() & ~pl.col(name).is_in(list(known)))
            strange.append(_describe(other, name, f"expected one of {', '.join(known)}"))
            words.append(pl.col(name).replace_strict(known, default=None))
    return raw.with_columns(words), strange


def _typed(
    raw: pl.DataFrame, table: str, source: SourceFile
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Read cells as the contract's types, and describe those that cannot be read."""
    spec = TABLES[table]
    typed, unread = [], []
    for name in [c for c in raw.columns if c in spec.dtypes]:
        cell = typed_cell(name, spec.dtypes[name], dates=source.dates)
        column = source.columns.get(name)
        where = column.where if isinstance(column, ColumnFrom) else {}
        holds = pl.all_horizontal(pl.lit(value=True), *[pl.col(k) == v for k, v in where.items()])
        lost = raw.filter(pl.col(name).is_not_null() & cell.is_null() & holds)
        kind = f"dates as {source.dates}" if spec.dtypes[name] == pl.Date else spec.expected(name)
        unread.append(_describe(lost, name, f"expected {kind}"))
        typed.append(pl.when(holds).then(cell).alias(name))
    frame = raw.select("file_line", *typed).with_columns(
        pl.lit(None).alias(c) for c in spec.required if c not in raw.columns
    )
    if source.lines:
        key = [c for c in spec.key if c != "line"]
        frame = frame.with_columns(line=pl.int_range(pl.len()).over(key) + 1)
    return frame, unread


def _describe(rows: pl.DataFrame, column: str | None, problem: str) -> pl.DataFrame:
    return rows.select(
        pl.col("file_line").alias("line"),
        "firm_id",
        pl.lit(column, pl.String).alias("column"),
        (pl.col(column) if column else pl.lit(None, pl.String)).alias("value"),
        pl.lit(problem).alias("problem"),
    )


def _applications(constants: ApplicationOfEachFirm, firms: pl.Series) -> pl.DataFrame:
    cells = {name: value or None for name, value in constants.model_dump().items()}
    raw = pl.DataFrame({"firm_id": firms}).select(
        pl.format("A-{}", "firm_id").alias("application_id"),
        "firm_id",
        *[pl.lit(value, pl.String).alias(name) for name, value in cells.items()],
    )
    dtypes = TABLES["applications"].dtypes
    typed = raw.select(typed_cell(name, dtypes[name]).alias(name) for name in raw.columns)
    for name, value in cells.items():
        if value is not None and typed[name].is_null().any():
            raise ContractError(
                f"mapping: applications.{name}: expected "
                f"{TABLES['applications'].expected(name)}, got {value!r}. Correct the mapping."
            )
    return conform(typed, "applications")
