"""SIGKILL at any moment, the writing of outputs among them, then the same command again."""

import random
import re
import signal
import subprocess
import sys

import pytest

from scoring.run import chunk_runner

pytestmark = pytest.mark.slow

CHUNK = 6
_SCORE = """
import datetime as dt, os, signal, sys
from pathlib import Path
from scoring.batch import score_file
moment, applicants, signals, out, model = sys.argv[1:]
ours, seen = str(Path(out).with_suffix("")), []
def watch(event, args):
    if event in ("os.remove", "os.rmdir"):
        seen.append(f"{event} {args[0]}")
    elif event in ("open", "os.rename", "os.mkdir") and str(args[0]).startswith(ours):
        seen.append(f"{event} {Path(args[0]).name}")
    else:
        return
    if len(seen) == int(moment):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
score_file(applicants=Path(applicants), signals=Path(signals), out=Path(out), model=model,
           chunk_size=CHUNK, today=dt.date(2025, 3, 31))
print("\\n".join(seen))
""".replace("CHUNK", str(CHUNK))
"""Counts every file that is opened, renamed or removed, and dies just before one of them."""


@pytest.fixture
def start(tmp_path, write, rows, signals_folder, model_folder):
    rows[3]["amount_cny"] = "-5"
    applicants = write(rows)

    def process(moment, folder):
        out = tmp_path / folder / "scored.csv"
        out.parent.mkdir()
        given = (moment, applicants, signals_folder, out, model_folder)
        command = [sys.executable, "-c", _SCORE, *map(str, given)]
        return out, subprocess.run(command, capture_output=True, text=True, check=False)

    return process


def test_a_run_killed_at_any_moment_goes_on_to_the_same_bytes(start, run, rows, monkeypatch):
    whole, undisturbed = start(0, "undisturbed")
    moments = undisturbed.stdout.splitlines()
    assert len(moments) > 4 * len(rows) / CHUNK

    def first(pattern):
        return next(k for k, what in enumerate(moments, start=1) if re.search(pattern, what))

    chosen = {
        *random.Random().sample(range(1, first("staged")), 2),  # noqa: S311 - any moment will do
        first(r"open staged\.manifest"),
        first(r"rename staged\.manifest"),
        first(r"rename staged\.csv"),
        random.Random().randint(first(r"rename staged\.csv") + 1, len(moments)),  # noqa: S311
    }
    real = chunk_runner.score_chunk
    for moment in sorted(chosen):
        told = f"killed before {moment}, {moments[moment - 1]}"
        out, killed = start(moment, str(moment))
        assert killed.returncode == -signal.SIGKILL, told
        there = out.exists()
        if there:
            assert out.read_bytes() == whole.read_bytes(), told
        finished = {int(p.stem) for p in (out.parent / "scored.parts").glob("[0-9]*.json")}
        done = []

        def counts(chunk, *args, done=done, **kwargs):
            done.append(chunk.number)
            return real(chunk, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(chunk_runner, "score_chunk", counts)
            run(rows, out=out, chunk_size=CHUNK)
        assert there or not finished & set(done), f"{told}: finished chunks were done again"
        for ending in (".csv", ".rejects.csv"):
            again, before = out.with_suffix(ending), whole.with_suffix(ending)
            assert again.read_bytes() == before.read_bytes(), told
        assert {p.name for p in out.parent.iterdir()} == {p.name for p in whole.parent.iterdir()}
