"""A reason must be true: put right what it blames, and the risk falls."""

import numpy as np
import polars as pl
import pytest

import models
import synthetic
from features.engine.build import build_features
from features.io.signal_reader import Signals, read_applications
from features.table.catalogue import FEATURES
from models.explanation.reasons import top_reasons
from models.tracking.registry import resolve

pytestmark = pytest.mark.slow

SIGNS = {feature.name: feature.sign for feature in FEATURES}
THEMES = {feature.name: feature.theme for feature in FEATURES}
ROWS = 1_000
FEW_BADS = """
candidates = ["trees_all"]
[gates.bads]
least = 1
"""
"""So small a world has no champion otherwise; how good it is plays no part here."""


@pytest.fixture(scope="module")
def random_applicants(model):
    """A thousand applicants all over the place, a fifth of their figures missing."""
    rng = np.random.default_rng(11)
    typical = np.array([model.typical[name] for name in model.feature_names])
    spread = np.maximum(np.abs(typical), 0.5)
    X = typical + spread * rng.normal(size=(ROWS, len(typical)))
    X[rng.random(X.shape) < 0.2] = np.nan
    return model, pl.DataFrame(X, schema=list(model.feature_names)).fill_nan(None)


@pytest.fixture(scope="module")
def new_applicants(tmp_path_factory):
    """A champion, and a thousand applicants of a world that it does not know."""
    folder = tmp_path_factory.mktemp("worlds")
    (folder / "small.toml").write_text(FEW_BADS, encoding="utf-8")
    synthetic.simulate(folder / "past", firms=6_000, seed=1)
    synthetic.simulate(folder / "new", firms=ROWS, seed=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/m.db")
        patch.chdir(folder)
        models.fit(folder / "past", config=folder / "small.toml", trials=0)
        champion, _ = resolve()
    applications = read_applications(folder / "new" / "applications.csv")
    signals = Signals.open(folder / "new")
    return champion, build_features(signals, applications, reference=champion.reference)


@pytest.fixture(params=["random_applicants", "new_applicants"])
def champion_and_rows(request):
    return request.getfixturevalue(request.param)


def test_putting_the_first_reason_right_never_raises_risk_and_nearly_always_lowers_it(
    champion_and_rows,
):
    """Of all first reasons in whose theme anything is worse than typical by its sign."""
    model, rows = champion_and_rows
    found = top_reasons(model.contributions(rows), rows, model).filter(pl.col("rank") == 1)
    assert len(found) > 0.97 * ROWS
    mended = {name: rows[name].cast(pl.Float64).to_numpy().copy() for name in model.feature_names}
    touched = np.zeros(ROWS, dtype=bool)
    for row, theme in found.select("row", "theme").iter_rows():
        for name in model.feature_names:
            worse = SIGNS[name] * (mended[name][row] - model.typical[name]) > 0
            if THEMES[name] == theme and worse:
                mended[name][row] = model.typical[name]
                touched[row] = True
    after, before = model.margin(pl.DataFrame(mended)), model.margin(rows)
    assert touched.sum() > 0.5 * ROWS
    assert (after <= before + 1e-12).all()
    assert (after < before)[touched].mean() >= 0.99


def test_no_reason_blames_a_figure_better_than_typical(champion_and_rows):
    model, rows = champion_and_rows
    found = top_reasons(model.contributions(rows), rows, model).drop_nulls("value")
    sign = np.array([SIGNS[name] for name in found["feature"]])
    gap = (found["value"] - found["typical"]).to_numpy()
    assert (sign * gap >= 0).all()
    assert len(found) > 2 * ROWS
