"""Every step on a Dask cluster of one and of two workers, at two sizes.

    python -P benchmarks/scaling.py [--firms 12000 60000] [--keep FOLDER]

Scheduler and workers are processes of this machine, one thread each. Two sizes tell what a run
costs in any case from what a firm costs, and the processor seconds of the command itself tell what
no further worker takes from it; `docs/scaling.md` is computed from both. The trees on all features
are fitted here, here with another seed, and on two workers, and their AUC out of time compared.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Cost, firstloan
from benchmarks.record import Entry, asked, busy, keep
from benchmarks.worlds import champion, scratch_folder
from models.estimators.lightgbm_dask import CANDIDATE
from models.settings import read_settings
from models.tracking.registry import NAME

SIZES = (12_000, 60_000)
WORKERS = (1, 2)
PATIENCE = 120
WITHIN = 0.005
"""AUC between a fit on a cluster and one on a machine."""


def main() -> None:
    record, load = asked(), busy()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, nargs=2, default=list(SIZES))
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    few, many = sorted(options.firms)
    entries: list[Entry] = []
    worker_mb = 0.0
    with scratch_folder(options.keep) as scratch:
        model = champion(scratch)
        print("step      workers    firms  seconds  own CPU s  own MB")
        for workers in WORKERS:
            with cluster(scratch, workers) as crew:
                for n in (few, many):
                    entries += steps(scratch, model, n, workers, crew.address)
                    if workers == max(WORKERS):
                        places = ("here", "cluster", "seed") if n == many else ("here", "cluster")
                        entries += fits(scratch, n, crew.address, places)
                worker_mb = max(worker_mb, crew.peak_mb())
        print(f"a worker held at most {worker_mb:,.0f} MB")
        entries.append(Entry(name="worker", what="one worker, all steps", peak_mb=worker_mb))
        entries += [*difference(entries, many), *sizes(scratch, many)]
        shutil.rmtree(scratch / "scaling")
    if record:
        keep("scaling", entries, load=load)


def steps(scratch: Path, model: Path, n: int, workers: int, address: str) -> list[Entry]:
    """Cost of each step that is cut into units, for one size."""
    data, matrix, scored = (scratch / f"scaling{end}" for end in ("", ".parquet", ".csv"))
    entries = []
    for step, arguments in {
        "simulate": ("--out", data, "--firms", str(n), "--seed", "7"),
        "features": ("--data", data, "--out", matrix),
        "score": (data / "applications.csv", "--signals", data, "--out", scored, "--model", model),
    }.items():
        cost = firstloan(step, *arguments, "--scheduler", address)
        print(
            f"{step:<10}{workers:>7}{n:>9,}{cost.seconds:>9.1f}{cost.cpu:>11.1f}"
            f"{cost.peak_mb:>8,.0f}"
        )
        entries.append(step_entry(step, n, workers, cost))
    return entries


def step_entry(step: str, n: int, workers: int, cost: Cost) -> Entry:
    """One run of a step; memory and processor seconds are those of the command alone."""
    return Entry(
        name=f"{step}/{workers}/{n}",
        what=f"{step}, {n:,} firms, Dask workers: {workers}",
        seconds=cost.seconds,
        peak_mb=cost.peak_mb,
        value=cost.cpu,
        unit="CPU s of the command itself",
        count=n,
    )


def fits(scratch: Path, n: int, address: str, places: Sequence[str]) -> list[Entry]:
    """Cost of training the trees on all features, and their AUC out of time."""
    seed = read_settings().seed
    spread = ("--scheduler", address, "--distributed")
    ways = {
        "here": ("on this machine", seed, ()),
        "cluster": (f"Dask workers: {max(WORKERS)}", seed, spread),
        "seed": ("on this machine, another seed", seed + 1, ()),
    }
    entries = []
    for place in places:
        what, chosen, options = ways[place]
        settings = scratch / "scaling.toml"
        settings.write_text(f'seed = {chosen}\ncandidates = ["{CANDIDATE}"]\n', encoding="utf-8")
        cost = firstloan(
            "train", "--data", scratch / "scaling", "--features", scratch / "scaling.parquet",
            "--trials", "0", "--config", settings, *options, cwd=scratch,
        )  # fmt: skip
        auc = registered_auc()
        print(f"train, {what}, {n:,} firms: {cost.seconds:.1f} s, AUC {auc:.4f}")
        entries.append(
            Entry(
                name=f"train/{place}/{n}",
                what=f"train the trees on all features, {n:,} firms, {what}",
                seconds=cost.seconds,
                peak_mb=cost.peak_mb,
                value=auc,
                unit="AUC out of time",
                count=n,
            )
        )
    return entries


def registered_auc() -> float:
    """AUC out of time of the version that was registered last."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    versions = client.search_model_versions(f"name = '{NAME}'")
    last = max(versions, key=lambda version: int(version.version))
    return float(client.get_run(last.run_id).data.metrics["oot_auc"])


