"""Seconds and memory at growing numbers of applicants: simulate, features, score.

    python -P benchmarks/growth.py [--applicants 10000 20000 40000 80000 160000] [--keep FOLDER]

Every step runs from the shell on both cores, one after the other; memory is that of all its
processes together. `docs/growth.svg` draws what was recorded. A straight line says that an
applicant costs the same however many there are.
"""

import argparse
import shutil
from pathlib import Path

from benchmarks.processes import Cost, firstloan
from benchmarks.record import Entry, asked, busy, keep
from benchmarks.worlds import champion, scratch_folder

SIZES = (10_000, 20_000, 40_000, 80_000, 160_000)


def main() -> None:
    record, load = asked(), busy()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applicants", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    entries = []
    print("step      applicants  seconds  CPU ms each  peak MB")
    with scratch_folder(options.keep) as scratch:
        model = champion(scratch)
        for n in sorted(options.applicants):
            data = scratch / "growing"
            for step, cost in steps(scratch, data, model, n).items():
                print(
                    f"{step:<10}{n:>10,}{cost.seconds:>9.1f}{1e3 * cost.cpu / n:>13.2f}"
                    f"{cost.peak_mb:>9,.0f}"
                )
                entries.append(
                    Entry(
                        name=f"{step}/{n}",
                        what=f"{step}, {n:,} applicants",
                        seconds=cost.seconds,
                        peak_mb=cost.peak_mb,
                        value=n / cost.seconds,
                        unit="applicants/s",
                        count=n,
                    )
                )
            shutil.rmtree(data)
    if record:
        keep("growth", entries, load=load)


def steps(scratch: Path, data: Path, model: Path, n: int) -> dict[str, Cost]:
    """Cost of each step for one size."""
    both = ("--workers", "2")
    return {
        "simulate": firstloan("simulate", "--out", data, "--firms", str(n), "--seed", "5", *both),
        "features": firstloan(
            "features", "--data", data, "--out", scratch / "growing.parquet", *both
        ),
        "score": firstloan(
            "score", data / "applications.csv", "--signals", data, "--out",
            scratch / "growing.csv", "--model", model, *both,
        ),
    }  # fmt: skip


if __name__ == "__main__":
    main()
