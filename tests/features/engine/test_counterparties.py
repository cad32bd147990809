import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from features.engine.counterparties import counterparties


def test_sums_by_counterparty_and_side():
    customers, suppliers = counterparties(
        pl.Series(["a", "b", "a", None, "b", "a", "a"]),
        np.array([False, False, False, False, False, True, False]),
        np.array([0, 0, 0, 0, 0, 0, 1], dtype=np.int32),
        np.array([10, 100, 200, 5, 400, 3, 3], dtype=np.int32),
        np.array([100.0, 5_000.0, 300.0, 9.0, 700.0, 200.0, 100.0]),
    )
    first = customers.filter(app=0).sort("cny_365", descending=True)
    assert first.select("cny_90", "cny_before_90", "cny_365", "first_age").rows() == [
        (0.0, 50.0, 50.0, 400),
        (1.0, 0.0, 4.0, 200),
    ]
    assert customers.filter(app=1).height == 1
    assert suppliers.select("app", "cny_365").rows() == [(0, 2.0)]


def some(rng, n=500):
    party = pl.Series([f"C{i}" for i in rng.integers(0, 20, n)])
    app = np.sort(rng.integers(0, 5, n)).astype(np.int32)
    age = rng.integers(0, 455, n).astype(np.int32)
    return party, rng.random(n) < 0.4, app, age, np.rint(rng.normal(1e5, 5e4, n))


def test_the_order_of_invoices_does_not_matter():
    rng = np.random.Generator(np.random.SFC64(2))
    rows = some(rng)
    order = np.lexsort((rng.random(500), rows[2]))
    for one, other in zip(
        counterparties(*rows), counterparties(*[r[order] for r in rows]), strict=True
    ):
        assert_frame_equal(one, other, check_exact=True)


def test_an_applicant_alone_has_the_same_rows_in_the_same_order():
    rows = some(np.random.Generator(np.random.SFC64(3)))
    mine = np.flatnonzero(rows[2] == 3)
    alone = [r[mine] for r in rows]
    alone[2] = np.zeros_like(alone[2])
    for every, own in zip(counterparties(*rows), counterparties(*alone), strict=True):
        assert_frame_equal(every.filter(app=3).drop("app"), own.drop("app"), check_exact=True)
        assert own.height > 0
