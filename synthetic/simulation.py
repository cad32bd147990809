"""Simulation of a world by buckets and workers, with atomic output."""

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from pyarrow.parquet import ParquetWriter, read_schema, read_table

from features.contract.errors import ContractError
from features.contract.tables import BUCKET_FIRMS, SIGNALS
from features.io.data_folder import (
    KIND,
    MANIFEST,
    arriving,
    bucket_name,
    fresh_folder,
    write_bucket,
)
from features.io.storage import is_remote, make_folder, remove_tree, storage_errors, write_parquet
from features.parallel.executor import Progress, each
from synthetic.backdrop import Backdrop, backdrop, one_thread
from synthetic.config.schema import WorldConfig
from synthetic.world import bucket_world

if TYPE_CHECKING:
    from features.parallel.dask_cluster import Cluster

IN_ONE_CSV = ("applications", "outcomes")
"""Tables written as one CSV file each, beside the signals."""

HIDDEN = ("truth", "faults")
"""Tables written as one Parquet file each, in `truth/`."""

PARTS = "parts"
"""Folder in which these lie bucket by bucket until all are done."""


def simulate_world(
    *,
    out: Path,
    firms: int,
    seed: int,
    config: WorldConfig,
    workers: int = 1,
    progress: Progress | None = None,
    csv: bool = False,
    cluster: "Cluster | None" = None,
) -> dict[str, Any]:
    """Simulate a world and write it as a data folder.

    The same seed and settings give the same bytes, whatever the number of workers.

    Parameters
    ----------
    out : Path
        New or empty folder, or a data folder of firstloan, which is replaced whole.
    csv : bool
        Whether to write each signal table as one CSV file instead of Parquet.
    cluster : Cluster, optional
        From `features.parallel.executor.connect`: its workers take the buckets and write them to
        `out`, which must lie on storage that all machines share.

    Returns
    -------
    dict
        The manifest that was written.

    Raises
    ------
    ContractError
        If `out` holds anything that firstloan did not write, or a worker does not see it.
    """
    if firms < 1:
        raise ContractError(f"firms: expected 1 or more, got {firms}. Nothing was written.")
    if csv and is_remote(out):
        raise ContractError(f"{out}: --csv writes to a local folder only. Leave it out.")
    with fresh_folder(out) as unfinished:
        return _fill(unfinished, Job(firms, seed, config, workers, csv), progress, cluster)


@dataclass(frozen=True)
class Job:
    """Picklable inputs of a bucket, for worker processes."""

    firms: int
    seed: int
    config: WorldConfig
    workers: int
    csv: bool


def _fill(
    folder: Path, job: Job, progress: Progress | None, cluster: "Cluster | None"
) -> dict[str, Any]:
    sizes = [min(BUCKET_FIRMS, job.firms - first) for first in range(0, job.firms, BUCKET_FIRMS)]
    rows: Counter[str] = Counter()
    world = backdrop(job.seed, job.config)
    run = partial(_bucket, world, folder)
    units = list(enumerate(sizes))
    written = each(run, units, workers=job.workers, cluster=cluster)
    for done, (_, counts) in enumerate(written, 1):
        rows.update(counts)
        if progress is not None:
            progress(done, len(sizes))
    parts = folder / PARTS
    for table in IN_ONE_CSV:
        _join_csv(_files(parts / table), folder / f"{table}.csv")
    make_folder(folder / "truth")
    for table in HIDDEN:
        _join_parquet(_files(parts / table), folder / "truth" / f"{table}.parquet")
    remove_tree(parts)
    if job.csv:
        _write_csv(folder / "signals")
    manifest = {
        "kind": KIND,
        "made_by": "simulate",
        "firms": job.firms,
        "seed": job.seed,
        "buckets": len(sizes),
        "csv": job.csv,
        "rows": {table: rows[table] for table in (*SIGNALS, *IN_ONE_CSV, *HIDDEN)},
        "config": job.config.model_dump(mode="json"),
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


def _bucket(world: Backdrop, folder: Path, unit: tuple[int, int]) -> dict[str, int]:
    """Simulate and write one bucket, so that no process ever holds more; count its rows."""
    bucket, n = unit
    if not is_remote(folder) and not folder.is_dir():
        raise ContractError(
            f"{folder}: this worker sees no such folder. Choose an --out on storage that all "
            "machines share; nothing was written."
        )
    with one_thread():
        tables = bucket_world(n, bucket, world)
    with storage_errors(folder), arriving(folder, scratch=folder / PARTS) as partial:
        for table in SIGNALS:
            write_bucket(tables[table], table, partial / "signals", bucket)
        for table in (*IN_ONE_CSV, *HIDDEN):
            part = partial / PARTS / table / bucket_name(bucket)
            if table in IN_ONE_CSV:
                make_folder(part.parent)
                text = tables[table].write_csv(include_header=bucket == 0)
                part.write_bytes(text.encode())
            else:
                write_parquet(tables[table], part)
    return {name: table.height for name, table in tables.items()}


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda path: path.name)


def _join_csv(parts: list[Path], path: Path) -> None:
    with path.open("wb") as whole:
        for part in parts:
            with part.open("rb") as text:
                shutil.copyfileobj(text, whole)


def _join_parquet(parts: list[Path], path: Path) -> None:
    """Put one row group after the other, a bucket each."""
    with parts[0].open("rb") as first:
        schema = read_schema(first)
    with path.open("wb") as file, ParquetWriter(file, schema, compression="zstd") as whole:
        for part in parts:
            with part.open("rb") as rows:
                whole.write_table(read_table(rows))


def _write_csv(signals: Path) -> None:
    for table in SIGNALS:
        scan = pl.scan_parquet(signals / table / "**" / "*.parquet", hive_partitioning=False)
        scan.sink_csv(signals / f"{table}.csv")
        shutil.rmtree(signals / table)
