import numpy as np

from features.engine.daily_grid import scatter, silence, third_day_down
from features.table.frames import HORIZON_DAYS

W = HORIZON_DAYS


def ages(*values):
    return np.array(values, dtype=np.int32)


def test_values_stand_on_their_day():
    grid = scatter(np.array([2.0, 3.0]), ages(0, 1), ages(0, W - 1), 2)
    assert grid.shape == (2, W)
    assert grid[0, -1] == 2.0
    assert grid[1, 0] == 3.0
    assert grid.sum() == 5.0


def test_silence_counts_days_since_the_last_active_one():
    active = np.zeros((2, W), dtype=bool)
    active[0, [10, W - 6]] = True
    found = silence(active, ages(W - 1, W - 401), ages(0, 30))
    assert found[0, -1] == 5
    assert found[0, 9] == 10
    assert found[0, W - 7] == W - 7 - 10
    # known from day 400 on, so that day is the first without a sale
    assert found[1, 400] == 1
    assert found[1, W - 31] == W - 31 - 399
    assert found[1, W - 30] == 0


def test_the_alarm_rings_on_the_third_day_down():
    orders = np.full((1, W), 10.0)
    orders[0, 100:102] = 7.0  # two days only
    orders[0, 200:204] = 6.0
    orders[0, 300:303] = 8.0
    found = third_day_down(orders, ages(W - 1), ages(0))
    assert np.flatnonzero(found).tolist() == [202, 203]
    # too little is known of what is usual
    assert not third_day_down(orders, ages(W - 1 - 190), ages(0)).any()
    assert not third_day_down(orders, ages(W - 1), ages(300)).any()


def test_the_alarm_is_the_rule_written_out():
    rng = np.random.Generator(np.random.SFC64(4))
    orders = rng.poisson(5, (20, W)).astype(float)
    found = third_day_down(orders, np.full(20, W - 1), np.zeros(20, dtype=int))
    for day in range(30, W):
        usual = orders[:, day - 30 : day - 2].mean(axis=1)
        low = (orders[:, day - 2 : day + 1] <= 0.7 * usual[:, None] + 1e-9).all(axis=1)
        assert (found[:, day] == low).all()
    assert found.any()
