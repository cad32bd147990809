import numpy as np
import polars as pl
import pytest

from models.evaluation.metrics import psi, psi_by_chance
from models.policy import DataSufficiency
from scoring.run.aggregates import Aggregates
from scoring.run.output import SCHEMA

SUFFICIENCY = DataSufficiency(window_days=180, known_days=90)
DEVELOPMENT = {
    "pd_edges": [0.02, 0.05],
    "pd_share": [0.5, 0.3, 0.2],
    "features": {"firm_age": {"edges": [5.0], "share": [0.4, 0.5, 0.1]}},
}


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    n = 50
    empty = dict.fromkeys(SCHEMA)
    rows = [
        {
            **empty,
            "application_id": f"A{k}",
            "status": "scored",
            "score": int(rng.integers(300, 850)),
            "pd": float(rng.uniform(0, 0.1)),
            "grade": "ABC"[k % 3],
            "decision": "refer",
            "reason_1": "firm" if k % 2 else "loan",
            "reason_2": "trade",
            "coverage_tax": (0.0, 0.3, 1.0)[k % 3],
            "flags": "a;b" if k < 5 else None,
        }
        for k in range(n)
    ]
    ages = rng.uniform(0, 10, n).tolist()
    return pl.DataFrame(rows, schema=SCHEMA), pl.DataFrame({"firm_age": [None, *ages[1:]]})


def count(rows, features):
    return Aggregates.of(rows, features, development=DEVELOPMENT, sufficiency=SUFFICIENCY)


def test_counts_do_not_depend_on_the_cut(people):
    rows, features = people
    whole = Aggregates.total([count(rows, features)])
    cuts = [(0, 7), (7, 1), (8, 42)]
    parts = Aggregates.total(count(rows[a : a + n], features[a : a + n]) for a, n in reversed(cuts))
    assert parts == whole or vars(parts) == vars(whole)


def test_what_is_counted(people):
    aggregates = count(*people)
    assert aggregates.columns["flags"] == {"a": 5, "b": 5}
    assert aggregates.most("reasons") == [("trade", 50), ("firm", 25), ("loan", 25)]
    assert aggregates.coverage["tax"] == {"enough": 16, "none": 17, "some": 17}
    assert sum(aggregates.scores.values()) == 50
    assert sum(aggregates.features["firm_age"].values()) == 50
    assert aggregates.features["firm_age"]["2"] == 1


def test_stability_is_the_index_on_the_frozen_bins(people):
    aggregates = count(*people)
    of_pd, features = aggregates.stability(DEVELOPMENT)
    pd = people[0]["pd"].to_numpy()
    shares = [np.mean(pd < 0.02), np.mean((pd >= 0.02) & (pd < 0.05)), np.mean(pd >= 0.05)]
    assert of_pd == pytest.approx(psi(DEVELOPMENT["pd_share"], shares))
    assert list(features) == ["firm_age"]


def test_an_index_by_chance_is_what_draws_of_the_development_sample_show():
    shares, n = np.full(10, 0.1), 300
    drawn = np.random.default_rng(5).multinomial(n, shares, size=400) / n
    assert np.mean([psi(shares, d) for d in drawn]) == pytest.approx(psi_by_chance(10, n), rel=0.1)


def test_what_is_missing_of_everybody_is_told_apart_from_what_moved(people):
    rows, features = people
    assert count(rows, features).vanished(DEVELOPMENT) == []
    nothing = features.with_columns(firm_age=pl.lit(None, pl.Float64))
    assert count(rows, nothing).vanished(DEVELOPMENT) == ["firm_age"]


def test_a_model_without_a_development_sample_has_no_index(people):
    assert Aggregates.of(*people, development={}, sufficiency=SUFFICIENCY).stability({}) == (
        None,
        {},
    )
