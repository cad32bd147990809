"""A day of the province's scoring cloud, and a handful of applicants from the shell.

    python -P benchmarks/cloud.py [--applicants 120000] [--keep FOLDER]

A world of so many applicants, 455 days of raw signals each, is written to disk; then `firstloan
score` turns it into scored.csv with reasons, rejects, manifest and report, on both cores, and once
more under py-spy, which tells where the time goes. A hundred of its applicants and a hundred of a
small world are scored each from a cold start, with the model from the registry and from a folder.
`--keep` keeps worlds and champion for another run; the files were written moments before and lie in
the system's cache where memory allows.
"""

import argparse
import sys
from pathlib import Path

import polars as pl

from benchmarks.processes import Cost, firstloan
from benchmarks.record import Entry, asked, busy, keep
from benchmarks.stages import watch
from benchmarks.worlds import champion, scratch_folder, simulated

CLOUD = 120_000
"""Applicants of a day (R050)."""

BAR_SECONDS, BAR_MB = 60.0, 4_000.0
COLD = 100
BAR_REGISTRY, BAR_FOLDER = 12.0, 6.0
"""Firms of the world that the champion learns from; what it learnt does not matter here."""


def main() -> int:
    record, load = asked(), busy()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applicants", type=int, default=CLOUD)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with scratch_folder(options.keep) as scratch:
        model = champion(scratch)
        large = simulated(scratch / f"cloud{options.applicants}", options.applicants, seed=3)
        small = simulated(scratch / "small", COLD, seed=4)
        entries = [
            cloud(scratch, large, model, options.applicants, options.workers),
            *stages(scratch, large, model, options.workers),
        ]
        for data, among in ((small, COLD), (large, options.applicants)):
            entries += cold(scratch, data, model, among)
    if record:
        keep("cloud", entries, load=load)
    return 0 if all(entry.met in (None, True) for entry in entries) else 1


def cloud(scratch: Path, data: Path, model: Path, applicants: int, workers: int) -> Entry:
    """Score everyone of a world."""
    cost = firstloan(*_score_all(scratch, data, model, workers), cwd=scratch)
    whole = applicants == CLOUD
    met = cost.seconds <= BAR_SECONDS and cost.peak_mb <= BAR_MB
    print(f"{applicants:,} applicants, raw signals on disk to scored.csv, reasons and report")
    print(f"  {cost.seconds:.1f} s, {cost.cpu:.1f} s of processor, peak {cost.peak_mb:,.0f} MB")
    if whole:
        print(f"  {_verdict(met)}: bars {BAR_SECONDS:.0f} s, {BAR_MB:,.0f} MB of all processes")
    else:
        print(f"  carried on to {CLOUD:,}: {cost.seconds * CLOUD / applicants:.0f} s at most")
    return Entry(
        name="cloud",
        what=f"{applicants:,} applicants, raw signals on disk to scored.csv, reasons and report",
        seconds=cost.seconds,
        peak_mb=cost.peak_mb,
        value=applicants / cost.seconds,
        unit="applicants/s",
        bar=f"{BAR_SECONDS:.0f} s and {BAR_MB:,.0f} MB" if whole else "",
        met=met if whole else None,
        count=applicants,
    )


def stages(scratch: Path, data: Path, model: Path, workers: int) -> list[Entry]:
    """Say where the time of scoring everyone goes."""
    shares = watch(_score_all(scratch, data, model, workers), cwd=scratch)
    print("where the time goes, of the threads that do the work:")
    for stage, share in shares.items():
        print(f"  {share:6.1%}  {stage}")
    return [
        Entry(
            name=f"stage/{stage.split(':')[-1].split(',')[0].strip().replace(' ', '-')}",
            what=f"of the working threads' time: {stage}",
            value=100 * share,
            unit="%",
        )
        for stage, share in shares.items()
    ]


def _score_all(scratch: Path, data: Path, model: Path, workers: int) -> list[str | Path]:
    return [
        "score", data / "applications.csv", "--signals", data, "--out", scratch / "scored.csv",
        "--model", model, "--workers", str(workers),
    ]  # fmt: skip


def cold(scratch: Path, data: Path, model: Path, among: int) -> list[Entry]:
    """Score a hundred applicants of a world from the shell."""
    few = scratch / "few.csv"
    rows = pl.read_csv(data / "applications.csv", infer_schema=False)
    rows.gather_every(rows.height // COLD).head(COLD).write_csv(few)
    entries = []
    for name, where, bar in (
        ("registry", (), BAR_REGISTRY),
        ("folder", ("--model", model), BAR_FOLDER),
    ):
        costs: list[Cost] = [
            firstloan(
                "score", few, "--signals", data, "--out", scratch / "few_scored.csv", *where,
                cwd=scratch,
            )
            for _ in range(3)
        ]  # fmt: skip
        seconds = sorted(cost.seconds for cost in costs)[1]
        met = seconds <= bar
        print(
            f"{COLD} applicants among {among:,} from the shell, model from the {name}: "
            f"{seconds:.1f} s, {_verdict(met)}: bar {bar:.0f} s"
        )
        entries.append(
            Entry(
                name=f"cold/{name}/{among}",
                what=f"{COLD} applicants among {among:,} firms from the shell, model from the "
                f"{name}; middle of three",
                seconds=seconds,
                peak_mb=max(cost.peak_mb for cost in costs),
                bar=f"{bar:.0f} s",
                met=met,
                count=among,
            )
        )
    return entries


def _verdict(met: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "ok" if met else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
