"""Feature engine: one row of features per application, from applications and signals."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from features.arrays import Int32s
from features.contract.errors import ContractError
from features.contract.tables import BUCKET_FIRMS, TABLES
from features.contract.validation import conform
from features.engine.evaluate import columns_read, evaluate_features
from features.engine.frame_builder import SIGNAL_TABLES, FrameSet, build_frames
from features.engine.point_in_time import days
from features.io.outputs import only_writer, refuse_overwriting
from features.io.signal_reader import Signals, read_applications
from features.io.storage import absolute, is_remote, parquet_marks, scan_parquet, write_parquet
from features.parallel.executor import Progress, each
from features.table.catalogue import feature_names, fingerprint

if TYPE_CHECKING:
    from features.parallel.dask_cluster import Cluster

_Job = tuple[str, pl.DataFrame]
"""A bucket and the applications of its firms."""

_Part = tuple[pl.DataFrame, Int32s]

Further = Callable[[FrameSet, pl.DataFrame, Callable[[str], pl.DataFrame]], pl.DataFrame]
"""Further features of some applications, from their frames, themselves, and raw tables by name."""

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
    cluster: "Cluster | None" = None,
    further: Further | None = None,
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
        What is usual among peers, from `features.table.peers.build_reference`; without it the peer
        features are missing.
    progress : callable, optional
        Called with (applications done, applications in all).
    by_event : bool
        Join by the day of the event instead of the day of knowledge: a leak, for measuring only.
    cluster : Cluster, optional
        From `features.parallel.executor.connect`: its workers take the buckets, and must see the
        folder.
    further : callable, optional
        Computes features beyond the table's own, which stand after them.

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
    applied = _number(applications)
    if applied.is_empty():
        ids = applied.select("application_id", "firm_id", as_of="applied_on")
        return ids.with_columns(pl.lit(None, pl.Float32).alias(name) for name in feature_names())
    jobs = list(_jobs(signals, applied))
    with_coverage = "coverage" in signals.tables

    run = partial(
        _bucket,
        signals,
        with_coverage=with_coverage,
        reference=reference,
        by_event=by_event,
        further=further,
    )
    parts_by_job: dict[int, _Part] = {}
    done = 0
    with _mapper(run, jobs, workers=workers, cluster=cluster) as results:
        for number, part in results:
            parts_by_job[number] = part
            done += part[0].height
            if progress is not None:
                progress(done, applied.height)
    frames = [parts_by_job[number][0] for number in range(len(jobs))]
    frame = frames[0] if len(frames) == 1 else pl.concat(frames)
    order = np.argsort(np.concatenate([parts_by_job[number][1] for number in range(len(jobs))]))
    return frame if bool((order[1:] > order[:-1]).all()) else frame[order]


def build_file(
    data: Path,
    out: Path,
    *,
    workers: int = 1,
    reference: pl.DataFrame | None = None,
    progress: Progress | None = None,
    cluster: "Cluster | None" = None,
) -> pl.DataFrame:
    """Compute the features of a data folder into one Parquet file, whole or not at all.

    Returns
    -------
    polars.DataFrame
        What was written; rows in the order of applications.csv.

    Raises
    ------
    ContractError
        If `out` is a folder, an input or a file of another kind, or the data cannot be read.
    """
    opened = Signals.open(absolute(data))
    given = [data / "applications.csv", data / "outcomes.csv"]
    refuse_overwriting(out, inputs=given, signals=opened.folder, is_ours=is_feature_file)
    with only_writer(out):
        frame = build_features(
            opened,
            read_applications(given[0]),
            workers=workers,
            reference=reference,
            progress=progress,
            cluster=cluster,
        )
        write_features(frame, out)
    return frame


def is_feature_file(path: Path) -> bool:
    """Whether `write_features` wrote a file."""
    try:
        return FINGERPRINT_KEY in parquet_marks(path)
    except (pl.exceptions.PolarsError, OSError):
        return False


def write_features(frame: pl.DataFrame, out: Path, *, mark: str | None = None) -> None:
    """Write a feature matrix with the fingerprint of its table in the file's metadata."""
    marks = {FINGERPRINT_KEY: mark or fingerprint()}
    if is_remote(out):
        write_parquet(frame, out, compression="zstd", metadata=marks)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    try:
        frame.write_parquet(part, compression="zstd", metadata=marks)
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
        mark = parquet_marks(path).get(FINGERPRINT_KEY)
        frame = scan_parquet(path).collect()
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
    """Sort applications by firm and day and keep their position."""
    applied = applications if "line" not in applications.columns else applications.drop("line")
    applied = conform(applied, "applications")
    applied = applied.hstack(
        [
            pl.Series("position", np.arange(applied.height, dtype=np.int32)),
            pl.Series("as_of_day", days(applied["applied_on"])),
        ]
    )
    return (
        applied if applied.height == 1 else applied.sort("firm_id", "as_of_day", "application_id")
    )


