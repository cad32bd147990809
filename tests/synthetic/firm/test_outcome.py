"""The truth is true: its error, its agreement with what happens, its causes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, combine_pvalues

from synthetic.config.load import load_config
from synthetic.firm.cash import cash_path, default_month, without
from synthetic.firm.health import HISTORY
from synthetic.firm.outcome import CAUSES, realised_outcome
from synthetic.firm.population import population
from synthetic.firm.true_pd import true_pd
from synthetic.streams import Bucket, stream
from synthetic.world import backdrop, simulate_firms

FIRMS = 1_000
WORLDS = range(60, 70)
DECILES = 10


def story_of(seed, config, firms=FIRMS):
    at = Bucket(seed, 0, config)
    return simulate_firms(population(firms, at), backdrop(seed, config), at)


@pytest.fixture(scope="module")
def config():
    return load_config()


@pytest.fixture(scope="module")
def history(config):
    return story_of(59, config)


def chances(history, config, scramble, *, world):
    return true_pd(history.firms, history.state, config, stream(scramble, "test"), world=world)


@pytest.mark.parametrize("world", [False, True])
def test_the_standard_error_of_true_pd_is_at_most_a_tenth(history, config, world):
    runs = np.array([chances(history, config, k, world=world) for k in range(12)])
    mean, error = runs.mean(axis=0), runs.std(axis=0, ddof=1)
    near = (mean > 0.015) & (mean < 0.025)
    assert near.sum() > 20
    # twelve scrambles know a standard error to 21 %: the mean over firms is known far better
    assert (error / mean)[near].mean() < 0.06
    assert ((error / mean)[near] < 0.10).all()
    safest = mean < np.quantile(mean, 0.1)
    assert (error / mean)[safest].mean() < 0.20


def test_defaults_agree_with_true_pd_world_in_every_decile(config):
    """Given the common path outcomes are independent, so worlds can be pooled.

    Exact binomial tests, because the safest tenth expects two defaults; unequal chances within a
    decile make them a little conservative.
    """
    chance, hit = [], []
    for seed in WORLDS:
        history = story_of(seed, config)
        honest = ~history.bad.any
        chance.append(chances(history, config, seed, world=True)[honest])
        hit.append(realised_outcome(history.state, history.bad, config).defaults[honest])
    chance, hit = np.concatenate(chance), np.concatenate(hit)
    deciles = np.array_split(np.argsort(chance, kind="stable"), DECILES)
    found = [binomtest(int(hit[d].sum()), len(d), chance[d].mean()).pvalue for d in deciles]
    assert min(found) > 0.001 / DECILES, found
    assert combine_pvalues(found).pvalue > 0.001, found


def test_better_health_or_more_cash_never_raises_true_pd(history, config):
    before = chances(history, config, 1, world=False)
    h, now = history.state.health, HISTORY
    for better in (
        replace(history.state, health=replace(h, own=h.own + 0.2)),
        replace(history.state, health=replace(h, macro=h.macro + 0.05)),
        replace(
            history.state, health=replace(h, accident=h.accident * 0.5, strikes=h.strikes * 0.5)
        ),
        replace(history.state, cash=history.state.cash + 0.3),
    ):
        after = true_pd(history.firms, better, config, stream(1, "test"), world=False)
        assert (after <= before + 1e-12).all()
        assert after.mean() < before.mean()
    assert np.isfinite(history.state.cash[:, now]).all()


def test_each_default_has_a_cause_and_without_it_would_not_be(config):
    found = 0
    for seed in WORLDS[:4]:
        history = story_of(seed, config)
        state = history.state
        outcome = realised_outcome(state, history.bad, config)
        assert ((outcome.cause != "") == outcome.defaults).all()
        for part, name in CAUSES.items():
            rows = np.flatnonzero(outcome.cause == name)
            orders, strikes = without(state.health.rows(rows), part)
            path = cash_path(
                orders, strikes, state.surprise[rows], state.cash_buffer.rows(rows), config
            )
            assert (default_month(path) == 0).all(), name
            found += len(rows)
        rows = np.flatnonzero(outcome.cause == "payments")
        h = state.health.rows(rows)
        path = cash_path(
            h.total, h.strikes, 0 * state.surprise[rows], state.cash_buffer.rows(rows), config
        )
        assert (default_month(path) == 0).all()
        found += len(rows)
        assert (history.bad.absconds == (outcome.cause == "intent")).all()
    assert found > 50
