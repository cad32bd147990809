from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, logit

from scoring.pd_interval import LEVEL, REFUSED_TIMES, pd_interval

PDS = [0.01, 0.03, 0.08, 0.2]
RANDOM_EFFECTS = {"quarter": 0.15, "sources": 0.15, "cell": 0.15}


def development(rows, rates, pds=PDS, *, refused=0.0, random_effects=RANDOM_EFFECTS):
    """What a model remembers whose cells (2 sources, one a bin) defaulted at `rates`."""
    return {
        "pd_edges": [(a + b) / 2 for a, b in pairwise(pds)],
        "random_effects": random_effects,
        "reliability": [
            {
                "sources": 2,
                "bin": k,
                "applicants": round(rows / (1 - refused)),
                "rows": rows,
                "bads": round(rows * rate),
                "pd": pd,
            }
            for k, (rate, pd) in enumerate(zip(rates, pds, strict=True))
        ],
    }


def interval(pd, sources, remembered):
    return pd_interval(np.array(pd), np.array(sources), remembered)


def test_the_interval_holds_the_pd_and_narrows_with_what_was_seen():
    pd, sources = np.array(PDS), np.full(4, 2)
    few = pd_interval(pd, sources, development(50, PDS))
    many = pd_interval(pd, sources, development(50_000, PDS))
    for low, high in (few, many):
        assert ((low > 0) & (low <= pd) & (pd <= high) & (high < 1)).all()
    assert (many[1] - many[0] < few[1] - few[0]).all()


@pytest.mark.parametrize("part", RANDOM_EFFECTS)
def test_what_wanders_more_is_wider(part):
    low, high = interval([0.03], [2], development(500, PDS))
    wider = development(500, PDS, random_effects={**RANDOM_EFFECTS, part: 0.4})
    wide_low, wide_high = interval([0.03], [2], wider)
    assert wide_low[0] < low[0] < 0.03 < high[0] < wide_high[0]


def test_a_cell_nobody_was_in_is_wide_not_missing():
    remembered = development(5_000, PDS)
    low, high = interval([0.03], [4], remembered)
    seen_low, seen_high = interval([0.03], [2], remembered)
    assert low[0] < seen_low[0] < 0.03 < seen_high[0] < high[0]


def test_a_cell_that_defaulted_more_raises_the_upper_end():
    usual = interval([0.08], [2], development(500, PDS))
    worse = interval([0.08], [2], development(500, [2 * p for p in PDS]))
    assert worse[1][0] > usual[1][0]


def test_where_many_were_refused_the_upper_end_lies_higher():
    none = interval([0.03], [2], development(500, PDS))
    half = interval([0.03], [2], development(500, PDS, refused=0.5))
    assert half[1][0] > none[1][0]


def test_an_applicant_without_pd_has_no_interval_and_disturbs_nobody():
    remembered = development(500, PDS)
    low, high = interval([np.nan, 0.03], [0, 2], remembered)
    alone = interval([0.03], [2], remembered)
    assert np.isnan([low[0], high[0]]).all()
    assert (low[1], high[1]) == (alone[0][0], alone[1][0])


def test_a_model_without_reliability_has_no_interval():
    low, high = interval([0.1], [1], {})
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@pytest.mark.parametrize("rows", [60, 2_000])
@pytest.mark.parametrize("refused", [0.0, 0.4])
def test_the_interval_covers_the_mean_of_cells_as_often_as_it_says(rows, refused):
    """Deviations as wide as measured, another quarter, refused applicants as assumed."""
    rng = np.random.default_rng(rows)
    pd = np.repeat(PDS, 4)
    sources, place = np.tile(np.arange(1, 5), 4), np.repeat(np.arange(4), 4)
    low, high = np.log(REFUSED_TIMES)
    covered = []
    for _ in range(150):
        off = (
            rng.normal(0, 0.3)
            + rng.normal(0, RANDOM_EFFECTS["sources"], 5)[sources]
            + rng.normal(0, RANDOM_EFFECTS["cell"], 16)
        )
        slice_, batch = rng.normal(0, RANDOM_EFFECTS["quarter"], 2)
        bads = rng.binomial(rows, expit(logit(pd) + off + slice_))
        remembered = {
            **development(1, PDS),
            "reliability": [
                {
                    "sources": int(s),
                    "bin": int(k),
                    "applicants": round(rows / (1 - refused)),
                    "rows": rows,
                    "bads": int(b),
                    "pd": p,
                }
                for s, k, b, p in zip(sources, place, bads, pd, strict=True)
            ],
        }
        low_end, high_end = pd_interval(pd, sources, remembered)
        times = np.exp(rng.normal((low + high) / 2, (high - low) / 2 / 1.645))
        truth = expit(logit(pd) + off + batch + np.log1p(refused * (times - 1)))
        covered.append((low_end <= truth) & (truth <= high_end))
    assert abs(np.mean(covered) - LEVEL) < 0.05
