"""Reader of data folders: applications, outcomes and signal tables.

A signal table is a Parquet dataset cut into buckets of firms, as `simulate` and `import` write
it, one plain Parquet file, or one CSV file. Only the rows of the firms asked for are read.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from features.contract.cells import canonical_ids
from features.contract.errors import ContractError
from features.contract.tables import CONTRACT_VERSION, SIGNALS, TABLES, empty
from features.contract.validation import (
    bad_rows_error,
    conform,
    require_columns,
    violations,
)
from features.io.csv_reader import REJECTS, Reading, read_csv, read_text
from features.io.data_folder import (
    DUPLICATE,
    IMPORT_REJECTS_FILE,
    ONE_VERSION,
    VERSIONS_KEY,
    read_manifest,
    refuse_unfinished,
)
from features.io.storage import CONTRACT_KEY, is_remote, parquet_marks, scan_parquet, storage_errors

WHOLE = "all"
"""Name of the only bucket where the tables are not cut into buckets."""

_ONLY_KEYS = ("invoice_id", "line")
"""Key columns that no feature reads."""

MOST_BAD_ROWS = 0.01
"""Share of bad rows in a signal table above which nothing is scored (docs/design.md, Bad rows)."""


_SLICE = 500_000
"""Rows of an unchecked Parquet file that are looked at together."""


@dataclass(eq=False)
class Signals:
    """The signal tables of some firms, read bucket by bucket.

    Attributes
    ----------
    folder : pathlib.Path or None
        Where the tables lie; None if they are frames in memory.
    frames : dict of str to polars.DataFrame
        Tables held in memory: given as frames, or read from CSV.
    rejects : dict of str to polars.DataFrame
        Bad rows found so far, by table, schema `features.io.csv_reader.REJECTS`; `id` is the firm.
    warnings : list of str
    """

    folder: Path | None
    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    rejects: dict[str, pl.DataFrame] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _paths: dict[str, dict[str, Path]] = field(default_factory=dict)
    _judged: set[Path] = field(default_factory=set)

    @classmethod
    def open(cls, path: Path) -> "Signals":
        """Find the tables below `path`: a signals folder, or the data folder that holds one.

        Raises
        ------
        ContractError
            If there is no such folder or no table in it, or a CSV table is broken.
        """
        if path.is_file():
            raise ContractError(f"{path}: expected a folder of signal tables, got a file.")
        if is_remote(path):
            refuse_unfinished(path)
            refuse_unfinished(path.parent)
        folder = path / "signals" if (path / "signals").is_dir() else path
        if not folder.is_dir():
            raise ContractError(f"{path}: no such folder. Check the path.")
        signals = cls(folder)
        for table in SIGNALS:
            signals._find(table)
        if not signals._paths and not signals.frames:
            raise ContractError(
                f"{path}: expected signal tables ({', '.join(SIGNALS)}) as folders of Parquet "
                "files or as CSV files, found none. Name the folder that holds them."
            )
        signals._take_lost(folder.parent if folder.name == "signals" else path)
        return signals

    @classmethod
    def from_frames(cls, frames: Mapping[str, pl.DataFrame]) -> "Signals":
        """Take tables that are already in memory, by name.

        Raises
        ------
        ContractError
            If a name is not in the contract or a frame does not have its columns.
        """
        if unknown := [name for name in frames if name not in SIGNALS]:
            raise ContractError(
                f"signals: expected tables among {', '.join(SIGNALS)}, got {', '.join(unknown)}."
            )
        return cls(None, {name: conform(frame, name) for name, frame in frames.items()})

    @property
    def buckets(self) -> tuple[str, ...]:
        """Names of the buckets, sorted; `("all",)` where nothing is cut."""
        names = {bucket for paths in self._paths.values() for bucket in paths} - {WHOLE}
        return tuple(sorted(names)) or (WHOLE,)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables present, in contract order."""
        return tuple(t for t in SIGNALS if t in self._paths or t in self.frames)

    def assign(self, firms: pl.Series) -> dict[str, pl.Series]:
        """Say which bucket holds each firm.

        Parameters
        ----------
        firms : polars.Series of String
            Firm ids, each once or more.

        Returns
        -------
        dict of bucket name to polars.Series
            Every firm exactly once. Firms that no table knows stand in the first bucket.
        """
        columns_read = firms if len(firms) == 1 else firms.unique().sort()
        if self.buckets == (WHOLE,):
            return {WHOLE: columns_read}
        by_bucket: dict[str, pl.Series] = {}
        missing = columns_read
        for table in self.tables:
            for bucket, path in self._paths.get(table, {}).items():
                if missing.is_empty() or bucket == WHOLE:
                    break
                firms_here = (
                    scan_parquet(path)
                    .select("firm_id")
                    .filter(pl.col("firm_id").is_in(missing.implode()))
                    .unique()
                    .collect()["firm_id"]
                )
                by_bucket[bucket] = pl.concat(
                    [by_bucket.get(bucket, firms_here.clear()), firms_here]
                )
                missing = missing.filter(~missing.is_in(firms_here.implode()))
        first = self.buckets[0]
        by_bucket[first] = pl.concat([by_bucket.get(first, missing.clear()), missing])
        return {
            bucket: by_bucket[bucket].sort()
            for bucket in sorted(by_bucket)
            if len(by_bucket[bucket])
        }

    def read(
        self,
        table: str,
        *,
        bucket: str,
        firms: pl.Series | None = None,
        columns: Sequence[str] | None = None,
        versions: bool = True,
    ) -> pl.DataFrame:
        """Read the rows of one table.

        Parameters
        ----------
        table : str
        bucket : str
            One of `buckets`.
        firms : polars.Series of String, optional
            Only the rows of these firms.
        columns : sequence of str, optional
            Only these columns; `known_on` is left out where the table does not carry it.
        versions : bool
            If false, columns that only tell the versions of a row apart are left out where the
            file is marked as having one version of each row.

        Returns
        -------
        polars.DataFrame
            Contract columns; no rows if the table is absent.
        """
        if table in self.frames:
            frame = self.frames[table]
            if firms is not None:
                frame = frame.filter(pl.col("firm_id").is_in(firms.implode()))
        else:
            paths = self._paths.get(table, {})
            path = paths.get(bucket, paths.get(WHOLE))
            if path is None:
                frame = empty(table)
            else:
                chosen = columns
                if columns is not None and not versions and _single(path):
                    chosen = [c for c in columns if c not in _ONLY_KEYS]
                frame = self._read_parquet(path, table, firms, chosen)
        columns_read = (
            frame.columns if columns is None else [c for c in columns if c in frame.columns]
        )
        return frame if frame.columns == columns_read else frame[columns_read]

    def read_firms(
        self,
        table: str,
        firms: Mapping[str, Sequence[str]],
        *,
        days: tuple[dt.date, dt.date] | None = None,
    ) -> pl.DataFrame:
        """Read the rows of some firms of one table, wherever they lie.

        Parameters
        ----------
        table : str
        firms : mapping of bucket name to firm ids
        days : pair of datetime.date, optional
            First and last day of the events that are read, of a table of daily life.

        Returns
        -------
        polars.DataFrame
            Contract columns, bucket by bucket in the order of `firms`.
        """
        asked = {bucket: pl.Series(ids, dtype=pl.String) for bucket, ids in firms.items()}
        within = None if days is None or not TABLES[table].source else _between(table, *days)
        parts = self._together(table, asked, within) or [
            rows if within is None else rows.filter(within)
            for bucket, ids in asked.items()
            for rows in (self.read(table, bucket=bucket, firms=ids),)
        ]
        # known_on may stand in one bucket and not in another
        return pl.concat(parts, how="diagonal")

    def _together(
        self, table: str, firms: Mapping[str, pl.Series], within: pl.Expr | None
    ) -> list[pl.DataFrame]:
        """Rows by bucket, all files read at once; empty if that cannot be done."""
        by_bucket = self._paths.get(table, {})
        paths = [by_bucket[bucket] for bucket in firms if bucket in by_bucket]
        if len(paths) < len(firms) or not all(map(_quick, paths)):
            return []
        plans = [
            scan_parquet(path).filter(_among(ids) if within is None else _among(ids) & within)
            for path, ids in zip(paths, firms.values(), strict=True)
        ]
        try:
            return pl.collect_all(plans)
        except (pl.exceptions.PolarsError, OSError):
            return []  # one after the other they tell which of them is broken

    def _find(self, table: str) -> None:
        assert self.folder is not None  # noqa: S101 - only `open` comes here
        csv = [
            p for p in (self.folder / f"{table}.csv", self.folder / f"{table}.csv.gz") if p.exists()
        ]
        parquet = self._parquet(table)
        if (csv and parquet) or len(csv) > 1:
            raise ContractError(
                f"{self.folder}: {table} is there twice, as "
                f"{' and '.join(str(p.name) for p in [*csv, *list(parquet.values())[:1]])}. "
                "Keep one of them."
            )
        if csv:
            self._take(table, csv[0])
        elif parquet:
            self._paths[table] = parquet

    def _parquet(self, table: str) -> dict[str, Path]:
        assert self.folder is not None  # noqa: S101 - only `open` comes here
        folder = self.folder / table
        single = self.folder / f"{table}.parquet"
        if single.is_file():
            return {WHOLE: single}
        if not folder.is_dir():
            return {}
        cut = {p.parent.name.removeprefix("bucket="): p for p in folder.glob("bucket=*/*.parquet")}
        if cut:
            return dict(sorted(cut.items()))
        loose = sorted(folder.glob("*.parquet"))
        if len(loose) > 1:
            raise ContractError(
                f"{folder}: expected one Parquet file, or folders bucket=0000, bucket=0001 …, got "
                f"{len(loose)} files. Join them into one."
            )
        return {WHOLE: loose[0]} if loose else {}

    def _take(self, table: str, path: Path) -> None:
        reading = read_csv(path, table)
        self.frames[table] = reading.frame.drop("file_line")
        _refuse_many(reading.rejects, reading.rejected, reading.rows, path)
        self._keep_bad(table, reading.rejects)
        self.warnings.extend(reading.warnings)

    def _take_lost(self, data: Path) -> None:
        """Count the rows that an import put aside as bad rows of its tables."""
        manifest = read_manifest(data)
        lost = {table: n for table, n in manifest.get("lost", {}).items() if n}
        if not lost:
            return
        path = data / IMPORT_REJECTS_FILE
        rejects = read_text(path).frame.filter(pl.col("problem") != DUPLICATE)
        rejects = rejects.with_columns(canonical_ids(rejects["firm_id"]).alias("id"))
        for table in [table for table in self.tables if table in lost]:
            bad = rejects.filter(pl.col("table") == table).select(
                pl.col("line").cast(pl.Int64), "id", "column", "value", "problem"
            )
            _refuse_many(bad, lost[table], manifest["read"][table], path)
            self._keep_bad(table, bad)

    def _keep_bad(self, table: str, rejects: pl.DataFrame) -> None:
        if rejects.height:
            before = self.rejects.get(table, rejects.clear())
            self.rejects[table] = pl.concat([before, rejects])

    def _judge(self, path: Path, table: str) -> None:
        """Refuse an unchecked file with too many bad rows, counted over the whole file."""
        rows, bad, first = 0, 0, pl.DataFrame(schema=REJECTS)
        lazy = scan_parquet(path)
        lazy = lazy.select(_plain_columns(lazy.collect_schema(), table, path))
        while (part := conform(lazy.slice(rows, _SLICE).collect(), table)).height:
            problems = violations(part, table)
            bad += problems["row"].n_unique()
            first = first if first.height else _as_rejects(problems.head(1), part)
            rows += part.height
        _refuse_many(first, bad, rows, path)
        self._judged.add(path)

    def _read_parquet(
        self, path: Path, table: str, firms: pl.Series | None, columns: Sequence[str] | None
    ) -> pl.DataFrame:
        try:
            with storage_errors(path):
                lazy = scan_parquet(path)
                schema = lazy.collect_schema()
                names = schema.names()
                require_columns(names, table, where=str(path))
                trusted = _checked(path)
                if not trusted:
                    lazy = lazy.select(_plain_columns(schema, table, path))
                if firms is not None:
                    lazy = lazy.filter(_among(firms))
                if trusted and columns is not None:
                    lazy = lazy.select([c for c in columns if c in names])
                frame = lazy.collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ContractError(
                f"{path}: expected a Parquet file, cannot read it ({str(error).splitlines()[0]}). "
                "Write it again."
            ) from error
        if trusted:
            return frame
        if path not in self._judged:
            self._judge(path, table)
        frame = conform(frame, table)
        bad = violations(frame, table)
        if bad.height:
            self._keep_bad(table, _as_rejects(bad, frame))
            frame = frame.filter(~pl.int_range(pl.len()).is_in(bad["row"].unique().implode()))
        return frame


