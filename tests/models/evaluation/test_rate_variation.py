import numpy as np
import pytest

from models.evaluation.rate_variation import GRID, PRIOR, RateRandomEffects, fit_rate_random_effects

QUARTERS, ROWS = 5, 5_000


def world(spread, *, seed=0, rows=ROWS, rate=-2.2):
    """Five quarters whose default rates differ by `spread`, given one feature."""
    rng = np.random.default_rng(seed)
    quarter = np.repeat(np.arange(QUARTERS), rows // QUARTERS)
    X = rng.normal(size=(rows, 3))
    off = spread * rng.permutation([-1.3, -0.6, 0.0, 0.6, 1.3])
    risk = rate + 0.8 * X[:, 0] + off[quarter]
    bad = (rng.random(rows) < 1 / (1 + np.exp(-risk))).astype(float)
    return X, bad, quarter, rng.integers(1, 5, rows)


def measured(*args, **options):
    X, bad, quarter, sources = world(*args, **options)
    return fit_rate_random_effects(X, bad, quarter=quarter, sources=sources)


def test_quarters_that_differ_are_told_from_quarters_that_do_not():
    still, moving = measured(0.0), measured(0.35)
    assert moving.quarter > max(0.2, 2 * still.quarter)
    assert moving.sources < 0.15
    assert moving.cell < 0.15


def test_the_same_rows_give_the_same_spreads():
    assert measured(0.2, seed=3) == measured(0.2, seed=3)


@pytest.mark.parametrize("seed", range(3))
def test_few_bads_leave_the_prior_and_never_nothing(seed):
    few = measured(0.0, seed=seed, rows=500, rate=-5.5)
    assert few == RateRandomEffects(PRIOR, PRIOR, PRIOR)
    some = measured(0.0, seed=seed, rows=2_000, rate=-3.5)
    assert min(some.quarter, some.sources, some.cell) > GRID[0]


def test_one_quarter_alone_leaves_the_prior():
    X, bad, quarter, sources = world(0.0)
    alone = fit_rate_random_effects(X, bad, quarter=np.zeros_like(quarter), sources=sources)
    assert alone == RateRandomEffects(PRIOR, PRIOR, PRIOR)
