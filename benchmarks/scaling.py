"""Simulate, features and score on a Dask cluster of one and of two workers, at two sizes.

    python -P benchmarks/scaling.py [--firms 4000 12000] [--keep FOLDER]

Scheduler and workers are processes of this machine, one thread each. Two sizes tell what a run
costs in any case from what a firm costs; `docs/scaling.md` is computed from both. The size of the
files is measured as well.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import Cost, firstloan
from benchmarks.record import Entry, asked, busy, keep
from benchmarks.worlds import champion, scratch_folder

SIZES = (4_000, 12_000)
TRAINED_ON = 6_000
PATIENCE = 120


def main() -> None:
    record, load = asked(), busy()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, nargs=2, default=list(SIZES))
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    entries = []
    with scratch_folder(options.keep) as scratch:
        model = champion(scratch, TRAINED_ON)
        print("step      workers    firms  seconds")
        for workers in (1, 2):
            with cluster(scratch, workers) as address:
                for n in sorted(options.firms):
                    for step, cost in steps(scratch, model, n, address).items():
                        print(f"{step:<10}{workers:>7}{n:>9,}{cost.seconds:>9.1f}")
                        entries.append(
                            Entry(
                                name=f"{step}/{workers}/{n}",
                                what=f"{step}, {n:,} firms, Dask workers: {workers}",
                                seconds=cost.seconds,
                                value=n / cost.seconds,
                                unit="firms/s",
                                count=n,
                            )
                        )
        n = max(options.firms)
        for name, what, path in (
            ("world", "a world", scratch / "scaling"),
            ("matrix", "a feature file", scratch / "scaling.parquet"),
            ("scored", "a scored CSV", scratch / "scaling.csv"),
        ):
            kilobytes = size(path) / n / 1e3
            print(f"{what}: {kilobytes:.1f} kB a firm")
            entries.append(
                Entry(
                    name=f"bytes/{name}",
                    what=f"{what} of {n:,} firms on disk",
                    value=kilobytes,
                    unit="kB/firm",
                    count=n,
                )
            )
        shutil.rmtree(scratch / "scaling")
    if record:
        keep("scaling", entries, load=load)


def steps(scratch: Path, model: Path, n: int, address: str) -> dict[str, Cost]:
    """Cost of each step for one size, by the clock."""
    data, there = scratch / "scaling", ("--scheduler", address)
    return {
        "simulate": firstloan("simulate", "--out", data, "--firms", str(n), "--seed", "5", *there),
        "features": firstloan(
            "features", "--data", data, "--out", scratch / "scaling.parquet", *there
        ),
        "score": firstloan(
            "score", data / "applications.csv", "--signals", data, "--out",
            scratch / "scaling.csv", "--model", model, *there,
        ),
    }  # fmt: skip


@contextmanager
def cluster(scratch: Path, workers: int) -> Iterator[str]:
    """Start a scheduler and workers; their address."""
    card = scratch / "scheduler.json"
    card.unlink(missing_ok=True)
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    own = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(card)]
    running = [subprocess.Popen([*dask, "scheduler", "--port", "0", *own], **quiet)]
    try:
        deadline = time.monotonic() + PATIENCE
        while not card.exists():
            if time.monotonic() > deadline:
                sys.exit("the scheduler did not start")
            time.sleep(0.1)
        running += [
            subprocess.Popen(
                [
                    *(*dask, "worker", *own, "--nthreads", "1", "--no-nanny"),
                    *("--local-directory", str(scratch)),
                ],
                # one worker, one core: as many workers as cores share a machine
                env=os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"},
                **quiet,
            )
            for _ in range(workers)
        ]
        yield address_of(card, workers)
    finally:
        for process in running:
            process.kill()
            process.wait()


def address_of(card: Path, workers: int) -> str:
    """Wait until all workers have joined."""
    from distributed import Client

    with Client(scheduler_file=str(card)) as client:
        client.wait_for_workers(workers, timeout=PATIENCE)
        return str(client.scheduler.address)


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    return sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())


if __name__ == "__main__":
    main()