def _plain_columns(schema: pl.Schema, table: str, path: Path) -> list[str]:
    """Contract columns of a file; ContractError if one is nested, before it is read.

    Polars ends the process where columns are nested hundreds deep.
    """
    names = [name for name in schema.names() if name in TABLES[table].dtypes]
    nested = [name for name in names if schema[name].is_nested()]
    if nested:
        raise ContractError(
            f"{path}: {nested[0]}: expected {TABLES[table].expected(nested[0])}, got a nested "
            f"column ({type(schema[nested[0]]).__name__}). Write the table with plain columns."
        )
    return names


def _among(firms: pl.Series) -> pl.Expr:
    """Rows of some firms; by the range, row groups are passed over that a list would read."""
    firm = pl.col("firm_id")
    within = firm.is_between(pl.lit(firms.min()), pl.lit(firms.max()))
    return within & firm.is_in(firms.implode())


def _between(table: str, first: dt.date, last: dt.date) -> pl.Expr:
    """Rows whose event lies between two days, both included."""
    return pl.col(TABLES[table].event).is_between(pl.lit(first), pl.lit(last))


def _single(path: Path) -> bool:
    """Tell whether the writer marked a file as holding one version of each row."""
    try:
        return parquet_marks(path).get(VERSIONS_KEY) == ONE_VERSION
    except (pl.exceptions.PolarsError, OSError):
        return False


