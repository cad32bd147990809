import numpy as np
import pytest

from features.frames import HORIZON_DAYS, PERIODS
from features.grid import Grid, Need, silence, three_down

W = HORIZON_DAYS


def grid(values, known=None):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    known = np.ones(values.shape, dtype=bool) if known is None else np.atleast_2d(known)
    return Grid(known, {"x": np.where(known, values, 0.0)})


def frames(*args):
    columns = frozenset(["x", *(f"x_{period}" for period in PERIODS)])
    steps = ("days", "weeks", "months", "periods")
    return grid(*args).frames("g", {f"g_{step}": Need(columns, W) for step in steps})


def test_days_run_from_the_oldest_to_the_newest():
    days = frames(np.arange(W))["g_days"]
    assert days["x"].to_list() == list(range(W))
    assert days["age"].to_list() == list(range(W - 1, -1, -1))


def test_weeks_and_months_end_on_the_newest_day():
    found = frames(np.arange(W))
    assert found["g_weeks"]["x"].tail(1).item() == np.arange(W - 7, W).mean()
    assert found["g_weeks"].height == 65
    assert found["g_months"]["x"].tail(1).item() == np.arange(W - 28, W).mean()
    assert found["g_months"].height == 16
    assert found["g_months"]["age"].to_list() == list(range(420, -1, -28))


def test_stretches_that_are_mostly_unknown_are_missing():
    known = np.ones(W, dtype=bool)
    known[-4:] = False  # three days of the last week are left
    found = frames(np.full(W, 2.0), known)
    assert found["g_days"].height == W - 4
    assert found["g_weeks"].height == 64
    known[:200] = False
    found = frames(np.full(W, 2.0), known)
    row = found["g_periods"].row(0, named=True)
    assert row["x_13w"] == 2.0
    assert row["x_13w_last_year"] is None


@pytest.mark.parametrize(("period", "weeks"), PERIODS.items())
def test_a_period_is_the_mean_of_its_days(period, weeks):
    values = np.random.Generator(np.random.SFC64(1)).random(W)
    newest, oldest = (7 * week for week in weeks)
    row = frames(values)["g_periods"].row(0, named=True)
    assert row[f"x_{period}"] == pytest.approx(values[W - oldest : W - newest].mean())


def test_silence_counts_days_since_the_last_active_one():
    active = np.zeros((2, W), dtype=bool)
    active[0, [10, W - 6]] = True
    known = np.ones((2, W), dtype=bool)
    known[1, :400] = False
    found = silence(active, known)
    assert found[0, -1] == 5
    assert found[0, 9] == 10
    assert found[0, W - 7] == W - 7 - 10
    assert found[1, -1] == W - 400


def test_the_alarm_rings_on_the_third_day_down():
    orders = np.full((1, W), 10.0)
    orders[0, 100:102] = 7.0  # two days only
    orders[0, 200:204] = 6.0
    orders[0, 300:303] = 7.1
    known = np.ones((1, W), dtype=bool)
    assert np.flatnonzero(three_down(orders, known)).tolist() == [202, 203]
    known[0, :190] = False  # too little is known of what is usual
    assert not three_down(orders, known).any()
