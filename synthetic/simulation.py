"""Simulating a world: buckets, workers, and output that appears whole or not at all."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
from pyarrow.parquet import ParquetWriter, read_schema, read_table

from features.data_folder import KIND, MANIFEST, bucket_name, fresh_folder, write_bucket
from features.tables import BUCKET_FIRMS, SIGNALS, ContractError
from synthetic.config import WorldConfig
from synthetic.world import Setting, bucket_world, setting

Progress = Callable[[int, int], None]

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
) -> dict[str, Any]:
    """Simulate a world and write it as a data folder.

    The same seed and settings give the same bytes, whatever the number of workers.

    Parameters
    ----------
    out : Path
        New or empty folder, or a data folder of firstloan, which is replaced whole.
    csv : bool
        Whether to write each signal table as one CSV file as well.

    Returns
    -------
    dict
        The manifest that was written.

    Raises
    ------
    ContractError
        If `out` holds anything that firstloan did not write.
    """
    if firms < 1:
        raise ContractError(f"firms: expected 1 or more, got {firms}. Nothing was written.")
    with fresh_folder(out) as unfinished:
        return _fill(unfinished, Job(firms, seed, config, workers, csv), progress)


@dataclass(frozen=True)
class Job:
    """What to simulate, and how."""

    firms: int
    seed: int
    config: WorldConfig
    workers: int
    csv: bool


def _fill(folder: Path, job: Job, progress: Progress | None) -> dict[str, Any]:
    sizes = [min(BUCKET_FIRMS, job.firms - first) for first in range(0, job.firms, BUCKET_FIRMS)]
    rows: Counter[str] = Counter()
    world = setting(job.seed, job.config)
    for done, written in enumerate(_run(sizes, world, folder, job.workers), 1):
        rows.update(written)
        if progress is not None:
            progress(done, len(sizes))
    parts = folder / PARTS
    for table in IN_ONE_CSV:
        _join_csv(sorted((parts / table).iterdir()), folder / f"{table}.csv")
    (folder / "truth").mkdir()
    for table in HIDDEN:
        _join_parquet(sorted((parts / table).iterdir()), folder / "truth" / f"{table}.parquet")
    shutil.rmtree(parts)
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


def _run(sizes: list[int], world: Setting, folder: Path, workers: int) -> Iterator[dict[str, int]]:
    """Simulate all buckets; give back the row counts of each as it is done."""
    jobs = list(enumerate(sizes))
    if min(workers, len(sizes)) <= 1:
        for bucket, n in jobs:
            yield _bucket(bucket, n, world, folder)
        return
    # a forked pool can hang once LightGBM has started its threads: spawn
    with ProcessPoolExecutor(min(workers, len(sizes)), mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_bucket, bucket, n, world, folder) for bucket, n in jobs]
        for job in as_completed(waiting):
            yield job.result()


def _bucket(bucket: int, n: int, world: Setting, folder: Path) -> dict[str, int]:
    """Simulate and write one bucket, so that no process ever holds more; count its rows."""
    tables = bucket_world(n, bucket, world)
    for table in SIGNALS:
        write_bucket(tables[table], table, folder / "signals", bucket)
    for table in (*IN_ONE_CSV, *HIDDEN):
        part = folder / PARTS / table / bucket_name(bucket)
        part.parent.mkdir(parents=True, exist_ok=True)
        if table in IN_ONE_CSV:
            tables[table].write_csv(part, include_header=bucket == 0)
        else:
            tables[table].write_parquet(part)
    return {name: table.height for name, table in tables.items()}


def _join_csv(parts: list[Path], path: Path) -> None:
    with path.open("wb") as whole:
        for part in parts:
            with part.open("rb") as text:
                shutil.copyfileobj(text, whole)


def _join_parquet(parts: list[Path], path: Path) -> None:
    """Put one row group after the other, a bucket each."""
    with ParquetWriter(path, read_schema(parts[0]), compression="zstd") as whole:
        for part in parts:
            whole.write_table(read_table(part))


def _write_csv(signals: Path) -> None:
    for table in SIGNALS:
        scan = pl.scan_parquet(signals / table / "**" / "*.parquet", hive_partitioning=False)
        scan.sink_csv(signals / f"{table}.csv")
        shutil.rmtree(signals / table)
