"""Seconds, processor seconds and memory of a command and all that it starts."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

FIRSTLOAN = Path(sys.executable).parent / "firstloan"

LOOKING = 0.02
"""Share of the time that may be spent on looking at memory: a look holds the command up."""


class Cost(NamedTuple):
    """Seconds by the clock and of all processors, and peak memory in millions of bytes."""

    seconds: float
    cpu: float
    peak_mb: float


def resident(pid: int) -> int:
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


def measure(command: Sequence[str | Path], *, cwd: Path | None = None) -> Cost:
    """Run a command to its end; its memory is looked at ten times a second at most."""
    before, start, peak = os.times(), time.perf_counter(), 0
    with subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None:
            look = time.perf_counter()
            peak = max(peak, resident(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, (time.perf_counter() - look) / LOOKING))
        seconds = time.perf_counter() - start
        said = process.stderr.read() if process.stderr else ""
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}: {said[-500:]}")
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return Cost(seconds, cpu, peak / 1e6)


def firstloan(*arguments: str | Path, cwd: Path | None = None) -> Cost:
    """Run the command line of this environment."""
    return measure([FIRSTLOAN, *arguments], cwd=cwd)
