from dataclasses import replace

import polars as pl
import pytest

from models.estimators.calibration import Calibration
from models.estimators.candidates import CANDIDATES
from models.evaluation.champion import choose_champion
from models.settings import read_settings

SETTINGS = read_settings()
GATES = SETTINGS.gates


def test_without_a_champion_the_best_takes_the_title(two_candidates):
    decision = choose_champion(*two_candidates, gates=GATES, incumbent=None)
    assert decision.alias == "champion"
    assert decision.winner.candidate.name == "trees_all"
    assert set(decision.verdicts) == {"scorecard_register", "trees_all"}


def test_the_choice_never_looks_out_of_time(two_candidates):
    """With the out-of-time slice gone, or its labels turned, the decision is the same."""
    candidates, training_data, rows = two_candidates
    late = pl.col("slice").eq("out_of_time")
    turned = rows.with_columns(
        pl.when(late).then(~pl.col("defaulted")).otherwise("defaulted").alias("defaulted")
    )
    decisions = [
        choose_champion(candidates, training_data, each, gates=GATES, incumbent=None)
        for each in (rows, turned, rows.filter(~late))
    ]
    assert decisions[0].verdicts == decisions[1].verdicts == decisions[2].verdicts


def test_a_champion_as_good_is_kept_and_a_worse_one_replaced(two_candidates):
    candidates, training_data, rows = two_candidates
    best = max(candidates, key=lambda fitted: fitted.candidate.name)
    kept = choose_champion(candidates, training_data, rows, gates=GATES, incumbent=best.model)
    assert kept.alias == "challenger"
    other = min(candidates, key=lambda fitted: fitted.candidate.name)
    replaced = choose_champion(candidates, training_data, rows, gates=GATES, incumbent=other.model)
    assert replaced.alias == "champion"
    assert "confidence" in replaced.why


def test_a_model_of_real_firms_is_not_replaced_by_a_simulated_one(two_candidates):
    candidates, training_data, rows = two_candidates
    real = replace(candidates[0].model, trained_on="real")
    assert (
        choose_champion(candidates, training_data, rows, gates=GATES, incumbent=real).alias
        == "challenger"
    )


def test_identical_trees_stand_on_equal_terms(two_candidates):
    """The champion's own calibration has seen the rows; both are calibrated anew on folds."""
    candidates, training_data, rows = two_candidates
    best = max(candidates, key=lambda fitted: fitted.candidate.name)
    for calibration in (best.model.calibration, Calibration(c=-2.0)):
        same = replace(best.model, calibration=calibration)
        decision = choose_champion(candidates, training_data, rows, gates=GATES, incumbent=same)
        assert "confidence 0.500" in decision.why


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fingerprint": "older"}, "another feature table"),
        ({"feature_names": ("gone",)}, "needs features that are now left out"),
    ],
)
def test_a_champion_that_cannot_be_compared_is_kept_and_said(two_candidates, change, words):
    candidates, training_data, rows = two_candidates
    old = replace(candidates[0].model, **change)
    decision = choose_champion(candidates, training_data, rows, gates=GATES, incumbent=old)
    assert decision.alias == "challenger"
    assert words in decision.why
    assert "cannot be compared and both are kept" in decision.why


def test_who_fails_every_gate_is_only_a_challenger(two_candidates, gates_with):
    decision = choose_champion(
        *two_candidates, gates=gates_with(stability={"psi_below": 1e-9}), incumbent=None
    )
    assert decision.alias == "challenger"
    assert decision.why.startswith("no candidate passed the gates: PSI of 0.0")


def test_every_candidate_is_in_the_default_settings():
    assert set(SETTINGS.candidates) == set(CANDIDATES)
