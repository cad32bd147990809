"""Acting on alarms: what a data owner would print, and what is true."""

import polars as pl
import pytest

from laboratory.watching.actions import acted_on
from laboratory.watching.watched_world import loans_as_offers
from synthetic.config.load import load_config
from synthetic.simulation import simulate_world

pytestmark = pytest.mark.slow

FIRMS = 1_000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("worlds") / "one"
    simulate_world(out=out, firms=FIRMS, seed=23, config=load_config(), workers=2)
    return out


@pytest.fixture(scope="module")
def outcomes(world):
    return pl.read_csv(world / "outcomes.csv", try_parse_dates=True)


@pytest.fixture(scope="module")
def effects(world, outcomes):
    """An alarm for every loan, sixty days after its disbursement."""
    days = outcomes.select(
        "application_id", as_of=pl.col("disbursed_on") + pl.duration(days=60)
    ).drop_nulls()
    return acted_on(world, loans_as_offers(world).join(days, on="application_id"))


def test_alarms_without_reason_look_like_a_success_and_avert_next_to_nothing(effects):
    """Most loans are repaid whatever is done: a naive rate counts them all."""
    assert set(effects) == {"freeze", "cut", "grace"}
    for effect in effects.values():
        assert effect.alarms > 400
        assert effect.naive > 0.95
        assert effect.averted < 0.05


def test_grace_averts_where_an_alarm_is_right_and_its_gain_is_loss_saved_and_interest(
    world, outcomes
):
    days = outcomes.select(
        "application_id", as_of=pl.col("defaulted_on").str.to_date() - pl.duration(days=70)
    ).drop_nulls()
    right = acted_on(world, loans_as_offers(world).join(days, on="application_id"))
    grace = right["grace"]
    assert grace.alarms >= 10
    assert grace.naive == pytest.approx(grace.averted)  # all of them would have defaulted
    assert grace.averted > 0.3
    assert right["cut"].averted < 0.1
    assert grace.averted_life > 0.1
    assert grace.loss_cny < 0
    assert grace.gain_cny == pytest.approx(grace.income_cny - grace.loss_cny)


def test_a_freeze_takes_income_away(effects):
    assert effects["freeze"].income_cny < 0
