"""A stream is named: what is drawn from one moves no other."""

import numpy as np
import pytest

from synthetic import world as graph
from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.streams import Bucket, stream
from synthetic.world import bucket_world

FIRMS = 200


@pytest.fixture(scope="module")
def world():
    return backdrop(41, load_config())


@pytest.fixture(scope="module")
def tables(world):
    return bucket_world(FIRMS, 3, world)


def test_names_buckets_and_seeds_each_give_their_own_draws():
    draws = [
        tuple(stream(seed, name, bucket).integers(0, 2**62, 3))
        for seed in (1, 2)
        for name in ("a", "b")
        for bucket in (0, 1)
    ]
    assert len(set(draws)) == len(draws)
    assert draws[0] == tuple(stream(1, "a", 0).integers(0, 2**62, 3))


def test_a_signal_that_draws_anew_changes_no_table(world, tables, monkeypatch):
    """As a new attribute or signal does: at the top of the graph, from a stream of its own."""
    simulate = graph.simulate_candidates

    def with_attribute(firms, world, bucket):
        bucket.stream("population.new_attribute").standard_normal((len(firms), 50))
        return simulate(firms, world, bucket)

    monkeypatch.setattr(graph, "simulate_candidates", with_attribute)
    again = bucket_world(FIRMS, 3, world)
    for table, frame in tables.items():
        assert frame.equals(again[table]), table


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("logistics.traits", {"logistics", "faults"}),
        ("ecommerce.traits", {"ecommerce"}),
        ("electricity.bands", {"electricity", "electricity_bills"}),
        ("bills.delay", {"electricity_bills"}),
        ("book.lender", {"loans"}),
        ("book.bureau.lag", {"bureau"}),
    ],
)
def test_more_draws_from_one_stream_move_its_own_table_alone(
    world, tables, monkeypatch, name, moved
):
    plain = Bucket.stream

    def longer(self, wanted):
        rng = plain(self, wanted)
        if wanted == name:
            rng.random(7)
        return rng

    monkeypatch.setattr(Bucket, "stream", longer)
    again = bucket_world(FIRMS, 3, world)
    changed = {table for table in tables if not tables[table].equals(again[table])}
    assert changed, "the stream is used"
    assert changed <= moved


def test_draws_of_one_stream_do_not_follow_another():
    one, two = stream(1, "health.own").random(20_000), stream(1, "cash.surprise").random(20_000)
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(20_000)
