"""Import of a lender's own files into a data folder, whole or not at all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.contract.cells import neutral, typed
from features.contract.errors import ContractError
from features.contract.tables import BUCKET_FIRMS, TABLES
from features.contract.validation import conform
from features.importing.mapping import ApplicationOfEachFirm, ImportMapping, Source
from features.importing.rows import (
    FILE,
    IMPORT_REJECTS,
    LINE,
    SourceRows,
    added_up,
    contract_rows,
    numbered_lines,
    refuse_shared_keys,
)
from features.importing.shapes import chosen, unpivoted, without_footers
from features.importing.sources import read_file, read_query, source_files
from features.io.csv_reader import Text
from features.io.data_folder import (
    DUPLICATE,
    IMPORT_REJECTS_FILE,
    KIND,
    MANIFEST,
    fresh_folder,
    write_bucket,
)
from features.parallel.executor import Progress

_SECRET = {"tables": {table: {"__all__": {"database"}} for table in TABLES}}
"""The address of a database may hold a password."""


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


def import_folder(
    mapping: ImportMapping,
    *,
    source: Path,
    out: Path,
    progress: Progress | None = None,
) -> ImportSummary:
    """Read the sources and write a data folder, whole or not at all.

    Parameters
    ----------
    mapping : ImportMapping
    source : pathlib.Path
        Folder of the files that the mapping names.
    out : pathlib.Path
        Data folder to write. What firstloan wrote there is replaced, anything else is kept.
    progress : callable, optional
        Called with (sources read, sources in all).

    Raises
    ------
    ContractError
        If a file or column is missing, no row of a source is good, rows share a key that are
        neither lines nor to be added up, or `out` is something else.
    """
    if not source.is_dir():
        raise ContractError(f"{source}: expected the folder of the source files. Check the path.")
    frames: dict[str, pl.DataFrame] = {}
    rejects = [pl.DataFrame(schema=dict(IMPORT_REJECTS))]
    warnings: list[str] = []
    read: dict[str, int] = {}
    parts = sum(len(sources) for sources in mapping.tables.values())
    done = 0
    for table, sources in mapping.tables.items():
        tables = []
        for each in sources:
            rows, notes = _read_source(source, table, each)
            tables.append(rows.good)
            rejects.append(rows.rejects)
            warnings.extend(notes)
            read[table] = read.get(table, 0) + rows.read
            done += 1
            if progress:
                progress(done, parts)
        frames[table] = _one_row_each(tables, table, sources)

    every_firm = pl.concat([frame["firm_id"] for frame in frames.values()]).unique().sort()
    firms = frames["firms"]["firm_id"].unique().sort() if "firms" in frames else every_firm
    applications = pl.DataFrame(schema=TABLES["applications"].schema)
    if "loans" in frames:
        frames["loans"] = frames["loans"].with_columns(_APPLICATION_ID)
        applications = _applications_of_loans(frames["loans"])
    if mapping.applications is not None:
        others = firms.filter(~firms.is_in(applications["firm_id"].implode()))
        applications = pl.concat([applications, _applications(mapping.applications, others)])
    all_rejects = pl.concat(rejects)
    counts = all_rejects.group_by("table", "problem").len().sort("table", "problem")
    summary = ImportSummary(
        out=out,
        firms=len(firms),
        rows={table: frame.height for table, frame in frames.items()},
        rejected_rows=all_rejects.select("file", "line").n_unique(),
        rejected={(table, problem): n for table, problem, n in counts.iter_rows()},
        warnings=tuple(dict.fromkeys(warnings)),
    )
    with fresh_folder(out) as unfinished:
        _write_signals(frames, every_firm, unfinished / "signals")
        ids = ("application_id", "firm_id")
        neutralised = applications.with_columns(neutral(pl.col(name)) for name in ids)
        neutralised.write_csv(unfinished / "applications.csv")
        texts = [name for name, dtype in IMPORT_REJECTS.items() if dtype == pl.String]
        shown = all_rejects.with_columns(neutral(pl.col(name)) for name in texts)
        shown.write_csv(unfinished / IMPORT_REJECTS_FILE)
        manifest = {
            "kind": KIND,
            "made_by": "import",
            "firms": summary.firms,
            "rows": summary.rows,
            "rejected_rows": summary.rejected_rows,
            "read": read,
            "lost": {table: _lost(all_rejects, table) for table in frames},
            "mapping": mapping.model_dump(mode="json", exclude=_SECRET),
        }
        (unfinished / MANIFEST).write_text(
            json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    return summary


def _lost(rejects: pl.DataFrame, table: str) -> int:
    """Rows of a table that could not be used; one that repeats another is not lost."""
    lost = rejects.filter((pl.col("table") == table) & (pl.col("problem") != DUPLICATE))
    return lost.select("file", "line").n_unique()


def _write_signals(frames: dict[str, pl.DataFrame], firms: pl.Series, signals: Path) -> None:
    """Write each table cut into buckets of `firms`, which come sorted."""
    buckets = pl.DataFrame({"firm_id": firms}).with_columns(
        bucket=pl.int_range(pl.len()) // BUCKET_FIRMS
    )
    for table, frame in frames.items():
        for (bucket,), part in frame.join(buckets, on="firm_id").group_by("bucket"):
            write_bucket(part.drop("bucket"), table, signals, int(str(bucket)))


def _read_source(folder: Path, table: str, source: Source) -> tuple[SourceRows, tuple[str, ...]]:
    """Rows of one source and warnings about it."""
    if source.database is None:
        texts = [(path.name, read_file(path, source)) for path in source_files(folder, source)]
        where = str(folder / str(source.file))
    else:
        texts = [(f"{table} of the database", read_query(source))]
        where = texts[0][0]
    parts, ragged = [], []
    warnings: list[str] = []
    for name, text in texts:
        _require(text, name, table, source)
        part, footers = without_footers(text.frame, text.columns)
        left = part.height
        part = chosen(part, source)
        left -= part.height
        warnings += text.warnings
        if left:
            warnings.append(f"{name}: passed over {left} rows that `only` leaves out")
        if footers:
            warnings.append(f"{name}: passed over {footers} rows that add up those above")
        parts.append(part.rename({"file_line": LINE}).with_columns(pl.lit(name).alias(FILE)))
        ragged.append(_ragged(text, name, table))
    frame = pl.concat(parts, how="diagonal")
    if source.wide is not None:
        frame = unpivoted(frame, source.wide, where=where)
    rows = contract_rows(frame, table, source)
    broken = pl.concat(ragged)
    rejects = pl.concat([broken, rows.rejects]).sort("file", "line", maintain_order=True)
    if rows.good.is_empty() and rejects.height:
        first = rejects.row(0, named=True)
        raise ContractError(
            f"{where}: no row is good; the first: line {first['line']}, "
            f"{first['column']}: {first['problem']}, got {first['value']!r}. "
            "Correct the mapping or the file."
        )
    return SourceRows(rows.good, rejects, rows.read + broken.height), tuple(warnings)


def _require(text: Text, name: str, table: str, source: Source) -> None:
    """Raise ContractError if a column of the source is missing, or a `where` names none."""
    wanted = [
        *source.source_columns,
        *(c for c in source.words_asked() if c not in source.columns and c not in source.constants),
    ]
    if missing := sorted(set(wanted) - set(text.columns)):
        raise ContractError(
            f"{name}: the mapping expects the columns {', '.join(missing)}; found: "
            f"{', '.join(text.columns)}. Correct the mapping's columns of {table}."
        )


def _ragged(text: Text, name: str, table: str) -> pl.DataFrame:
    return text.rejects.select(
        pl.lit(table).alias("table"),
        pl.lit(name).alias("file"),
        "line",
        pl.lit(None, pl.String).alias("firm_id"),
        "column",
        "value",
        "problem",
    )


def _one_row_each(
    parts: Sequence[pl.DataFrame], table: str, sources: Sequence[Source]
) -> pl.DataFrame:
    """Rows of a table, of which no two share a key unless they are versions."""
    with_lines = [part for part, source in zip(parts, sources, strict=True) if source.lines]
    others = [part for part, source in zip(parts, sources, strict=True) if not source.lines]
    if with_lines:
        others.append(numbered_lines(pl.concat(with_lines, how="diagonal"), table))
    rows = pl.concat(others, how="diagonal")
    if any(source.sum for source in sources):
        rows = added_up(rows, table)
    refuse_shared_keys(rows, table)
    return conform(rows, table)


_APPLICATION_ID = pl.coalesce("application_id", pl.format("A-{}", "loan_id")).alias(
    "application_id"
)


def _applications_of_loans(loans: pl.DataFrame) -> pl.DataFrame:
    """One application a loan: the first, where several have one."""
    rows = loans.sort("disbursed_on", "loan_id").unique(
        "application_id", keep="first", maintain_order=True
    )
    request = rows.select(
        "application_id",
        "firm_id",
        "term_months",
        "plan",
        "lender_type",
        applied_on="disbursed_on",
        amount_cny="limit_cny",
        first_time=pl.lit(None, pl.Boolean),
    )
    return conform(request, "applications")


def _applications(constants: ApplicationOfEachFirm, firms: pl.Series) -> pl.DataFrame:
    cells = {name: value or None for name, value in constants.model_dump().items()}
    raw = pl.DataFrame({"firm_id": firms}).select(
        pl.format("A-{}", "firm_id").alias("application_id"),
        "firm_id",
        *[pl.lit(value, pl.String).alias(name) for name, value in cells.items()],
    )
    spec = TABLES["applications"]
    rows = pl.DataFrame([typed(raw[name], spec.dtypes[name]) for name in raw.columns])
    for name, value in cells.items():
        if value is not None and rows[name].is_null().any():
            raise ContractError(
                f"mapping: applications.{name}: expected {spec.expected(name)}, got {value!r}. "
                "Correct the mapping."
            )
    return conform(rows, "applications")