def _jobs(signals: Signals, applied: pl.DataFrame) -> Iterator[_Job]:
    for bucket, firms in signals.assign(applied["firm_id"]).items():
        of_bucket = (
            applied
            if len(firms) == applied.height
            else applied.join(
                firms.to_frame("firm_id"), on="firm_id", how="semi", maintain_order="left"
            )
        )
        yield bucket, of_bucket


def _bucket(
    signals: Signals,
    job: _Job,
    *,
    with_coverage: bool,
    reference: pl.DataFrame | None,
    by_event: bool,
    further: Further | None,
) -> _Part:
    """Features of some applications, and their positions among those asked for."""
    bucket, applied = job
    firms = applied["firm_id"].unique() if signals.folder is not None else None
    # rows in memory are joined to their applications in any case
    few = firms if firms is not None and len(firms) < _FEW_FIRMS else None
    tables = {
        table: signals.read(table, bucket=bucket, firms=few, columns=columns, versions=False)
        for table, columns in _COLUMNS.items()
    }

    def read(table: str) -> pl.DataFrame:
        return signals.read(table, bucket=bucket, firms=few)

    parts = []
    for start in range(0, applied.height, BUCKET_FIRMS):
        chunk = applied.slice(start, BUCKET_FIRMS)
        chunk = chunk.hstack([pl.Series("app", np.arange(chunk.height, dtype=np.int32))])
        frames = build_frames(
            tables.__getitem__,
            chunk,
            coverage=tables["coverage"] if with_coverage else None,
            columns_read=columns_read(),
            by_event=by_event,
        )
        features = evaluate_features(frames, chunk.height, reference)
        if further is not None:
            features = features.hstack(further(frames, chunk, read))
        ids = (chunk["application_id"], chunk["firm_id"], chunk["applied_on"].alias("as_of"))
        for place, column in enumerate(ids):
            features.insert_column(place, column)
        parts.append(features)
    frame = parts[0] if len(parts) == 1 else pl.concat(parts)
    return frame, applied["position"].to_numpy()


@contextmanager
def _mapper(
    run: Callable[[_Job], _Part],
    jobs: list[_Job],
    *,
    workers: int,
    cluster: "Cluster | None",
) -> Iterator[Iterator[tuple[int, _Part]]]:
    """Give the results; on this machine from threads, as Polars works outside the lock."""
    if cluster is not None or min(workers, len(jobs)) <= 1:
        yield each(run, jobs, workers=1, cluster=cluster)
        return
    with ThreadPoolExecutor(min(workers, len(jobs))) as pool:
        yield enumerate(pool.map(run, jobs))


_UNUSED = {
    "invoices": ("tax_cny",),
    "firms": ("county",),
}
"""Contract columns that no frame is made from."""


def _needed(table: str) -> tuple[str, ...]:
    spec = TABLES[table]
    unused = _UNUSED.get(table, ())
    return tuple(c for c in spec.dtypes if c not in unused)


_COLUMNS = {
    table: _needed(table) for table in ("firms", "coverage", "credit_history", *SIGNAL_TABLES)
}
"""What is read of each table."""
