import numpy as np
import pytest

from features.engine.period_sums import (
    EDGES,
    Days,
    best_month,
    blocks,
    by_stretch,
    cells,
    periods,
    spanned,
    table,
    total,
    windows,
)
from features.table.frames import HORIZON_DAYS, MONTH, PERIODS, WEEK, WINDOWS

W = HORIZON_DAYS
EVERY = frozenset(["x", "g_known", "note", *(f"x_{period}" for period in PERIODS)])


def days(by_age, known=None):
    """Days of one application from values by age."""
    age = np.arange(W) if known is None else np.flatnonzero(known)
    app = np.zeros(len(age), dtype=np.int32)
    cell = cells(app, age)
    return {"g": Days(total(None, cell, 1), {"x": total(np.asarray(by_age)[age], cell, 1)})}


def test_no_stretch_straddles_a_week_or_a_window():
    assert set(range(0, W + 1, WEEK)) | set(WINDOWS) == set(EDGES.tolist())


@pytest.mark.parametrize(("row", "window"), list(enumerate(WINDOWS)))
def test_a_window_is_the_mean_of_its_known_days(row, window):
    values = np.random.Generator(np.random.SFC64(1)).random(W)
    known = np.random.Generator(np.random.SFC64(2)).random(W) < 0.7
    frame = windows(days(values, known), EVERY)
    assert frame["x"][row] == pytest.approx(values[:window][known[:window]].mean())
    assert frame["g_known"][row] == known[:window].sum()


def test_an_unknown_window_is_missing():
    known = np.arange(W) >= 100
    frame = windows(days(np.ones(W), known), EVERY)
    np.testing.assert_array_equal(frame["x"][:, 0], [np.nan, np.nan, 1.0, 1.0])
    np.testing.assert_array_equal(frame["g_known"][:, 0], [np.nan, np.nan, 80, 265])


def test_what_is_no_sum_stands_beside_the_sums():
    known = np.arange(W) >= 50
    source = days(np.ones(W), known)
    source["g"].of_window["note"] = np.array([[1.0], [2.0], [3.0], [4.0]])
    np.testing.assert_array_equal(windows(source, EVERY)["note"][:, 0], [np.nan, 2.0, 3.0, 4.0])


def test_weeks_and_months_come_oldest_first_and_end_on_the_newest_day():
    source = days(np.arange(W, dtype=float))
    weeks, months = (blocks(source, step, EVERY) for step in (WEEK, MONTH))
    assert weeks["x"][-1] == np.arange(WEEK).mean()
    assert weeks.height == 65
    assert months["x"][-1] == np.arange(MONTH).mean()
    assert months["age"].to_list() == list(range(420, -1, -28))


def test_a_week_that_is_mostly_unknown_is_missing():
    for unknown, missing in ((3, False), (4, True)):
        frame = blocks(days(np.full(W, 2.0), np.arange(W) >= unknown), WEEK, EVERY)
        assert (frame["x"][-1] is None) == missing


@pytest.mark.parametrize(("period", "weeks"), list(PERIODS.items()))
def test_a_period_is_the_mean_of_its_days(period, weeks):
    values = np.random.Generator(np.random.SFC64(1)).random(W)
    newest, oldest = (WEEK * week for week in weeks)
    found = periods(days(values), EVERY)
    assert found[f"x_{period}"] == pytest.approx(values[newest:oldest].mean())


def test_a_period_that_is_mostly_unknown_is_missing():
    found = periods(days(np.full(W, 2.0), np.arange(W) < 255), EVERY)
    assert found["x_13w"] == 2.0
    assert np.isnan(found["x_13w_last_year"])


def test_the_days_of_a_span_are_counted_without_listing_them():
    found = spanned(np.array([100, -5, 454]), np.array([20, 0, 0]))
    assert found.sum(axis=1).tolist() == [81, 0, 455]
    on = np.zeros((1, W), dtype=bool)
    on[0, W - 101 : W - 20] = True
    assert (by_stretch(on) == found[:1]).all()


def test_the_best_month_is_the_largest_mean():
    values = np.ones(W)
    values[MONTH : 2 * MONTH] = 3.0
    assert best_month(days(values)["g"], "x") == 3.0
    assert np.isnan(best_month(days(values, np.arange(W) < 10)["g"], "x"))


def test_a_table_takes_nan_for_missing():
    frame = table({"a": np.array([1.0, np.nan]), "b": np.array([3.0, 4.0])}, np.array([0, 1]))
    assert frame.rows() == [(1.0, 3.0, 0), (None, 4.0, 1)]
    empty = table({"a": np.zeros(0)}, np.zeros(0, dtype=np.int32))
    assert empty.columns == ["a", "app"]
    assert empty.is_empty()
