import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from models.estimators import calibration
from models.estimators.calibration import FLOOR, Calibration, cross_calibrated, fit_calibration
from models.evaluation import metrics


def sample(rows, seed, *, level=-3.0):
    rng = np.random.default_rng(seed)
    margin = rng.normal(level, 1.5, rows)
    truth = expit(0.8 + 1.1 * margin)  # slopes lie near 1 (`calibration.SLOPE_SD`)
    return margin, truth, (rng.random(rows) < truth).astype(float)


@pytest.mark.parametrize(("rows", "kind"), [(1_000, "beta"), (40_000, "isotonic")])
def test_the_map_is_chosen_by_bads_and_comes_near_the_truth(rows, kind):
    margin, truth, bad = sample(rows, 3)
    found = fit_calibration(margin, bad)
    assert found.kind == kind
    assert np.abs(found.pd(margin) - truth).mean() < 0.5 * np.abs(expit(margin) - truth).mean()


def test_with_few_bads_the_slope_is_nearer_the_truth_than_the_likeliest_one():
    """Margins whose slopes vary as the prior says, a hundred bads each."""
    rng = np.random.default_rng(8)
    errors = []
    for _ in range(60):
        margin, slope = rng.normal(-3, 1.2, 1_500), rng.normal(1, calibration.SLOPE_SD)
        bad = (rng.random(1_500) < expit(slope * margin)).astype(float)
        pd = fit_calibration(margin, bad).pd(margin)
        ours = np.polyfit(margin, logit(pd), 1)[0]
        likeliest = metrics.calibration_slope(expit(margin), bad).value
        errors.append(((ours - slope) ** 2, (likeliest - slope) ** 2))
    ours, likeliest = np.mean(errors, axis=0)
    assert ours < 0.6 * likeliest


def test_beta_finds_the_parameters_it_came_from():
    """logit(pd) = a ln p - b ln(1 - p) + c, drawn with a = 0.8, b = 1.5, c = 0.3."""
    rng = np.random.default_rng(5)
    p = rng.beta(1, 2, 400_000)
    bad = rng.random(400_000) < expit(0.8 * np.log(p) - 1.5 * np.log1p(-p) + 0.3)
    from models.estimators.calibration import _beta  # noqa: PLC0415

    found = _beta(logit(p), bad.astype(float))
    assert (found.a, found.b, found.c) == pytest.approx((0.8, 1.5, 0.3), abs=0.05)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(20, 3_000),
    direction=st.sampled_from([-1, 0, 1]),
)
def test_always_monotone_and_within_bounds(seed, rows, direction):
    """Whatever the sample says, even the contrary, a higher margin never gives a lower PD."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(-1, 2, rows)
    bad = (rng.random(rows) < expit(direction * margin)).astype(float)
    bad[:2] = [0.0, 1.0]
    grid = np.linspace(-12, 12, 301)
    pd = fit_calibration(margin, bad).pd(grid)
    assert (np.diff(pd) >= 0).all()
    assert pd.min() >= FLOOR
    assert pd.max() < 1


def test_the_floor_holds():
    assert Calibration(c=-20.0).pd(np.array([-5.0])) == FLOOR == 0.0003


def test_cross_fitting_never_uses_the_row_itself():
    """Turning the labels of one fold around changes nothing in that fold."""
    margin, _, bad = sample(600, 6)
    folds = np.arange(600) % 5
    before = cross_calibrated(margin, bad, folds=folds)
    turned = np.where(folds == 2, 1 - bad, bad)
    after = cross_calibrated(margin, turned, folds=folds)
    np.testing.assert_array_equal(before[folds == 2], after[folds == 2])
    assert (before[folds == 1] != after[folds == 1]).any()


def test_a_map_survives_its_file():
    margin, _, bad = sample(40_000, 3)
    for found in (fit_calibration(margin, bad), fit_calibration(margin[:900], bad[:900])):
        again = Calibration.from_json(found.to_json())
        np.testing.assert_array_equal(again.pd(margin), found.pd(margin))
