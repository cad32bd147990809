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
    "reading records": ("read_signals (scoring/input/chunks.py)",),
    "features: what was known when": ("as_known (features/engine/point_in_time.py)",),
    "features: frames": ("build_frames (features/engine/frame_builder.py)",),
    "features: formulas": ("evaluate_features (features/engine/evaluate.py)",),
    "features: the rest": ("build_features (features/engine/build.py)",),
    "PD": ("Trees.margin (models/estimators/lightgbm_trees.py)",),
    "SHAP values": ("ShapExplainer.of (scoring/shap_values/explainer.py)",),
    "reasons and their wording": ("Scorer.reason_columns (scoring/scorer.py)",),
    "counts for the report": ("Aggregates.of (scoring/run/aggregates.py)",),
    "writing parts": ("Checkpoint.write (scoring/run/checkpoint.py)",),
    "checks, flags, intervals": ("Task.run (scoring/run/chunk_runner.py)",),
    "applicants, hashes of what was read": (
        "read_applicants (scoring/input/applicants.py)",
        "cut (scoring/input/chunks.py)",
        "Run.of (scoring/run/manifest.py)",
        "Signals.open (features/io/signal_reader.py)",
    ),
    "report, joining the parts": (
        "report_html (scoring/pages/report.py)",
        "publish (scoring/run/publish.py)",
        "RunResult.of (scoring/run/publish.py)",
    ),
    WAITING: ("run_chunks (scoring/run/chunk_runner.py)", "Queue.get (multiprocessing/queues.py)"),
    STARTING: (
        "Task._scorer (scoring/run/chunk_runner.py)",
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
