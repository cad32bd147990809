"""Where the time of `firstloan score` goes, seen by py-spy fifty times a second.

A sample belongs to the stage whose function stands deepest in its stack. Only threads that do the
work are counted: in each worker process the one that runs chunks, in the first process the one
that does not merely wait for them.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

PY_SPY = Path(sys.executable).parent / "py-spy"
FIRSTLOAN = Path(sys.executable).parent / "firstloan"
RATE = 50
"""Samples a second."""

STARTING = "starting: interpreters, libraries, model"
WAITING = "waiting for chunks"

STAGES: Mapping[str, Sequence[str]] = {
    "reading records": ("read_signals (scoring/chunks.py)",),
    "features: what was known when": ("as_known (features/known.py)",),
    "features: frames": ("prepare (features/prepare.py)",),
    "features: formulas": ("compute (features/compute.py)",),
    "features: the rest": ("build_features (features/matrix.py)",),
    "PD": ("Trees.margin (models/trees.py)",),
    "SHAP values": ("Contributions.of (scoring/contributions.py)",),
    "reasons and their wording": ("Scorer._reasons (scoring/score_rows.py)",),
    "counts for the report": ("Tally.of (scoring/tally.py)",),
    "writing parts": ("Parts.write (scoring/parts.py)",),
    "checks, flags, intervals": ("Task.run (scoring/workers.py)",),
    "applicants, hashes of what was read": (
        "read_applicants (scoring/applicants.py)",
        "cut (scoring/chunks.py)",
        "Run.of (scoring/manifest.py)",
        "Signals.open (features/folder.py)",
    ),
    "report, joining the parts": (
        "report_html (scoring/report.py)",
        "publish (scoring/publish.py)",
        "Result.of (scoring/publish.py)",
    ),
    WAITING: ("run_chunks (scoring/workers.py)", "Queue.get (multiprocessing/queues.py)"),
    STARTING: (
        "Task._scorer (scoring/workers.py)",
        "_find_and_load (<frozen importlib._bootstrap>)",
    ),
}
"""Functions that begin each stage."""

_STAGE_OF = {function: stage for stage, functions in STAGES.items() for function in functions}
_LINE_NUMBER = re.compile(r":\d+\)$")


def watch(arguments: Sequence[str | Path], *, cwd: Path) -> dict[str, float]:
    """Run `firstloan` under py-spy.

    Parameters
    ----------
    arguments : sequence of str or Path
    cwd : Path

    Returns
    -------
    dict of str to float
        Share of the working threads' time by stage, the largest first.
    """
    with tempfile.TemporaryDirectory() as folder:
        stacks = Path(folder) / "stacks.txt"
        watched = [sys.executable, FIRSTLOAN, *arguments]
        command = [PY_SPY, "record", "--threads", "--idle", "--subprocesses", "--format", "raw"]
        command += ["--rate", str(RATE), "--output", stacks, "--", *watched]
        subprocess.run(list(map(str, command)), cwd=cwd, check=True, capture_output=True)
        return shares(stacks.read_text(encoding="utf-8"))


def shares(stacks: str) -> dict[str, float]:
    """Share of each stage, from py-spy's lines: frames with `;` between them, then the samples."""
    counted = Counter[str]()
    for line in stacks.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = [_LINE_NUMBER.sub(")", frame) for frame in stack.split(";")]
        helper = any("resource_tracker" in frame for frame in frames)
        if not helper and "MainThread" in stack:
            stage = next((_STAGE_OF[f] for f in reversed(frames) if f in _STAGE_OF), STARTING)
            counted[stage] += int(samples)
    del counted[WAITING]
    total = counted.total()
    return {stage: samples / total for stage, samples in counted.most_common()}
