from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, logit

from scoring.interval import DRIFT, LEVEL, SPREAD, pd_interval


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


@pytest.mark.parametrize("rows", [40, 2_000])
def test_the_interval_covers_the_mean_of_cells_as_often_as_it_says(rows):
    """Rates off by parts as wide as assumed, another course of events for the applicants."""
    rng = np.random.default_rng(rows)
    pd = np.repeat(PDS, 4)
    sources, place = np.tile(np.arange(1, 5), 4), np.repeat(np.arange(4), 4)
    covered = []
    for _ in range(300):
        off = (
            rng.normal(0, SPREAD["level"])
            + rng.normal(0, SPREAD["sources"], 5)[sources]
            + rng.normal(0, SPREAD["cell"], 16)
        )
        bads = rng.binomial(rows, expit(logit(pd) + off))
        table = [
            {"sources": int(s), "bin": int(k), "rows": rows, "bads": int(b), "pd": p}
            for s, k, b, p in zip(sources, place, bads, pd, strict=True)
        ]
        low, high = pd_interval(pd, sources, {**cells(1, PDS, PDS), "reliability": table})
        truth = expit(logit(pd) + off + rng.normal(0, DRIFT))
        covered.append((low <= truth) & (truth <= high))
    assert abs(np.mean(covered) - LEVEL) < 0.05
