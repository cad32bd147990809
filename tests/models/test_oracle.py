import numpy as np
import polars as pl
import pytest

from models.oracle import true_pd, truth_figures


def test_the_true_pd_itself_has_no_error():
    true = np.random.default_rng(1).beta(1, 20, 400)
    approved = true < 0.1
    found = truth_figures(true, true, approved=approved)
    assert found["truth_pd_error"] == 0
    assert found["truth_gini_share"] == pytest.approx(1)
    biases = ("truth_pd_bias", "truth_pd_bias_approved", "truth_pd_bias_refused")
    assert [found[name] for name in biases] == [0, 0, 0]


def test_one_pd_for_all_has_the_error_of_a_constant():
    true = np.random.default_rng(1).beta(1, 20, 400)
    found = truth_figures(np.full(400, true.mean()), true, approved=np.ones(400, dtype=bool))
    assert found["truth_pd_error_share"] == pytest.approx(1)
    assert found["truth_gini_share"] == pytest.approx(0, abs=1e-12)
    assert "truth_pd_bias_refused" not in found


def test_the_expected_gini_is_that_of_many_drawn_worlds():
    rng = np.random.default_rng(2)
    true = rng.beta(1, 4, 300)
    pd = np.round(np.clip(true + rng.normal(0, 0.1, 300), 0.01, 0.99), 2)
    wins = pairs = 0.0
    for _ in range(400):
        bad = rng.random(300) < true
        over = np.sign(pd[bad][:, None] - pd[~bad][None, :])
        wins += over.sum()
        pairs += over.size
    share = truth_figures(pd, true, approved=np.ones(300, dtype=bool))["truth_gini_share"]
    best = 0.0
    for _ in range(400):
        bad = rng.random(300) < true
        best += np.sign(true[bad][:, None] - true[~bad][None, :]).mean() / 400
    assert share == pytest.approx(wins / pairs / best, abs=0.02)


def test_real_data_have_no_truth(tmp_path):
    assert true_pd(tmp_path, pl.Series(["A1"])) is None


def test_truth_is_joined_by_application(tmp_path):
    (tmp_path / "truth").mkdir()
    table = pl.DataFrame({"application_id": ["A2", "A1"], "true_pd": [0.2, 0.1]})
    table.write_parquet(tmp_path / "truth" / "truth.parquet")
    np.testing.assert_array_equal(true_pd(tmp_path, pl.Series(["A1", "A2"])), [0.1, 0.2])