def _checked(path: Path) -> bool:
    """Tell whether the writer vouches that every row satisfies the contract."""
    return parquet_marks(path).get(CONTRACT_KEY) == CONTRACT_VERSION


def _quick(path: Path) -> bool:
    """Tell whether a file can be read beside others: here, readable, and already checked."""
    try:
        return not is_remote(path) and _checked(path)
    except (pl.exceptions.PolarsError, OSError):
        return False


def _as_rejects(bad: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    ids = frame["firm_id"].gather(bad["row"])
    return bad.with_columns(line=pl.lit(None, pl.Int64), id=ids).select(*REJECTS)


def _refuse_many(rejects: pl.DataFrame, bad: int, rows: int, path: Path) -> None:
    if bad <= MOST_BAD_ROWS * rows:
        return
    raise bad_rows_error(
        path,
        rejects.row(0, named=True),
        bad=bad,
        rows=rows,
        limit=MOST_BAD_ROWS,
        remedy="Mend the rows; nothing was written.",
    )


def read_applications(path: Path) -> pl.DataFrame:
    """Read the applications of a data folder; every row must satisfy the contract.

    Raises
    ------
    ContractError
        Also if a row is bad: a data folder is written by a program, not typed by hand.
    """
    return _read_whole(path, "applications")


def read_outcomes(path: Path) -> pl.DataFrame:
    """Read the outcomes of a data folder; every row must satisfy the contract."""
    return _read_whole(path, "outcomes")


def _read_whole(path: Path, table: str) -> pl.DataFrame:
    reading: Reading = read_csv(path, table)
    if reading.rejected:
        raise bad_rows_error(
            path,
            reading.rejects.row(0, named=True),
            bad=reading.rejected,
            rows=reading.rows,
            remedy="Mend the rows and try again.",
        )
    twice = reading.frame.filter(pl.col("application_id").is_duplicated())
    if twice.height:
        raise ContractError(
            f"{path}: expected each application_id once, got {twice['application_id'][0]!r} on "
            f"lines {', '.join(str(n) for n in twice['file_line'].head(2))}; {twice.height} rows "
            "share an id with another. Mend the rows and try again."
        )
    return reading.frame.drop("file_line")
