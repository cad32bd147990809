"""Simulating a world: buckets, workers, and output that appears whole or not at all."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl

from features.data_folder import KIND, MANIFEST, fresh_folder, write_bucket
from features.tables import BUCKET_FIRMS, SIGNALS, ContractError
from synthetic.config import WorldConfig
from synthetic.world import Setting, bucket_world, setting

Progress = Callable[[int, int], None]


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
    signals = folder / "signals"
    rows = dict.fromkeys(SIGNALS, 0)
    wide: dict[int, dict[str, pl.DataFrame]] = {}
    world = setting(job.seed, job.config)
    for done, (bucket, written, small) in enumerate(_run(sizes, world, signals, job.workers), 1):
        for table, count in written.items():
            rows[table] += count
        wide[bucket] = small
        if progress is not None:
            progress(done, len(sizes))
    whole = {
        table: pl.concat([wide[bucket][table] for bucket in sorted(wide)])
        for table in ("applications", "outcomes", "truth")
    }
    whole["applications"].write_csv(folder / "applications.csv")
    whole["outcomes"].write_csv(folder / "outcomes.csv")
    (folder / "truth").mkdir()
    whole["truth"].write_parquet(folder / "truth" / "truth.parquet", compression="zstd")
    if job.csv:
        _write_csv(signals)
    manifest = {
        "kind": KIND,
        "made_by": "simulate",
        "firms": job.firms,
        "seed": job.seed,
        "buckets": len(sizes),
        "csv": job.csv,
        "rows": rows | {table: frame.height for table, frame in whole.items()},
        "config": job.config.model_dump(mode="json"),
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


Result = tuple[int, dict[str, int], dict[str, pl.DataFrame]]


def _run(sizes: list[int], world: Setting, signals: Path, workers: int) -> Iterator[Result]:
    jobs = list(enumerate(sizes))
    if min(workers, len(sizes)) <= 1:
        for bucket, n in jobs:
            yield _bucket(bucket, n, world, signals)
        return
    # a forked pool can hang once LightGBM has started its threads: spawn
    with ProcessPoolExecutor(min(workers, len(sizes)), mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_bucket, bucket, n, world, signals) for bucket, n in jobs]
        for job in as_completed(waiting):
            yield job.result()


def _bucket(bucket: int, n: int, world: Setting, signals: Path) -> Result:
    """Simulate and write one bucket; give back row counts and the tables with one row a firm."""
    tables = bucket_world(n, bucket, world)
    for table in SIGNALS:
        write_bucket(tables[table], table, signals, bucket)
    small = {table: tables[table] for table in ("applications", "outcomes", "truth")}
    return bucket, {table: tables[table].height for table in SIGNALS}, small


def _write_csv(signals: Path) -> None:
    for table in SIGNALS:
        scan = pl.scan_parquet(signals / table / "**" / "*.parquet", hive_partitioning=False)
        scan.sink_csv(signals / f"{table}.csv")
        shutil.rmtree(signals / table)
