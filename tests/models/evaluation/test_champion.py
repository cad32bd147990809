import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from features.parallel.executor import process_pool
from models.data.split import split
from models.estimators.candidates import CANDIDATES
from models.evaluation import gates as gates_
from models.evaluation.champion import decide
from models.evaluation.gates import better, monotone_violation
from models.settings import read_settings
from models.train.fit import fit_all

SETTINGS = read_settings()
CONFIG = SETTINGS.model_copy(
    update={
        "trees": SETTINGS.trees.model_copy(update={"threads": 1, "max_rounds": 60}),
        "trials": 0,
        "candidates": ("scorecard_register", "trees_all"),
    }
)
GATES = read_settings().gates


@pytest.fixture(scope="module")
def contest(toy, tmp_path_factory):
    training_data = toy()
    parts = split(training_data.rows, config=CONFIG.split)
    with process_pool(1) as pool:
        fitted = fit_all(
            training_data,
            parts.rows,
            config=CONFIG,
            name="toy",
            journal=tmp_path_factory.mktemp("t") / "tuning.log",
            resume=False,
            step=lambda: None,
            pool=pool,
        )
    return fitted, training_data, parts.rows


def test_without_a_champion_the_best_takes_the_title(contest):
    decision = decide(*contest, gates=GATES, incumbent=None)
    assert decision.alias == "champion"
    assert decision.winner.candidate.name == "trees_all"
    assert set(decision.verdicts) == set(CONFIG.candidates)


def test_the_choice_never_looks_out_of_time(contest):
    """With the out-of-time slice gone, or its labels turned, the decision is the same."""
    fitted, training_data, rows = contest
    late = pl.col("slice").eq("out_of_time")
    turned = rows.with_columns(
        pl.when(late).then(~pl.col("defaulted")).otherwise("defaulted").alias("defaulted")
    )
    decisions = [
        decide(fitted, training_data, each, gates=GATES, incumbent=None)
        for each in (rows, turned, rows.filter(~late))
    ]
    assert decisions[0].verdicts == decisions[1].verdicts == decisions[2].verdicts


def test_a_champion_as_good_is_kept_and_a_worse_one_replaced(contest):
    fitted, training_data, rows = contest
    best = max(fitted, key=lambda one: one.candidate.name)
    kept = decide(fitted, training_data, rows, gates=GATES, incumbent=best.model)
    assert kept.alias == "challenger"
    other = min(fitted, key=lambda one: one.candidate.name)
    replaced = decide(fitted, training_data, rows, gates=GATES, incumbent=other.model)
    assert replaced.alias == "champion"
    assert "confidence" in replaced.why


def test_a_model_of_real_firms_is_not_replaced_by_a_simulated_one(contest):
    fitted, training_data, rows = contest
    real = replace(fitted[0].model, trained_on="real")
    assert decide(fitted, training_data, rows, gates=GATES, incumbent=real).alias == "challenger"


def test_a_champion_of_another_feature_table_is_replaced(contest):
    fitted, training_data, rows = contest
    old = replace(fitted[0].model, fingerprint="older")
    assert decide(fitted, training_data, rows, gates=GATES, incumbent=old).alias == "champion"


def strict(**changes):
    return GATES.model_copy(
        update={
            name: getattr(GATES, name).model_copy(update=update) for name, update in changes.items()
        }
    )


def test_who_fails_every_gate_is_only_a_challenger(contest):
    decision = decide(*contest, gates=strict(stability={"psi_below": 1e-9}), incumbent=None)
    assert decision.alias == "challenger"
    assert decision.why.startswith("no candidate passed the gates: PSI of 0.0")


def test_too_few_bads_are_said_and_no_champion_comes_of_them(contest):
    fitted, training_data, rows = contest
    counts = (pl.col("slice").eq("calibration") & pl.col("defaulted")).fill_null(value=False)
    few, enough = (
        rows.with_columns(defaulted=pl.col("defaulted") & ~(counts & (counts.cum_sum() > bads)))
        for bads in (19, 20)
    )
    said = "19 bads calibrated it, at least 20 are asked: so few prove nothing"
    assert gates_.failures(fitted[1], training_data, few, GATES)[0] == said
    assert said not in gates_.failures(fitted[1], training_data, enough, GATES)
    lenient = strict(bads={"least": 19})
    assert said not in gates_.failures(fitted[1], training_data, few, lenient)


def test_a_wrong_slope_is_caught(contest):
    fitted, training_data, rows = contest
    wrong = replace(fitted[1], figures={**fitted[1].figures})
    wrong.figures["selection_calibration_slope_low"] = 1.2
    wrong.figures["selection_calibration_slope_high"] = 1.9
    found = gates_.failures(wrong, training_data, rows, GATES)
    assert found == ["calibration slope 1.20 to 1.90 does not contain 1"]


def test_a_feature_that_turns_is_caught(contest):
    """A model whose signs are declared the other way round fails, feature by feature."""
    fitted, training_data, rows = contest
    model = next(one.model for one in fitted if one.candidate.name == "trees_all")
    assert monotone_violation(model, training_data, rows.head(50), points=9)[1] == 0
    turned = replace(
        training_data, signs={name: -sign for name, sign in training_data.signs.items()}
    )
    name, step = monotone_violation(model, turned, rows.head(50), points=9)
    assert step > 0.01
    assert training_data.signs[name] != 0


def test_a_weak_segment_is_caught(contest):
    fitted, training_data, rows = contest
    # in one area the PD says nothing: shuffled within it
    one = next(one for one in fitted if one.candidate.name == "trees_all")
    slice_ = pl.col("slice").eq("calibration") & pl.col("labelled")
    rng = np.random.default_rng(3)
    area = rng.choice(["rural", "urban"], rows.height, p=[0.6, 0.4])
    marked = rows.with_columns(pl.Series("area", area))
    rural = (marked.filter(slice_)["area"] == "rural").to_numpy()
    pd = one.selection_pd.copy()
    bad = marked.filter(slice_)["defaulted"].to_numpy()
    pd[rural] = np.where(bad[rural], 0.05, 0.1)
    weak = replace(one, selection_pd=pd)
    gates = strict(segments={"bads": 20})
    found = gates_.failures(weak, training_data, marked, gates)
    assert any("area rural (at most -" in text for text in found), found


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


def test_the_policy_is_the_one_of_scoring():
    path = Path(__file__).parents[3] / "scoring" / "policy.toml"
    policy = tomllib.loads(path.read_text(encoding="utf-8"))
    bounds = [grade["pd_below"] for grade in policy["grades"]][:-1]
    assert SETTINGS.policy.grade_bounds == tuple(bounds)
    assert SETTINGS.policy.approve_pd_below == policy["decision"]["approve_below"]


def test_every_candidate_is_in_the_default_settings():
    assert set(SETTINGS.candidates) == set(CANDIDATES)
