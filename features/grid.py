"""Daily rows laid out on a grid of applications and days, then cut into days, weeks and months."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.frames import HORIZON_DAYS, MONTH, PERIODS, WEEK
from features.known import Bools, Ints

Cells = NDArray[np.int64]
Floats = NDArray[np.float64]

_WEEKS = HORIZON_DAYS // WEEK
_WEEKS_A_MONTH = MONTH // WEEK
_MONTHS = _WEEKS // _WEEKS_A_MONTH


class Grid:
    """Values of one source by application and day, oldest day first.

    Parameters
    ----------
    known : ndarray of bool, shape (n_applications, HORIZON_DAYS)
        Days that are known; elsewhere values are missing.
    values : mapping of str to ndarray of shape (n_applications, HORIZON_DAYS)
        Zero on unknown days.
    """

    def __init__(self, known: Bools, values: Mapping[str, Floats]) -> None:
        self.known = known
        self.values = values

    def frames(self, name: str, compared: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Cut the grid into days, weeks, months and periods.

        Values of weeks, months and periods are means per known day; a stretch counts if more than
        half of it is known. `age` is the age of the newest day of the row.

        Parameters
        ----------
        name : str
            Of the source's frames: `<name>_days`, `<name>_weeks`, ...
        compared : sequence of str
            Values for which the periods are wanted.
        """
        n = len(self.known)
        days = np.arange(HORIZON_DAYS - 1, -1, -1, dtype=np.int32)
        known = self.known.reshape(n, _WEEKS, WEEK).sum(axis=2)
        sums = {
            key: value.reshape(n, _WEEKS, WEEK).sum(axis=2) for key, value in self.values.items()
        }
        # the oldest week is left over when weeks make months
        first = _WEEKS - _MONTHS * _WEEKS_A_MONTH
        shape = (n, _MONTHS, _WEEKS_A_MONTH)
        known_months = known[:, first:].reshape(shape).sum(axis=2)
        months = {key: value[:, first:].reshape(shape).sum(axis=2) for key, value in sums.items()}
        return {
            f"{name}_days": _long(self.known, days, self.values, n),
            f"{name}_weeks": _means(known, sums, WEEK),
            f"{name}_months": _means(known_months, months, MONTH),
            f"{name}_periods": _periods(known, {key: sums[key] for key in compared}),
        }


def _means(known: Ints, sums: Mapping[str, Floats], step: int) -> pl.DataFrame:
    n, count = known.shape
    divisor = np.maximum(known, 1)
    means = {name: value / divisor for name, value in sums.items()}
    age = np.arange(count - 1, -1, -1, dtype=np.int32) * np.int32(step)
    return _long(known * 2 > step, age, means, n)


def _periods(known: Ints, sums: Mapping[str, Floats]) -> pl.DataFrame:
    columns: dict[str, object] = {"app": np.arange(len(known), dtype=np.int32)}
    for period, (newest, oldest) in PERIODS.items():
        weeks = slice(_WEEKS - oldest, _WEEKS - newest)
        days = known[:, weeks].sum(axis=1)
        enough = days * 2 > (oldest - newest) * WEEK
        for name, value in sums.items():
            mean = value[:, weeks].sum(axis=1) / np.maximum(days, 1)
            columns[f"{name}_{period}"] = pl.Series(
                np.where(enough, mean, np.nan), nan_to_null=True
            )
    return pl.DataFrame(columns)


def cells(app: Ints, age: Ints) -> Cells:
    """Positions of (application, day) on a flat grid, oldest day first."""
    return app.astype(np.int64) * HORIZON_DAYS + (HORIZON_DAYS - 1 - age)


def scatter(column: pl.Series, cell: Cells, n: int) -> Floats:
    """Put one value per (application, day) on an empty grid; shape (n, HORIZON_DAYS)."""
    grid = np.zeros(n * HORIZON_DAYS)
    grid[cell] = column.cast(pl.Float64).fill_null(0.0).to_numpy()
    return grid.reshape(n, HORIZON_DAYS)


def total(weights: Floats | None, cell: Cells, n: int) -> Floats:
    """Sum values (or count rows) per (application, day); shape (n, HORIZON_DAYS)."""
    sums = np.bincount(cell, weights, minlength=n * HORIZON_DAYS)
    return sums.astype(np.float64, copy=False).reshape(n, HORIZON_DAYS)


def _long(mask: Bools, age: Ints, values: Mapping[str, Floats], n: int) -> pl.DataFrame:
    app = np.repeat(np.arange(n, dtype=np.int32), len(age))
    ages = np.tile(age, n)
    flat = {name: value.reshape(-1) for name, value in values.items()}
    if not mask.all():
        keep = np.flatnonzero(mask)
        app, ages = app[keep], ages[keep]
        flat = {name: value[keep] for name, value in flat.items()}
    frame = pl.DataFrame({"app": app, "age": ages, **flat})
    return frame.with_columns(pl.col("app").set_sorted())
