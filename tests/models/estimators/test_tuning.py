import numpy as np
import polars as pl
import pytest

from models.data.time_folds import time_folds
from models.estimators.candidates import CANDIDATES, trials_of
from models.estimators.lightgbm_fit import FoldDatasets
from models.estimators.tuning import tune
from models.settings import read_settings

SETTINGS = read_settings()
CONFIG = SETTINGS.model_copy(
    update={"trees": SETTINGS.trees.model_copy(update={"threads": 1, "max_rounds": 40})}
)


@pytest.fixture(scope="module")
def sample(make_training_data):
    training_data = make_training_data(rows=1_200)
    return training_data.sample(
        training_data.rows.filter(pl.col("defaulted").is_not_null()), training_data.names
    )


def run(sample, folder, trials, **kwargs):
    steps = []
    tuned = tune(
        sample,
        CONFIG,
        journal=folder / "tuning.log",
        study="small",
        trials=trials,
        step=lambda: steps.append(1),
        **kwargs,
    )
    return tuned, len(steps)


def test_tuning_is_never_worse_than_where_it_started(sample, tmp_path):
    tuned, steps = run(sample, tmp_path, 9)
    assert steps == len(tuned.trials) == 9
    losses = [trial.loss for trial in tuned.trials if trial.state == "complete"]
    start = tuned.trials[0]
    assert start.settings["max_depth"] == CONFIG.trees.max_depth
    assert min(losses) < start.loss
    best = min((t for t in tuned.trials if t.state == "complete"), key=lambda t: t.loss)
    assert tuned.trees.num_leaves == best.settings["num_leaves"]
    assert tuned.trees.max_depth <= 6


def test_the_same_seed_tries_the_same(sample, tmp_path):
    first, _ = run(sample, tmp_path, 4)
    again, _ = run(sample, tmp_path, 4)
    assert first == again


def test_a_study_goes_on_only_when_told(sample, tmp_path):
    run(sample, tmp_path, 3)
    resumed, steps = run(sample, tmp_path, 5, resume=True)
    assert len(resumed.trials) == steps == 5
    tried = [tuple(trial.settings.values()) for trial in resumed.trials]
    assert len(set(tried)) == 5  # none is tried a second time
    fresh, _ = run(sample, tmp_path, 2)
    assert len(fresh.trials) == 2


def test_folds_never_learn_from_what_comes_later(sample):
    cuts = time_folds(sample.bad)
    assert [end for _, end in cuts][:-1] == [cut for cut, _ in cuts][1:]
    assert cuts[-1][1] == len(sample.bad)
    for (cut, end), (past, next_) in zip(cuts, FoldDatasets(sample, 63).pairs, strict=True):
        np.testing.assert_array_equal(past.get_label(), sample.bad[:cut])
        np.testing.assert_array_equal(next_.get_label(), sample.bad[cut:end])


@pytest.mark.parametrize("trials", [0, 1, 7, 40])
def test_all_trials_are_spent_and_only_on_what_can_be_tuned(trials):
    given = trials_of(list(CANDIDATES.values()), trials)
    assert sum(given.values()) == trials
    assert given["scorecard_all"] == given["scorecard_register"] == 0
    assert trials_of([CANDIDATES["trees_all"]], trials) == {"trees_all": trials}
