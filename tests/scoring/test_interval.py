from itertools import pairwise

import numpy as np
import pytest

from scoring.interval import LEVEL, pd_interval


def cells(rows, rates, pds):
    return {
        "pd_edges": [(a + b) / 2 for a, b in pairwise(pds)],
        "reliability": [
            {"sources": 2, "bin": k, "rows": rows, "bads": round(rows * rate), "pd": pd}
            for k, (rate, pd) in enumerate(zip(rates, pds, strict=True))
        ],
    }


PDS = [0.01, 0.03, 0.08, 0.2]


def test_the_interval_holds_the_pd_and_narrows_with_what_was_seen():
    pd, sources = np.array(PDS), np.full(4, 2)
    few = pd_interval(pd, sources, cells(50, PDS, PDS))
    many = pd_interval(pd, sources, cells(50_000, PDS, PDS))
    for low, high in (few, many):
        assert ((low > 0) & (low <= pd) & (pd <= high) & (high < 1)).all()
    assert (many[1] - many[0] < few[1] - few[0]).all()


def test_a_cell_nobody_was_in_is_wide_not_missing():
    low, high = pd_interval(np.array([0.03]), np.array([4]), cells(5_000, PDS, PDS))
    seen_low, seen_high = pd_interval(np.array([0.03]), np.array([2]), cells(5_000, PDS, PDS))
    assert low[0] < seen_low[0] < 0.03 < seen_high[0] < high[0]


def test_a_cell_that_defaulted_more_raises_the_upper_end():
    usual = pd_interval(np.array([0.08]), np.array([2]), cells(500, PDS, PDS))
    worse = pd_interval(np.array([0.08]), np.array([2]), cells(500, [2 * p for p in PDS], PDS))
    assert worse[1][0] > usual[1][0]


def test_a_model_without_reliability_has_no_interval():
    low, high = pd_interval(np.array([0.1]), np.array([1]), {})
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@pytest.mark.parametrize("rows", [200, 2_000])
def test_the_interval_covers_the_mean_of_cells_as_often_as_it_says(rows):
    """Calibrated up to a shift of each cell, as the prior assumes; 2,000 cells drawn."""
    rng = np.random.default_rng(rows)
    covered = []
    for _ in range(500):
        truth = rng.beta(200 * np.array(PDS), 200 * (1 - np.array(PDS)))
        bads = rng.binomial(rows, truth)
        low, high = pd_interval(np.array(PDS), np.full(4, 2), cells(rows, bads / rows, PDS))
        covered.append((low <= truth) & (truth <= high))
    assert abs(np.mean(covered) - LEVEL) < 0.05
