import numpy as np
import polars as pl

from models.evaluation.development_sample import feature_bins, pd_bins, typical_values

ROWS = pl.DataFrame(
    {"a": [1.0, 3.0, None, float("nan"), 5.0], "b": pl.Series([None] * 5, dtype=pl.Float64)}
)


def test_typical_is_the_median_of_what_is_known():
    typical = typical_values(ROWS, ["a", "b"])
    assert typical["a"] == 3.0
    assert np.isnan(typical["b"])


def test_shares_of_a_feature_add_up_with_the_missing_last():
    bins = feature_bins(ROWS, ["a", "b"])
    assert sum(bins["a"]["share"]) == 1
    assert bins["a"]["share"][-1] == 0.4
    assert bins["b"]["share"][-1] == 1
    assert len(bins["a"]["share"]) == len(bins["a"]["edges"]) + 2


def test_bins_of_the_pd_hold_equal_numbers():
    bins = pd_bins(np.linspace(0.01, 0.5, 1_000))
    np.testing.assert_allclose(bins["pd_share"], 0.1, atol=0.002)
