"""Daily rows laid out on a grid of applications and days, then cut into days, weeks and months."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.frames import HORIZON_DAYS, MONTH, PERIODS, WEEK
from features.known import Bools, Ints

Cells = NDArray[np.int64]
Floats = NDArray[np.float64]

_USUAL_DAYS, _FALL = 28, 0.30
"""Four weeks give the usual level; a fall of 30 % is the report's signal (R189)."""

_WEEKS = HORIZON_DAYS // WEEK
_WEEKS_A_MONTH = MONTH // WEEK
_MONTHS = _WEEKS // _WEEKS_A_MONTH


@dataclass(frozen=True)
class Need:
    """What the formulas on a frame read: its columns, and the longest window in days."""

    columns: frozenset[str]
    days: int


class Grid:
    """Values of one source by application and day, oldest day first.

    Parameters
    ----------
    known : ndarray of bool, shape (n_applications, HORIZON_DAYS)
        Days that are known; elsewhere values are missing.
    values : dict of str to ndarray of shape (n_applications, HORIZON_DAYS)
        Zero on unknown days.
    """

    def __init__(self, known: Bools, values: dict[str, Floats]) -> None:
        self.known = known
        self.values = values

    def frames(self, name: str, needs: Mapping[str, Need]) -> dict[str, pl.DataFrame]:
        """Cut the grid into days, weeks, months and periods.

        Values of weeks, months and periods are means per known day; a stretch counts if more than
        half of it is known. `age` is the age of the newest day of the row.

        Parameters
        ----------
        name : str
            Of the source's frames: `<name>_days`, `<name>_weeks`, ...
        needs : mapping of frame name to Need
            What the formulas read.
        """
        n = len(self.known)
        days, weeks, months = (needs[f"{name}_{step}"] for step in ("days", "weeks", "months"))
        periods = needs[f"{name}_periods"].columns
        compared = [v for v in self.values if any(f"{v}_{period}" in periods for period in PERIODS)]

        known = _by_week(self.known)
        sums = {
            key: _by_week(value)
            for key, value in self.values.items()
            if key in compared or key in weeks.columns or key in months.columns
        }
        # the oldest week is left over when weeks make months
        first = _WEEKS - _MONTHS * _WEEKS_A_MONTH
        shape = (n, _MONTHS, _WEEKS_A_MONTH)
        known_months = known[:, first:].reshape(shape).sum(axis=2)
        month_sums = {
            key: value[:, first:].reshape(shape).sum(axis=2)
            for key, value in sums.items()
            if key in months.columns
        }
        week_sums = {key: value for key, value in sums.items() if key in weeks.columns}
        return {
            f"{name}_days": self._days(days),
            f"{name}_weeks": _means(known, week_sums, WEEK),
            f"{name}_months": _means(known_months, month_sums, MONTH),
            f"{name}_periods": _periods(known, {key: sums[key] for key in compared}),
        }

    def _days(self, need: Need) -> pl.DataFrame:
        age = np.arange(need.days - 1, -1, -1, dtype=np.int32)
        values = {k: v[:, -need.days :] for k, v in self.values.items() if k in need.columns}
        return _long(self.known[:, -need.days :], age, values)


def silence(active: Bools, known: Bools) -> Floats:
    """Days since the last active day, or since the first known one; shape (n, HORIZON_DAYS)."""
    day = np.arange(1, HORIZON_DAYS + 1, dtype=np.int32)
    start = np.where(known.any(axis=1), known.argmax(axis=1), 0).astype(np.int32)
    last = np.where(active, day, start[:, None])
    np.maximum.accumulate(last, axis=1, out=last)
    return (day - last).astype(np.float64)


def three_down(values: Floats, known: Bools) -> Floats:
    """1 on each third day in a row at 30 % or more below the mean of the 28 known days before."""
    total = _running(values)
    count = _running(known.astype(np.float64))
    usual = np.zeros_like(values)
    full = np.zeros_like(known)
    first = _USUAL_DAYS + 2
    # the three days themselves do not belong to what is usual
    usual[:, first:] = (total[:, _USUAL_DAYS:-3] - total[:, : -_USUAL_DAYS - 3]) / _USUAL_DAYS
    full[:, first:] = count[:, _USUAL_DAYS:-3] - count[:, : -_USUAL_DAYS - 3] == _USUAL_DAYS
    fallen = np.zeros_like(known)
    for back in range(3):
        day = values[:, first - back : HORIZON_DAYS - back]
        low = day <= (1 - _FALL) * usual[:, first:]
        fallen[:, first:] = low if back == 0 else fallen[:, first:] & low
    return (fallen & full & (usual > 0)).astype(np.float64)


def _running(values: Floats) -> Floats:
    """Sums up to and before each day, shape (n, HORIZON_DAYS + 1)."""
    sums = np.zeros((len(values), HORIZON_DAYS + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _by_week(days: NDArray[Any]) -> NDArray[Any]:
    """Sums of seven days, shape (n, weeks); seven additions of whole columns, always in order."""
    cut = days.reshape(len(days), _WEEKS, WEEK)
    sums = cut[:, :, 0].astype(np.int64 if days.dtype == np.bool_ else np.float64)
    for day in range(1, WEEK):
        sums += cut[:, :, day]
    return sums


def _means(known: Ints, sums: Mapping[str, Floats], step: int) -> pl.DataFrame:
    divisor = np.maximum(known, 1)
    means = {name: value / divisor for name, value in sums.items()}
    age = np.arange(known.shape[1] - 1, -1, -1, dtype=np.int32) * np.int32(step)
    return _long(known * 2 > step, age, means)


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
    grid[cell] = (column.fill_null(0) if column.null_count() else column).to_numpy()
    return grid.reshape(n, HORIZON_DAYS)


def total(weights: Floats | None, cell: Cells, n: int) -> Floats:
    """Sum values (or count rows) per (application, day); shape (n, HORIZON_DAYS)."""
    sums = np.bincount(cell, weights, minlength=n * HORIZON_DAYS)
    return sums.astype(np.float64, copy=False).reshape(n, HORIZON_DAYS)


def _long(mask: Bools, age: Ints, values: Mapping[str, Floats]) -> pl.DataFrame:
    n = len(mask)
    app = np.repeat(np.arange(n, dtype=np.int32), len(age))
    ages = np.tile(age, n)
    flat = {name: value.reshape(-1) for name, value in values.items()}
    if not mask.all():
        keep = np.flatnonzero(mask)
        app, ages = app[keep], ages[keep]
        flat = {name: value[keep] for name, value in flat.items()}
    frame = pl.DataFrame({"app": app, "age": ages, **flat})
    return frame.with_columns(pl.col("app").set_sorted())
