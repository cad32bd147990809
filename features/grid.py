"""Daily rows laid out on a grid of applications and days, then cut into days, weeks and months."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.frames import HORIZON_DAYS, MONTH, WEEK
from features.known import Bools, Ints

Floats = NDArray[np.float64]

_WEEKS = HORIZON_DAYS // WEEK
_WEEKS_A_MONTH = MONTH // WEEK
_MONTHS = _WEEKS // _WEEKS_A_MONTH


class Grid:
    """Values of one source by application and day, oldest day first.

    Parameters
    ----------
    known : ndarray of bool, shape (n_applications, HORIZON_DAYS)
        Days that are known, by age (newest first). Elsewhere values are missing.
    values : mapping of str to ndarray of shape (n_applications, HORIZON_DAYS)
        By age (newest first), zero on unknown days.
    """

    def __init__(self, known: Bools, values: Mapping[str, Floats]) -> None:
        self.known = known[:, ::-1]
        self.values = {name: value[:, ::-1] for name, value in values.items()}

    def days(self) -> pl.DataFrame:
        """One row per known day: app, age, values."""
        n, width = self.known.shape
        age = np.arange(width - 1, -1, -1, dtype=np.int32)
        return _long(self.known, age, self.values, n)

    def blocks(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Weeks and months of four weeks: means per known day of the block.

        `age` is the age of the block's newest day. A week needs 4 known days, a month 14.
        """
        n = len(self.known)
        known = self.known.reshape(n, _WEEKS, WEEK).sum(axis=2)
        sums = {
            name: value.reshape(n, _WEEKS, WEEK).sum(axis=2) for name, value in self.values.items()
        }
        weeks = self._means(known, sums, WEEK)
        # the oldest week is left over when weeks make months
        first = _WEEKS - _MONTHS * _WEEKS_A_MONTH
        shape = (n, _MONTHS, _WEEKS_A_MONTH)
        known = known[:, first:].reshape(shape).sum(axis=2)
        sums = {name: value[:, first:].reshape(shape).sum(axis=2) for name, value in sums.items()}
        return weeks, self._means(known, sums, MONTH)

    def _means(self, known: NDArray[np.int64], sums: dict[str, Floats], step: int) -> pl.DataFrame:
        n, count = known.shape
        divisor = np.maximum(known, 1)
        means = {name: value / divisor for name, value in sums.items()}
        age = np.arange(count - 1, -1, -1, dtype=np.int32) * np.int32(step)
        return _long(known * 2 > step, age, means, n)


def scatter(column: pl.Series, app: Ints, age: Ints, n: int) -> Floats:
    """Put one value per (application, day) on an empty grid; shape (n, HORIZON_DAYS)."""
    grid = np.zeros(n * HORIZON_DAYS)
    values = column.cast(pl.Float64).fill_null(0.0).to_numpy()
    grid[app.astype(np.int64) * HORIZON_DAYS + age] = values
    return grid.reshape(n, HORIZON_DAYS)


def total(weights: Floats | None, app: Ints, age: Ints, n: int) -> Floats:
    """Sum values (or count rows) per (application, day); shape (n, HORIZON_DAYS)."""
    cell = app.astype(np.int64) * HORIZON_DAYS + age
    sums = np.bincount(cell, weights, minlength=n * HORIZON_DAYS)
    return sums.astype(np.float64, copy=False).reshape(n, HORIZON_DAYS)


def _long(mask: Bools, age: Ints, values: Mapping[str, Floats], n: int) -> pl.DataFrame:
    app = np.repeat(np.arange(n, dtype=np.int32), len(age))
    ages = np.tile(age, n)
    flat = {name: np.ascontiguousarray(value).reshape(-1) for name, value in values.items()}
    if not mask.all():
        keep = np.flatnonzero(mask)
        app, ages = app[keep], ages[keep]
        flat = {name: value[keep] for name, value in flat.items()}
    frame = pl.DataFrame({"app": app, "age": ages, **flat})
    return frame.with_columns(pl.col("app").set_sorted())
