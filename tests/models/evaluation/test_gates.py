from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from models.evaluation.gates import better, check_gates, monotone_violation
from models.settings import read_settings

GATES = read_settings().gates


def failures(*arguments):
    return check_gates(*arguments).failures


def test_too_few_bads_fail_the_gate(two_candidates, gates_with):
    candidates, training_data, rows = two_candidates
    counts = (pl.col("slice").eq("calibration") & pl.col("defaulted")).fill_null(value=False)
    few, enough = (
        rows.with_columns(defaulted=pl.col("defaulted") & ~(counts & (counts.cum_sum() > bads)))
        for bads in (19, 20)
    )
    trees = candidates[1]
    too_few = "19 bads in the calibration slice, at least 20 are needed"

    def says(rows, gates):
        return [text for text in failures(trees, training_data, rows, gates) if too_few in text]

    assert says(few, GATES)
    assert not says(enough, GATES)
    assert not says(few, gates_with(bads={"least": 19}))


def test_a_wrong_slope_is_caught(two_candidates):
    candidates, training_data, rows = two_candidates
    slope = {"selection_calibration_slope_low": 1.2, "selection_calibration_slope_high": 1.9}
    wrong = replace(candidates[1], figures={**candidates[1].figures, **slope})
    assert failures(wrong, training_data, rows, GATES) == (
        "calibration slope 1.20 to 1.90 does not contain 1",
    )


def test_checking_gates_changes_no_figure_of_the_candidate(two_candidates):
    candidates, training_data, rows = two_candidates
    before = dict(candidates[1].figures)
    result = check_gates(candidates[1], training_data, rows, GATES)
    assert candidates[1].figures == before
    assert set(result.figures) == {
        "monotone_violation", "psi_training_to_calibration", "weak_segments",
    }  # fmt: skip


def test_a_feature_that_turns_is_caught(two_candidates):
    """A model whose signs are declared the other way round fails, feature by feature."""
    candidates, training_data, rows = two_candidates
    model = next(fitted.model for fitted in candidates if fitted.candidate.name == "trees_all")
    assert monotone_violation(model, training_data, rows.head(50), points=9)[1] == 0
    turned = replace(
        training_data, signs={name: -sign for name, sign in training_data.signs.items()}
    )
    name, step = monotone_violation(model, turned, rows.head(50), points=9)
    assert step > 0.01
    assert training_data.signs[name] != 0


def test_a_weak_segment_is_caught(two_candidates, gates_with):
    candidates, training_data, rows = two_candidates
    # in one area the PD says nothing: shuffled within it
    fitted = next(each for each in candidates if each.candidate.name == "trees_all")
    slice_ = pl.col("slice").eq("calibration") & pl.col("labelled")
    rng = np.random.default_rng(3)
    area = rng.choice(["rural", "urban"], rows.height, p=[0.6, 0.4])
    marked = rows.with_columns(pl.Series("area", area))
    rural = (marked.filter(slice_)["area"] == "rural").to_numpy()
    pd = fitted.selection_pd.copy()
    bad = marked.filter(slice_)["defaulted"].to_numpy()
    pd[rural] = np.where(bad[rural], 0.05, 0.1)
    weak = replace(fitted, selection_pd=pd)
    texts = failures(weak, training_data, marked, gates_with(segments={"bads": 20}))
    assert any("area rural (at most -" in text for text in texts), texts


def test_better_is_a_paired_test():
    """Equal worth: about one in twenty; clearly better: nearly always; itself: never."""
    rng = np.random.default_rng(1)
    wins, clear = [], []
    for _ in range(300):
        margin = rng.normal(-2.5, 1.2, 1_500)
        bad = (rng.random(1_500) < expit(margin)).astype(float)
        one, two = (expit(margin + rng.normal(0, 0.3, 1_500)) for _ in range(2))
        wins.append(better(one, two, bad) >= 0.95)
        clear.append(better(one, np.full(1_500, bad.mean()), bad) >= 0.95)
    assert np.mean(wins) == pytest.approx(0.05, abs=0.035)
    assert np.mean(clear) > 0.95
    assert better(one, one, bad) == 0.5


def test_every_gate_says_its_false_alarms():
    assert all(len(getattr(GATES, name).false_alarm) > 10 for name in type(GATES).model_fields)
