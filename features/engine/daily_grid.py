"""Features on a dense daily grid: days of silence, and falls for days in a row."""

import numpy as np
from numpy.typing import NDArray

from features.arrays import Bools, Floats, Int32s
from features.table.frames import HORIZON_DAYS

_USUAL_DAYS, _FALL, _IN_A_ROW = 28, 0.30, 3
"""Four weeks give the usual level; a fall of 30 % on three days is the report's signal (R189)."""

_TIMES = round(_USUAL_DAYS / (1 - _FALL))
"""A day so many times over is at most the sum of the usual days: the rule in whole numbers."""

_MOST = 1_000_000
"""Orders a day that are counted at most, which keeps sums within 32 bits."""


def scatter(values: NDArray[np.generic] | float, app: Int32s, age: Int32s, n: int) -> Floats:
    """Put one value per (application, day) on an empty grid, oldest day first.

    Returns
    -------
    ndarray of shape (n, HORIZON_DAYS)
    """
    grid = np.zeros((n, HORIZON_DAYS))
    grid[app, HORIZON_DAYS - 1 - age] = values
    return grid


def silence(active: Bools, oldest: Int32s, newest: Int32s) -> NDArray[np.int16]:
    """Days since the last active day, or since the first known one; 0 on unknown days.

    Parameters
    ----------
    active : ndarray of shape (n, HORIZON_DAYS), oldest day first
    oldest, newest : ndarray of shape (n,)
        Ages of the first and last known day.

    Returns
    -------
    ndarray of shape (n, HORIZON_DAYS)
    """
    day = np.arange(1, HORIZON_DAYS + 1, dtype=np.int16)
    before = np.clip(HORIZON_DAYS - 1 - oldest, 0, HORIZON_DAYS).astype(np.int16)
    last = np.where(active, day, before[:, None])
    np.maximum.accumulate(last, axis=1, out=last)
    since = day - last
    age = HORIZON_DAYS - day
    since[(age > oldest[:, None]) | (age < newest[:, None])] = 0
    return since


def third_day_down(values: Floats, oldest: Int32s, newest: Int32s) -> Bools:
    """Tell each third day in a row at 30 % or more below the mean of the 28 known days before.

    Parameters
    ----------
    values : ndarray of shape (n, HORIZON_DAYS), oldest day first
        Whole numbers.
    oldest, newest : ndarray of shape (n,)
        Ages of the first and last known day.

    Returns
    -------
    ndarray of shape (n, HORIZON_DAYS)
    """
    first = _USUAL_DAYS + _IN_A_ROW - 1
    whole = np.minimum(values, _MOST).astype(np.int32)
    sums = np.zeros((len(values), HORIZON_DAYS + 1), dtype=np.int32)
    np.cumsum(whole, axis=1, out=sums[:, 1:])
    # the three days themselves do not belong to what is usual
    usual = sums[:, _USUAL_DAYS:-_IN_A_ROW] - sums[:, : -_USUAL_DAYS - _IN_A_ROW]
    best = np.maximum(whole[:, first:], whole[:, first - 1 : -1])
    np.maximum(best, whole[:, first - 2 : -2], out=best)
    best *= _TIMES
    fallen = np.zeros(values.shape, dtype=np.bool_)
    fallen[:, first:] = (best <= usual) & (usual > 0)
    age = np.arange(HORIZON_DAYS - 1, -1, -1, dtype=np.int32)
    fallen &= (age <= oldest[:, None] - first) & (age >= newest[:, None])
    return fallen
