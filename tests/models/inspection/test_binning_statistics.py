"""Weight of evidence and information value, against optbinning on the same bins."""

import numpy as np
import pytest
from optbinning import OptimalBinning
from optbinning.binning.metrics import jeffrey

from models.evaluation.metrics import psi
from models.inspection.binning_statistics import information_value, weight_of_evidence


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_optbinning_on_the_same_bins(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=4_000)
    x[rng.random(4_000) < 0.1] = np.nan
    bad = (rng.random(4_000) < 1 / (1 + np.exp(2 - np.nan_to_num(x)))).astype(int)
    binning = OptimalBinning(dtype="numerical", user_splits=[-1.0, 0.0, 0.7, 2.0]).fit(x, bad)
    table = binning.binning_table.build(add_totals=False)
    rows, bads = table["Count"].to_numpy(), table["Event"].to_numpy()
    filled = rows > 0
    woe = weight_of_evidence(rows, bads)[filled]
    assert np.abs(woe - table["WoE"].to_numpy(dtype=float)[filled]).max() < 1e-9
    assert np.abs(information_value(rows, bads) - table["IV"].to_numpy(dtype=float)).max() < 1e-9


def test_a_bin_without_bads_or_goods_adds_nothing():
    rows, bads = [100, 50, 10, 0], [5, 0, 10, 0]
    assert np.isnan(weight_of_evidence(rows, bads)[1:]).all()
    assert information_value(rows, bads)[1:].tolist() == [0, 0, 0]


@pytest.mark.filterwarnings("ignore")
def test_psi_equal_to_optbinning():
    rng = np.random.default_rng(1)
    for _ in range(5):
        p, q = rng.dirichlet([5] * 6), rng.dirichlet([5] * 6)
        assert psi(p, q) == pytest.approx(jeffrey(p, q, return_sum=True), abs=1e-9)
