import numpy as np
import polars as pl
import pytest
from scipy.stats import norm
from sklearn import metrics as reference

from models.evaluation import metrics


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(11)
    pd = rng.beta(1, 15, 2_000)
    return np.round(pd, 3).clip(0.001), (rng.random(2_000) < pd).astype(float)


def test_the_usual_figures_agree_with_scikit_learn(scored):
    pd, bad = scored
    assert metrics.auc(pd, bad).value == pytest.approx(reference.roc_auc_score(bad, pd))
    assert metrics.brier(pd, bad) == pytest.approx(reference.brier_score_loss(bad, pd))
    assert metrics.log_loss(pd, bad) == pytest.approx(reference.log_loss(bad, pd))
    false, true, _ = reference.roc_curve(bad, pd)
    assert metrics.ks(pd, bad) == pytest.approx((true - false).max())


def test_delong_by_its_definition():
    """The variance as DeLong (1988) writes it, with every pair compared."""
    rng = np.random.default_rng(4)
    bad = np.repeat([1.0, 0.0], [25, 60])
    score = np.round(rng.normal(bad, 1), 1)
    pairs = (score[:25, None] > score[None, 25:]) + 0.5 * (score[:25, None] == score[None, 25:])
    variance = pairs.mean(1).var(ddof=1) / 25 + pairs.mean(0).var(ddof=1) / 60
    found = metrics.auc(score, bad)
    assert found.value == pytest.approx(pairs.mean())
    logit = np.log(found.value / (1 - found.value))
    half = 1.959964 * np.sqrt(variance) / (found.value * (1 - found.value))
    assert found.low == pytest.approx(1 / (1 + np.exp(half - logit)), rel=1e-6)
    assert found.high == pytest.approx(1 / (1 + np.exp(-half - logit)), rel=1e-6)


def test_the_auc_interval_covers_the_truth():
    """Over many samples 95 % of the intervals contain the area of two normals, for few bads too."""
    truth = norm.cdf(1 / np.sqrt(2))
    rng = np.random.default_rng(8)
    hits = []
    for _ in range(600):
        bad = np.repeat([1.0, 0.0], [40, 400])
        found = metrics.auc(rng.normal(bad, 1), bad)
        hits.append(found.low <= truth <= found.high)
    assert np.mean(hits) == pytest.approx(0.95, abs=0.03)


def test_the_paired_difference_covers_the_truth():
    rng = np.random.default_rng(9)
    truth = norm.cdf(1.2 / np.sqrt(2)) - norm.cdf(0.8 / np.sqrt(2))
    hits = []
    for _ in range(400):
        bad = np.repeat([1.0, 0.0], [60, 300])
        shared = rng.normal(size=360)
        one = 1.2 * bad + 0.6 * shared + 0.8 * rng.normal(size=360)
        two = 0.8 * bad + 0.6 * shared + 0.8 * rng.normal(size=360)
        found = metrics.auc_difference(one, two, bad)
        hits.append(found.low <= truth <= found.high)
    assert np.mean(hits) == pytest.approx(0.95, abs=0.035)


def test_without_both_classes_there_is_no_area():
    assert all(np.isnan(metrics.auc(np.array([0.1, 0.2]), np.zeros(2))))
    perfect = metrics.auc(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0, 1, 1]))
    assert perfect == (1, pytest.approx(0.025**0.5), 1)
    assert metrics.auc(np.array([0.8, 0.9, 0.1, 0.2]), np.array([0.0, 0, 1, 1])).high < 0.9


def test_calibration_slope_and_intercept_of_a_known_distortion():
    """True log-odds = 0.5 + 0.7 * logit(pd): the slope comes back, and the level on its own."""
    rng = np.random.default_rng(12)
    pd = rng.beta(1, 10, 60_000)
    truth = 1 / (1 + np.exp(-(0.5 + 0.7 * np.log(pd / (1 - pd)))))
    bad = (rng.random(60_000) < truth).astype(float)
    slope = metrics.calibration_slope(pd, bad)
    assert slope.low < 0.7 < slope.high < 0.75
    level = metrics.calibration_intercept(pd, bad)
    assert level.low > 0
    shifted = 1 / (1 + np.exp(-(np.log(pd / (1 - pd)) + level.value)))
    assert shifted.mean() == pytest.approx(bad.mean(), rel=1e-6)


def test_a_perfect_model_stays_below_its_own_bound():
    rng = np.random.default_rng(13)
    pd = rng.beta(1, 20, 3_000)
    bound = metrics.ece_of_truth(pd)
    errors = [metrics.ece(pd, (rng.random(3_000) < pd).astype(float)) for _ in range(300)]
    assert np.mean(np.array(errors) < bound) == pytest.approx(0.95, abs=0.035)
    assert metrics.ece(np.clip(pd * 2, 0, 1), (rng.random(3_000) < pd).astype(float)) > bound


def test_psi_by_hand():
    assert metrics.psi([0.5, 0.5], [0.5, 0.5]) == 0
    by_hand = (0.7 - 0.5) * np.log(0.7 / 0.5) + (0.3 - 0.5) * np.log(0.3 / 0.5)
    assert metrics.psi([0.5, 0.5], [0.7, 0.3]) == pytest.approx(by_hand)
    assert np.isfinite(metrics.psi([0.5, 0.5], [1.0, 0.0]))


def test_shares_count_the_missing_apart():
    values = np.array([0.0, 1.0, 1.0, 2.0, np.nan])
    np.testing.assert_allclose(metrics.shares(values, [1.0, 2.0]), [0.25, 0.5, 0.25])
    found = metrics.shares(values, [1.0, 2.0], missing=True)
    np.testing.assert_allclose(found, [0.2, 0.4, 0.2, 0.2])


def test_rows_of_one_firm_count_once():
    """Ten copies of every row say no more than the row itself."""
    rng = np.random.default_rng(3)
    pd = 1 / (1 + np.exp(-rng.normal(-1, 1, 800)))
    bad = (rng.random(800) < pd).astype(float)
    other = pd * rng.uniform(0.8, 1.0, 800)
    firms = np.repeat(np.arange(800), 10)
    many = [np.repeat(values, 10) for values in (pd, bad, other)]
    scores, others, bads = many[0], many[2], many[1]
    pairs = [
        (metrics.auc(pd, bad), metrics.auc(scores, bads, firms)),
        (
            metrics.auc_difference(pd, other, bad),
            metrics.auc_difference(scores, others, bads, firms),
        ),
        (metrics.calibration_slope(pd, bad), metrics.calibration_slope(scores, bads, firms)),
        (
            metrics.calibration_intercept(pd, bad),
            metrics.calibration_intercept(scores, bads, firms),
        ),
    ]
    for once, copied in pairs:
        assert copied.value == pytest.approx(once.value, abs=1e-6)
        assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.15)


def test_firms_with_one_row_each_change_no_auc():
    rng = np.random.default_rng(4)
    score, bad = rng.random(300), (rng.random(300) < 0.3).astype(float)
    assert metrics.auc(score, bad, np.arange(300)) == pytest.approx(metrics.auc(score, bad))
    assert metrics.firms_of(pl.Series(["a", "b"])) is None
    assert metrics.firms_of(pl.Series(["b", "a", "b"])).tolist() == [1, 0, 1]
