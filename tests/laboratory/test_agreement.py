"""The checks of the truth see what is wrong and pass what is right."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from laboratory.agreement import (
    CELLS,
    applicants,
    asset_correlation,
    between_worlds,
    holm,
    money_agrees,
    valued_offers,
    within_a_world,
)
from synthetic.config.load import load_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows():
    config = load_config()
    return pl.concat([applicants(config, (seed, 0, None)) for seed in range(6)])


def with_outcomes(rows, pd, seed=1):
    """The same applicants with outcomes drawn from other probabilities."""
    drawn = np.random.default_rng(seed).random(rows.height) < pd
    return rows.with_columns(potential_default=pl.Series(drawn))


def test_every_grouping_is_tested(rows):
    assert within_a_world(rows).keys() == CELLS.keys()


def test_outcomes_drawn_from_the_truth_pass_and_others_do_not(rows):
    pd = rows["true_pd_world"].to_numpy()
    assert min(within_a_world(with_outcomes(rows, pd)).values()) > 0.01
    assert min(within_a_world(with_outcomes(rows, np.minimum(1.5 * pd, 1))).values()) < 0.001


def test_a_bias_in_every_world_is_seen_between_worlds(rows):
    off = with_outcomes(rows, np.minimum(4 * rows["true_pd"].to_numpy(), 1))
    assert min(between_worlds(off).values()) < 0.05


def test_holm_orders_and_caps():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.5}) == {"a": 0.03, "b": 0.08, "c": 0.5}


@pytest.mark.parametrize("rho", [0.02, 0.05])
def test_the_asset_correlation_is_vasiceks(rho):
    shock = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    conditional = norm.cdf((norm.ppf(0.03) - np.sqrt(rho) * shock) / np.sqrt(1 - rho))
    assert asset_correlation(0.03, conditional.var()) == pytest.approx(rho, rel=0.01)


@pytest.fixture(scope="module")
def valued():
    return pl.concat([valued_offers(load_config(), (77, number)) for number in range(6)])


def test_money_that_came_of_offers_agrees_with_what_was_expected(valued):
    p = money_agrees(valued)
    assert len(p) == 18
    assert min(holm(p).values()) > 0.01


def test_money_that_was_promised_wrongly_is_seen(valued):
    wrong = valued.with_columns(pl.col("realised_income_cny") * 1.05)
    assert min(money_agrees(wrong).values()) < 1e-6
