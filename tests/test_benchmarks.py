"""What the benchmarks themselves must hold, so that a figure means what stands beside it."""

import inspect
import re
from importlib import import_module
from operator import attrgetter

import pytest

from benchmarks import training
from benchmarks.stages import STAGES, STARTING, shares

OURS = [f for functions in STAGES.values() for f in functions if "importlib" not in f]


@pytest.mark.parametrize("function", OURS)
def test_each_stage_begins_at_a_function_that_exists(function):
    """A renamed function would silently count for the stage around it."""
    name, file = re.fullmatch(r"([\w.]+) \(([\w/]+)\.py\)", function).groups()
    module = import_module(file.replace("/", "."))
    found = inspect.getattr_static(module, name) if "." not in name else attrgetter(name)(module)
    code = getattr(found, "func", found)
    assert getattr(code, "__func__", code).__code__.co_filename == module.__file__


def test_a_sample_counts_for_the_deepest_stage_and_waiting_for_none():
    worker = 'process 2:"python -c x";thread (2): MainThread'
    run = (
        f"{worker};_run (features/parallel/executor.py:120);"
        "Task.run (scoring/run/chunk_runner.py:49)"
    )
    wait = "get (multiprocessing/queues.py:103);Queue.get (multiprocessing/queues.py:103)"
    stacks = "\n".join(
        (
            f"{run};read_signals (scoring/input/chunks.py:187) 6",
            f"{run};Checkpoint.write (scoring/run/checkpoint.py:60);x (y.py:1) 1",
            f"{worker};{wait} 50",
            f"{worker};<module> (string:1) 3",
            'process 1:"firstloan score";thread (9): Thread-1;f (x.py:1) 70',
            'process 3:"resource_tracker";thread (3): MainThread;main (resource_tracker.py:1) 80',
        )
    )
    found = shares(stacks)
    assert found == {"reading records": 0.6, STARTING: 0.3, "writing parts": 0.1}


def test_each_reading_of_the_error_against_the_truth_has_its_own_verdict():
    figures = {"truth_pd_unexplained": 0.497, "truth_pd_error_share": 0.705}
    squared, root = (
        training.against_truth(figures, reading) for reading in ("squared", "root-mean-square")
    )
    assert squared.met
    assert not root.met
    assert training.said(squared).endswith(
        "497 thousandths of what one PD for all errs; below 500: ok"
    )
    assert training.said(root).endswith("below 500: MISSED")


def test_the_slope_is_held_to_its_interval_and_its_width_is_printed():
    slope = {"calibration_slope_low": 0.95, "calibration_slope_high": 1.13}
    found = training.slope(slope | {"calibration_slope": 1.04, "oot_bads": 195.0})
    assert training.said(found) == "1.040 (0.95 to 1.13, 0.18 wide); interval contains 1: ok"
