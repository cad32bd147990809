import subprocess
import sys
import time

import psutil

from features.parallel.executor import UNGUARDED

PATIENCE = 20
_SCRIPT = """
import os, time
from pathlib import Path
from features.parallel.executor import each

def job(unit):
    Path(unit).with_suffix(".new").write_text(str(os.getpid()))
    Path(unit).with_suffix(".new").rename(unit)
    time.sleep(0 if unit == "quick" else 600)

if __name__ == "__main__":
    list(each(job, ["quick", "slow"], workers=2))
"""


def until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def lives(number):
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_processes_end_with_the_one_that_started_them_even_if_it_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(_SCRIPT, encoding="utf-8")
    said = [tmp_path / "quick", tmp_path / "slow"]
    with subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path) as parent:
        until(lambda: all(file.exists() for file in said))
        parent.kill()
    children = [int(file.read_text("utf-8")) for file in said]
    until(lambda: not any(map(lives, children)))


def test_a_script_without_a_guard_is_told_so_and_ends(tmp_path):
    """Its processes run it once more instead of working; a large job left it waiting for them."""
    text = """
from functools import partial
from features.parallel.executor import each

print(list(each(partial(max, "x" * 1_000_000), ["a", "b"], workers=2)))
"""
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert not done.stdout
    assert done.stderr.startswith(UNGUARDED)
