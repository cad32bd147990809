"""Signals know of default only through the firm's own story.

A firm's records are drawn from the story of a stranger: same register, but another management,
another path of health, other shocks of the province, other surprises. Then nothing in them may
tell who defaults among firms of one sector, size, area and age; and with the firm's own story it
must.
"""

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, rankdata

from features.contract.tables import SOURCES
from features.engine.build import build_features
from features.io.signal_reader import Signals
from features.table.catalogue import as_table
from synthetic.config.load import load_config
from synthetic.firm.population import population
from synthetic.streams import Bucket
from tests.synthetic.conftest import Everybody

pytestmark = pytest.mark.slow

FIRMS = 1_000
WORLDS = tuple(range(21, 33))
"""Models of single worlds share most of what they learnt on, so the mean needs many of them."""
FEWER = WORLDS[:5]
"""Enough to see what a firm's own_path records tell."""
BAND = 0.25
"""Width of the bands of what the register lets one expect of a buffer, months; area and age."""
STRANGERS = 1_000
"""Added to a seed it gives the world of the strangers."""

SIGNAL_FEATURES = tuple(as_table().filter(pl.col("source").is_in(SOURCES))["name"])


def province():
    """The baseline, poorer so that few firms show many defaults; all apply within one quarter.

    Nobody means to defraud: intent is no part of the latent path.
    """
    config = load_config()
    return config.model_copy(
        update={
            "calendar": config.calendar.model_copy(update={"quarters": 1}),
            "cash": config.cash.model_copy(update={"buffer_mean": 3.2}),
            "true_pd": config.true_pd.model_copy(update={"points": 16, "grid_points": 16}),
            "fraud": config.fraud.model_copy(
                update={"shell_share": 0.0, "inflation_share": 0.0, "brushing_share": 0.0}
            ),
        }
    )


def world_of(seed, *, strangers):
    """Signal features (n, k), defaults (n,) and strata (n,) of one small world."""
    config = province()
    own = Everybody(seed, config, FIRMS)
    firms, shown = own.history.firms, own
    if strangers:
        other = population(FIRMS, Bucket(seed + STRANGERS, 0, config))
        hidden = replace(firms, quality=other.quality, digital=other.digital)
        shown = Everybody(seed + STRANGERS, config, FIRMS, people=hidden)
    tables = shown.signal_tables()
    tables.pop("faults")
    asked = own.loan_tables()
    tables["credit_history"] = asked["credit_history"]
    features = build_features(Signals.from_frames(tables), asked["applications"])
    band = np.round(own.history.state.cash_buffer.visible / BAND).astype(int)
    strata = np.unique(
        np.column_stack([firms.trade, firms.form, band]), axis=0, return_inverse=True
    )[1]
    defaults = asked["truth"]["potential_default"].cast(pl.Boolean).to_numpy()
    return features.select(SIGNAL_FEATURES).to_numpy(), defaults, strata.ravel()


def separation(score, defaults, strata):
    """Area under the curve over pairs within strata, and its standard error if order is chance.

    The stratified rank-sum test (van Elteren), ties averaged; NaN counts as the lowest score.

    Parameters
    ----------
    score : ndarray of shape (n,) or (n, k)
    """
    score = np.nan_to_num(score, nan=-np.inf)
    wins = variance = 0.0
    pairs = 0
    for stratum in np.unique(strata[defaults]):
        rows = strata == stratum
        n, bad = rows.sum(), defaults[rows].sum()
        if bad < n:
            ranks = rankdata(score[rows], axis=0)
            wins = wins + ranks[defaults[rows]].sum(axis=0) - bad * (bad + 1) / 2
            variance = variance + bad * (n - bad) * ranks.var(axis=0) / (n - 1)
            pairs += bad * (n - bad)
    return wins / pairs, np.sqrt(variance) / pairs


@pytest.fixture(scope="module")
def independent_path():
    return [world_of(seed, strangers=True) for seed in WORLDS]


@pytest.fixture(scope="module")
def own_path():
    return [world_of(seed, strangers=False) for seed in FEWER]


def model_separation(worlds):
    """Separation in each world of a small model that learnt on all the others, shape (w, 2)."""
    found = []
    for k, (signals, defaults, strata) in enumerate(worlds):
        others = worlds[:k] + worlds[k + 1 :]
        model = lgb.LGBMClassifier(
            n_estimators=80, max_depth=3, learning_rate=0.05, n_jobs=1, verbose=-1
        )
        model.fit(np.vstack([x for x, _, _ in others]), np.concatenate([y for _, y, _ in others]))
        found.append(separation(model.predict(signals, raw_score=True), defaults, strata))
    return np.array(found)


def each_signal(worlds):
    """Standard errors by which each signal alone separates, all worlds together, shape (k,)."""
    strata = np.concatenate([s + k * 100_000 for k, (_, _, s) in enumerate(worlds)])
    signals = np.vstack([x for x, _, _ in worlds])
    area, error = separation(signals, np.concatenate([y for _, y, _ in worlds]), strata)
    return np.divide(area - 0.5, error, out=np.zeros_like(area), where=error > 0)


BOUND = norm.isf(0.001 / len(SIGNAL_FEATURES) / 2)
"""Standard errors that the largest of so many signals exceeds once in a thousand by chance."""


def test_a_strangers_records_tell_nothing_of_a_firms_default(independent_path):
    area, error = model_separation(independent_path).T
    assert (np.abs(area - 0.5) < 3.5 * error).all(), area
    assert abs(area.mean() - 0.5) < 3 * np.sqrt((error**2).sum()) / len(error), area
    assert np.sqrt((error**2).sum()) / len(error) < 0.02, "too few firms to see anything"


def test_no_single_signal_of_a_stranger_tells_of_default(independent_path):
    found = np.abs(each_signal(independent_path))
    assert found.max() < BOUND, SIGNAL_FEATURES[found.argmax()]
    assert (found > 0).mean() > 0.9, "most signals vary"


def test_a_firms_own_records_tell_of_its_default(own_path):
    area, error = model_separation(own_path).T
    assert (area - 4 * error > 0.55).all(), area
    assert (np.abs(each_signal(own_path)) > BOUND).mean() > 0.25
