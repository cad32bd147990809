"""The feature engine: applications and signals in, one row of figures per application out."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from features.catalogue import feature_names, fingerprint
from features.compute import compute, needs
from features.folder import Signals, read_applications
from features.peers import places
from features.prepare import SIGNAL_TABLES, prepare
from features.tables import BUCKET_FIRMS, TABLES, ContractError, conform

Progress = Callable[[int, int], None]

IDS = ("application_id", "firm_id", "as_of")
"""Columns before the features."""

FINGERPRINT_KEY = "firstloan.features"
"""Key of the table's fingerprint in the metadata of a feature file."""

_FEW_FIRMS = 250
"""Below this many firms of a bucket only their rows are read, above it the whole bucket."""


def build_features(
    signals: Signals,
    applications: pl.DataFrame,
    *,
    workers: int = 1,
    reference: pl.DataFrame | None = None,
    progress: Progress | None = None,
    by_event: bool = False,
) -> pl.DataFrame:
    """Compute every feature as known on the day of each application.

    Parameters
    ----------
    signals : Signals
    applications : polars.DataFrame
        The contract's applications; a firm may apply more than once.
    workers : int
        Buckets in work at a time; the result does not depend on it.
    reference : polars.DataFrame, optional
        What is usual among peers, from `features.peers.build_reference`; without it the peer
        features are missing.
    progress : callable, optional
        Called with (applications done, applications in all).
    by_event : bool
        Join by the day of the event instead of the day of knowledge: a leak, for measuring only.

    Returns
    -------
    polars.DataFrame
        One row per application in the order given: application_id, firm_id, as_of (Date), then
        Float32 features in the order of `feature_names()`. Nothing known is missing, not an error.

    Raises
    ------
    ContractError
        If a table lacks a required column or cannot be read.
    """
    wanted = _number(applications)
    if wanted.is_empty():
        ids = wanted.select("application_id", "firm_id", as_of="applied_on")
        return ids.with_columns(pl.lit(None, pl.Float32).alias(name) for name in feature_names())
    jobs = list(_jobs(signals, wanted))
    with_coverage = "coverage" in signals.tables

    def run(job: tuple[str, pl.DataFrame]) -> pl.DataFrame:
        return _bucket(
            signals,
            *job,
            with_coverage=with_coverage,
            reference=reference,
            by_event=by_event,
        )

    parts = []
    done = 0
    with _mapper(workers, len(jobs)) as each:
        for part in each(run, jobs):
            parts.append(part)
            done += part.height
            if progress is not None:
                progress(done, wanted.height)
    return pl.concat(parts).sort("position").drop("position")


def build_file(
    data: Path,
    out: Path,
    *,
    workers: int = 1,
    reference: pl.DataFrame | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Compute the features of a data folder into one Parquet file, whole or not at all.

    Returns
    -------
    polars.DataFrame
        What was written; rows in the order of applications.csv.
    """
    if out.is_dir():
        raise ContractError(f"{out}: expected a file to write, got a folder. Name a .parquet file.")
    applications = read_applications(data / "applications.csv")
    frame = build_features(
        Signals.open(data), applications, workers=workers, reference=reference, progress=progress
    )
    write_features(frame, out)
    return frame


def write_features(frame: pl.DataFrame, out: Path) -> None:
    """Write a feature matrix with the fingerprint of the table in the file's metadata."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    try:
        frame.write_parquet(part, compression="zstd", metadata={FINGERPRINT_KEY: fingerprint()})
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def read_features(path: Path) -> pl.DataFrame:
    """Read a feature matrix written by `write_features`.

    Raises
    ------
    ContractError
        If the file is not one, or was made with another feature table.
    """
    try:
        mark = pl.read_parquet_metadata(path).get(FINGERPRINT_KEY)
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ContractError(
            f"{path}: expected a feature file, cannot read it ({str(error).splitlines()[0]}). "
            "Build it with `firstloan features`."
        ) from error
    if mark != fingerprint():
        raise ContractError(
            f"{path}: expected features of the table {fingerprint()}, got {mark or 'no mark'}. "
            "Build it again with `firstloan features`."
        )
    return frame


def _number(applications: pl.DataFrame) -> pl.DataFrame:
    """Sort by firm and day, so that files sorted by firm need no sorting; keep the position."""
    own = applications if "line" not in applications.columns else applications.drop("line")
    return (
        conform(own, "applications")
        .with_row_index("position")
        .with_columns(as_of_day=pl.col("applied_on").to_physical())
        .sort("firm_id", "as_of_day", "application_id")
    )


def _jobs(signals: Signals, wanted: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    for bucket, firms in signals.assign(wanted["firm_id"]).items():
        own = (
            wanted
            if len(firms) == wanted.height
            else wanted.join(
                firms.to_frame("firm_id"), on="firm_id", how="semi", maintain_order="left"
            )
        )
        yield bucket, own


def _bucket(
    signals: Signals,
    bucket: str,
    wanted: pl.DataFrame,
    *,
    with_coverage: bool,
    reference: pl.DataFrame | None,
    by_event: bool,
) -> pl.DataFrame:
    firms = wanted["firm_id"].unique()
    few = firms if len(firms) < _FEW_FIRMS else None
    tables = {
        table: signals.read(table, bucket=bucket, firms=few, columns=_COLUMNS[table])
        for table in _COLUMNS
    }
    parts = []
    for start in range(0, wanted.height, BUCKET_FIRMS):
        chunk = wanted.slice(start, BUCKET_FIRMS).with_columns(
            app=pl.int_range(pl.len(), dtype=pl.Int32)
        )
        frames = prepare(
            tables.__getitem__,
            chunk,
            coverage=tables["coverage"] if with_coverage else None,
            needs=needs(),
            by_event=by_event,
        )
        found = compute(frames, places(frames["register"]), reference)
        ids = chunk.select("position", "application_id", "firm_id", as_of="applied_on")
        parts.append(pl.concat([ids, found], how="horizontal"))
    return pl.concat(parts)


@contextmanager
def _mapper(workers: int, jobs: int) -> Iterator[Callable[..., Iterator[pl.DataFrame]]]:
    """Give `map`, over threads where that helps: Polars works outside the interpreter lock."""
    if workers <= 1 or jobs <= 1:
        yield map
        return
    with ThreadPoolExecutor(min(workers, jobs)) as pool:
        yield pool.map


_UNUSED = {
    "invoices": ("tax_cny",),
    "firms": ("county",),
}
"""Contract columns that no frame is made from."""


def _needed(table: str) -> tuple[str, ...]:
    spec = TABLES[table]
    unused = _UNUSED.get(table, ())
    return tuple(c for c in spec.dtypes if c not in unused)


_COLUMNS = {table: _needed(table) for table in ("firms", "coverage", *SIGNAL_TABLES)}
"""What is read of each table."""