def difference(entries: list[Entry], n: int) -> list[Entry]:
    """How far the AUC of a fit on the cluster lies from that of a fit here."""
    auc = {e.name: e.value for e in entries if e.name.startswith("train/") and e.value is not None}
    away = abs(auc[f"train/cluster/{n}"] - auc[f"train/here/{n}"])
    chance = abs(auc[f"train/seed/{n}"] - auc[f"train/here/{n}"])
    print(f"AUC on the cluster differs by {away:.4f}, by {chance:.4f} with another seed")
    return [
        Entry(
            name="auc",
            what=f"AUC of trees from the cluster less that of trees from here, {n:,} firms",
            value=1000 * away,
            unit="thousandths",
            rival="another seed",
            ratio=away / chance if chance else None,
            bar=f"at most {1000 * WITHIN:g}",
            met=away <= WITHIN,
        )
    ]


def sizes(scratch: Path, n: int) -> list[Entry]:
    """Bytes of a firm in each kind of file."""
    entries = []
    for name, what, end in (
        ("world", "a world", ""),
        ("matrix", "a feature file", ".parquet"),
        ("scored", "a scored CSV", ".csv"),
    ):
        kilobytes = size(scratch / f"scaling{end}") / n / 1e3
        print(f"{what}: {kilobytes:.1f} kB a firm")
        entries.append(
            Entry(
                name=f"bytes/{name}",
                what=f"{what} of {n:,} firms on disk",
                value=kilobytes,
                unit="kB a firm",
                count=n,
            )
        )
    return entries


@dataclass(frozen=True)
class Crew:
    """A running cluster."""

    address: str
    workers: tuple[int, ...]
    """Process ids."""

    def peak_mb(self) -> float:
        """The most memory that one worker ever held, in millions of bytes."""
        held = [
            int(line.split()[1]) * 1024 / 1e6
            for pid in self.workers
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("VmHWM:")
        ]
        return max(held)


@contextmanager
def cluster(scratch: Path, workers: int) -> Iterator[Crew]:
    """Start a scheduler and workers."""
    card = scratch / "scheduler.json"
    card.unlink(missing_ok=True)
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(card)]
    running = [subprocess.Popen([*dask, "scheduler", "--port", "0", *environment], **quiet)]
    try:
        deadline = time.monotonic() + PATIENCE
        while not card.exists():
            if time.monotonic() > deadline:
                sys.exit("the scheduler did not start")
            time.sleep(0.1)
        running += [
            subprocess.Popen(
                [
                    *(*dask, "worker", *environment, "--nthreads", "1", "--no-nanny"),
                    *("--local-directory", str(scratch)),
                ],
                # one worker, one core: as many workers as cores share a machine
                env=os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"},
                **quiet,
            )
            for _ in range(workers)
        ]
        address = address_of(card, workers)
        yield Crew(address, tuple(worker.pid for worker in running[1:]))
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
