import numpy as np
import pytest

from models.data.training_data import Sample
from models.inspection.bins import FeatureBins, bin_features, bin_index, equal_bins
from models.settings import read_settings

CONFIG = read_settings().scorecard


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(3_000, 4))
    X[:, 2] = 7.0
    X[:, 3] = np.nan
    bad = (rng.random(3_000) < 1 / (1 + np.exp(2 - 1.5 * X[:, 0]))).astype(float)
    X[rng.random(3_000) < 0.2, 0] = np.nan
    return Sample(X=X, bad=bad, names=("risk", "noise", "same", "none"), signs=(1, -1, 0, 0))


@pytest.fixture(scope="module")
def found(sample):
    return {bins.name: bins for bins in bin_features(sample, CONFIG)}


def test_every_row_is_in_a_bin(found, sample):
    for bins in found.values():
        assert bins.rows.sum() == len(sample.bad)
        assert bins.bads.sum() == sample.bad.sum()


def test_a_feature_with_a_sign_follows_it(found):
    assert found["risk"].trend == "rising"
    assert found["risk"].iv.sum() > 10 * found["risk"].chance_iv
    assert found["risk"].auc.low > 0.7


def test_noise_stays_near_what_chance_gives(found):
    assert found["noise"].iv.sum() < 3 * max(found["noise"].chance_iv, 0.01)


def test_a_constant_and_an_empty_feature_have_one_bin(found):
    assert len(found["same"].edges) == len(found["none"].edges) == 0
    assert found["none"].rows.tolist() == [0, 3_000]
    assert found["same"].trend == "flat"
    assert np.isnan(found["none"].auc.value)


def test_the_number_of_workers_changes_nothing(found, sample):
    for bins in bin_features(sample, CONFIG, workers=2):
        assert np.array_equal(bins.edges, found[bins.name].edges)
        assert np.array_equal(bins.bads, found[bins.name].bads)


def test_an_edge_belongs_to_the_bin_above():
    assert bin_index(np.array([-1.0, 0.0, 5.0, np.nan, np.inf]), np.array([0.0])).tolist() == [
        *(0, 1, 1, 2, 1)
    ]


def test_bins_of_equal_size_without_labels():
    x = np.arange(1_000.0)[:, None]
    (bins,) = equal_bins(["x"], x)
    assert bins.rows.tolist() == [100] * 10 + [0]


@pytest.mark.parametrize("bins", [2, 5])
def test_chance_reaches_as_far_as_it_is_said(bins):
    """Of features without any information, one in twenty has a larger information value."""
    rng = np.random.default_rng(3)
    n, runs, larger = 5_000, 600, 0
    edges = np.quantile(rng.random(n), np.arange(1, bins) / bins)
    bad = rng.random(n) < 0.1
    for _ in range(runs):
        index = bin_index(rng.random(n), edges)
        one = FeatureBins(
            name="x",
            edges=edges,
            rows=np.bincount(index, minlength=bins + 1),
            bads=np.bincount(index, weights=bad, minlength=bins + 1).astype(int),
            auc=(0.5, 0.5, 0.5),
        )
        larger += one.iv.sum() > one.chance_iv
    assert 0.025 < larger / runs < 0.08
