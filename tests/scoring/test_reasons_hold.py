"""A reason must be true: put right what it blames, and the risk falls."""

import numpy as np
import polars as pl
import pytest

from features.catalogue import FEATURES
from models.reasons import top_reasons

SIGNS = {feature.name: feature.sign for feature in FEATURES}
THEMES = {feature.name: feature.theme for feature in FEATURES}
ROWS = 1_000


@pytest.fixture(scope="module")
def crowd(model):
    """A thousand applicants all over the place, a fifth of their figures missing."""
    rng = np.random.default_rng(11)
    typical = np.array([model.typical[name] for name in model.feature_names])
    spread = np.maximum(np.abs(typical), 0.5)
    X = typical + spread * rng.normal(size=(ROWS, len(typical)))
    X[rng.random(X.shape) < 0.2] = np.nan
    return pl.DataFrame(X, schema=list(model.feature_names)).fill_nan(None)


def test_putting_the_first_reason_right_never_raises_risk_and_nearly_always_lowers_it(model, crowd):
    found = top_reasons(model.contributions(crowd), crowd, model).filter(pl.col("rank") == 1)
    mended = {name: crowd[name].to_numpy().copy() for name in model.feature_names}
    for row, theme in found.select("row", "theme").iter_rows():
        for name in model.feature_names:
            worse = SIGNS[name] * (mended[name][row] - model.typical[name]) > 0
            if THEMES[name] == theme and worse:
                mended[name][row] = model.typical[name]
    rows = found["row"].to_numpy()
    after = model.margin(pl.DataFrame(mended))[rows]
    before = model.margin(crowd)[rows]
    # worse than typical means something only where the figure is there and the table has a sign
    signed = np.array([SIGNS[name] != 0 for name in found["feature"]])
    blamed = found["value"].is_not_null().to_numpy() & signed
    assert blamed.sum() > 0.7 * ROWS
    assert (after <= before + 1e-12).all()
    assert (after < before)[blamed].mean() >= 0.99


def test_no_reason_blames_a_figure_better_than_typical(model, crowd):
    found = top_reasons(model.contributions(crowd), crowd, model).drop_nulls("value")
    sign = np.array([SIGNS[name] for name in found["feature"]])
    gap = (found["value"] - found["typical"]).to_numpy()
    assert (sign * gap >= 0).all()
    assert len(found) > 3 * ROWS
