import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from features.parties import parties


def test_sums_by_counterparty_the_largest_of_the_year_first():
    found = parties(
        pl.Series(["a", "b", "a", None, "b", "a"]),
        np.array([0, 0, 0, 0, 0, 1], dtype=np.int32),
        np.array([10, 100, 200, 5, 400, 3], dtype=np.int32),
        np.array([100.0, 5_000.0, 300.0, 9.0, 700.0, 100.0]),
    )
    assert found.filter(app=0).select("cny_90", "cny_before_90", "cny_365").rows() == [
        (0.0, 50.0, 50.0),
        (1.0, 0.0, 4.0),
    ]
    assert found.filter(app=0)["first_age"].to_list() == [400, 200]
    assert found.filter(app=1).height == 1


def test_the_order_of_invoices_does_not_matter():
    rng = np.random.Generator(np.random.SFC64(2))
    party = pl.Series([f"C{i}" for i in rng.integers(0, 20, 500)])
    app = np.sort(rng.integers(0, 5, 500)).astype(np.int32)
    age = rng.integers(0, 455, 500).astype(np.int32)
    fen = np.rint(rng.normal(1e5, 5e4, 500))
    order = rng.permutation(500)
    assert_frame_equal(
        parties(party, app, age, fen),
        parties(party[order], app[order], age[order], fen[order]),
        check_exact=True,
    )
