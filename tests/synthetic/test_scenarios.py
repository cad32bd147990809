"""Each scenario changes what it should and nothing else, byte by byte."""

import numpy as np
import polars as pl
import pytest

from features.contract.tables import SIGNALS
from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.config.shipped import scenarios
from synthetic.firm.horizon import EARLIER, WEEK
from synthetic.firm.shocks import flood_seasons
from synthetic.setting.places import CITIES, COUNTIES
from synthetic.world import bucket_world
from tests.synthetic.conftest import Everybody

SEED, FIRMS = 31, 1_000


def told(config):
    everybody = Everybody(SEED, config, FIRMS)
    return everybody.world, everybody.history


def tables_of(scenario=None):
    return Everybody(SEED, load_config(scenario), FIRMS).tables()


@pytest.fixture(scope="module")
def baseline():
    return told(load_config())


def changed(before, after, component):
    """Firms (n_firms,) whose path of one component differs."""
    one, two = (getattr(history.state.health, component) for history in (before, after))
    return (one != two).any(axis=1)


def event_week(config):
    c = config.calendar
    return EARLIER + (c.history_days + (config.events.start - c.first_application).days) // WEEK


def first_change(one, two):
    """First column at which two arrays of paths differ."""
    return int(np.flatnonzero((one != two).any(axis=0))[0])


@pytest.mark.parametrize("name", scenarios())
def test_each_shipped_scenario_simulates(name):
    config = load_config(name)
    tables = bucket_world(20, 0, backdrop(1, config))
    assert set(tables) == {*SIGNALS, "applications", "outcomes", "truth", "faults"}
    assert all(tables[table].height for table in ("firms", "applications", "truth"))


def test_downturn_moves_the_province_and_lithium_from_its_start_on(baseline):
    config = load_config("downturn")
    (calm, before), (world, after) = baseline, told(config)
    start = event_week(config)
    for name in ("core", "failure", "flood", "payment"):
        assert np.array_equal(getattr(calm.common, name), getattr(world.common, name))
    assert first_change(calm.common.macro, world.common.macro) == start
    assert (world.common.macro[:, start:] < calm.common.macro[:, start:]).all()
    lithium = list(config.trades).index("lithium")
    moved = (calm.common.cycle != world.common.cycle).any(axis=1)
    assert np.flatnonzero(moved).tolist() == [lithium]
    assert first_change(calm.common.cycle, world.common.cycle) == start
    for name in ("own", "accident", "core", "flood"):
        assert not changed(before, after, name).any()
    only = changed(before, after, "cycle")
    assert only.any()
    assert (after.firms.trade[only] == lithium).all()
    assert np.array_equal(before.state.surprise, after.state.surprise)
    assert (after.state.cash <= before.state.cash + 1e-12).all()


def test_flood_strikes_exposed_farms_of_its_cities_from_june_on(baseline):
    config = load_config("flood")
    (calm, before), (world, after) = baseline, told(config)
    for name in ("macro", "cycle", "core"):
        assert np.array_equal(getattr(calm.common, name), getattr(world.common, name))
    june = next(week for week in flood_seasons(config) if week >= event_week(config))
    assert first_change(calm.common.flood, world.common.flood) >= june
    counties = (calm.common.struck != world.common.struck).any(axis=1)
    city = {u: c.name for c in CITIES for u in c.districts + c.outer + c.counties}
    struck = {city[COUNTIES[k]] for k in np.flatnonzero(counties)}
    assert struck == set(config.events.flooded_cities)
    for name in ("own", "accident", "macro", "cycle", "core"):
        assert not changed(before, after, name).any()
    wet = changed(before, after, "flood")
    exposure = np.array(config.per_trade("weather"))[after.firms.trade]
    assert wet.any()
    assert (exposure[wet] > 0).all()
    assert counties[after.firms.county[wet]].all()
    dry = ~wet
    assert np.array_equal(before.state.cash[dry], after.state.cash[dry])


DATED = {
    "invoices": "issued_on",
    "tax_filings": "due_on",
    "electricity": "date",
    "electricity_bills": "due_on",
    "logistics": "date",
    "ecommerce": "date",
    "faults": "date",
}


def test_flood_leaves_every_record_of_a_dry_firm_as_it_was():
    config = load_config("flood")
    one, two = tables_of(), tables_of("flood")
    wet = changed(told(load_config())[1], told(config)[1], "flood")
    ids = one["firms"]["firm_id"]
    dry = ids.filter(pl.Series(~wet))
    of_dry = pl.col("firm_id").is_in(dry.implode())
    moved = {table for table in DATED if not one[table].equals(two[table])}
    assert moved == set(DATED), "the flood reaches every table of signals"
    for table in set(one) - {"outcomes"}:
        before = one[table].filter(of_dry)
        assert before.height, table
        assert before.equals(two[table].filter(of_dry)), table
    mine = one["applications"].filter(of_dry)["application_id"]
    of_mine = pl.col("application_id").is_in(mine.implode())
    assert one["outcomes"].filter(of_mine).equals(two["outcomes"].filter(of_mine))


@pytest.mark.parametrize("name", ["downturn", "flood"])
def test_records_dated_before_an_event_are_as_they_were(name):
    config = load_config(name)
    one, two = tables_of(), tables_of(name)
    # the days of a week lean towards the next week's health
    before = pl.lit(config.events.start) - pl.duration(days=2 * WEEK)
    for table, day in DATED.items():
        early = one[table].filter(pl.col(day) < before)
        assert early.height, table
        assert early.equals(two[table].filter(pl.col(day) < before)), table
        assert not one[table].equals(two[table]), f"{table}: the event changes nothing"


def test_thin_data_takes_records_away_and_changes_nothing_else():
    one, two = tables_of(), tables_of("thin-data")
    cut = {
        "tax": ["invoices", "tax_filings"],
        "logistics": ["logistics"],
        "ecommerce": ["ecommerce"],
    }
    touched = {"coverage", "faults", *(table for tables in cut.values() for table in tables)}
    for table in set(one) - touched:
        assert one[table].equals(two[table]), table
    kept = two["coverage"].join(one["coverage"], on=["firm_id", "source"], suffix="_before")
    assert kept.height == two["coverage"].height, "no firm gains a source"
    assert (kept["covered_from"] >= kept["covered_from_before"]).all()
    for source, tables in cut.items():
        half = (two["coverage"]["source"] == source).sum() / (
            one["coverage"]["source"] == source
        ).sum()
        assert 0.4 < half < 0.6, source
        for table in tables:
            left = two[table].join(one[table], on=one[table].columns, how="anti", nulls_equal=True)
            assert left.is_empty(), f"{table}: rows that the baseline has not"
            assert two[table].height < one[table].height
