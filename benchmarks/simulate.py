"""The simulator: firms a second, memory of all its processes together, bytes on disk.

Worlds of growing size show whether memory grows with the number of firms; the cost of one more
firm, from the smallest and the largest, is carried on to the 1,867,000 firms of the province
(R001).
Run with `python -P benchmarks/simulate.py [firms ...]`.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROVINCE = 1_867_000
"""Microenterprises of the province; R001."""
SIZES = (5_000, 10_000, 20_000)


def resident(pid):
    """Bytes that a process and its children hold; shared pages are split (PSS)."""
    total = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(resident(int(c)) for c in (task / "children").read_text().split())
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    except OSError:  # the process has ended
        return total
    return total


def measure(firms, folder):
    """Seconds, CPU seconds, peak bytes of memory, bytes on disk."""
    out = Path(folder) / str(firms)
    command = Path(sys.executable).parent / "firstloan"
    before, start, peak = os.times(), time.perf_counter(), 0
    with subprocess.Popen(
        [command, "simulate", "--out", out, "--firms", str(firms), "--workers", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.1)
    if process.returncode:
        sys.exit(f"simulate ended with {process.returncode}")
    seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return seconds, cpu, peak, sum(p.stat().st_size for p in out.rglob("*") if p.is_file())


def main():
    sizes = sorted(int(size) for size in sys.argv[1:]) or list(SIZES)
    print("   firms  seconds  CPU s  firms/s  peak MB  disk MB")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for firms in sizes:
            seconds, cpu, peak, disk = measure(firms, folder)
            rows.append((firms, seconds, cpu, disk))
            print(
                f"{firms:8,} {seconds:8.1f} {cpu:6.1f} {firms / seconds:8.0f}"
                f" {peak / 1e6:8.0f} {disk / 1e6:8.0f}"
            )
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
