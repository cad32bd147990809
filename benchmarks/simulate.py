"""The simulator: firms a second, memory of all its processes together, bytes on disk.

Worlds of growing size show whether memory grows with the number of firms; the cost of one more
firm, from the smallest and the largest, is carried on to the 1,867,000 firms of the province
(R001).
Run with `python -P benchmarks/simulate.py [firms ...]`.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.processes import Cost, firstloan
from benchmarks.record import Entry, asked, busy, keep

PROVINCE = 1_867_000
"""Microenterprises of the province; R001."""
SIZES = (5_000, 20_000, 100_000)
BAR_FIRMS, BAR_SECONDS = 100_000, 180.0


def measure(firms: int, folder: str) -> tuple[Cost, int]:
    """What a world costs, and its bytes on disk."""
    out = Path(folder) / str(firms)
    cost = firstloan("simulate", "--out", out, "--firms", str(firms), "--workers", "2")
    return cost, sum(p.stat().st_size for p in out.rglob("*") if p.is_file())


def main() -> None:
    record, load = asked(), busy()
    sizes = sorted(int(size) for size in sys.argv[1:]) or list(SIZES)
    print("   firms  seconds  CPU s  firms/s  peak MB  disk MB")
    rows, entries = [], []
    with tempfile.TemporaryDirectory() as folder:
        for firms in sizes:
            cost, disk = measure(firms, folder)
            rows.append((firms, cost.seconds, cost.cpu, disk))
            print(
                f"{firms:8,} {cost.seconds:8.1f} {cost.cpu:6.1f} {firms / cost.seconds:8.0f}"
                f" {cost.peak_mb:8.0f} {disk / 1e6:8.0f}"
            )
            whole = firms == BAR_FIRMS
            entries.append(
                Entry(
                    name=f"world/{firms}",
                    what=f"{firms:,} firms with 455 days of signals, {disk / 1e9:.1f} GB on disk",
                    seconds=cost.seconds,
                    peak_mb=cost.peak_mb,
                    value=firms / cost.seconds,
                    unit="firms/s",
                    bar=f"{BAR_SECONDS:.0f} s" if whole else "",
                    met=cost.seconds <= BAR_SECONDS if whole else None,
                    count=firms,
                )
            )
    carry_on(rows)
    if record:
        keep("simulate", entries, load=load)


def carry_on(rows: list[tuple[int, float, float, int]]) -> None:
    """Say what larger worlds would cost, by the cost of one more firm."""
    if len(rows) > 1:
        (n, *small), (m, *large) = rows[0], rows[-1]
        for firms in (100_000, PROVINCE):
            seconds, cpu, disk = (
                b + (firms - m) * (b - a) / (m - n) for a, b in zip(small, large, strict=True)
            )
            print(
                f"{firms:,} firms, carried on: {seconds:,.0f} s, {cpu:,.0f} CPU s,"
                f" {disk / 1e9:.1f} GB on disk"
            )


if __name__ == "__main__":
    main()
