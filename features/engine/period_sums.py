"""Daily records summed into short stretches; windows, weeks and months are sums of stretches.

A stretch never straddles the edge of a week or of a window, so one pass over the rows of a source
serves them all, and no grid of single days is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.arrays import Floats, Int32s, Int64s, Positions
from features.table.frames import HORIZON_DAYS, MONTH, PERIODS, WEEK, WINDOWS

Cells = Int64s

EDGES = np.unique([*range(0, HORIZON_DAYS + 1, WEEK), *WINDOWS, HORIZON_DAYS])
"""Ages at which a stretch begins, newest first, and the end of the last."""

STRETCHES = len(EDGES) - 1

OF_AGE = np.searchsorted(EDGES, np.arange(HORIZON_DAYS), side="right") - 1
"""Stretch of each age."""

_WEEKS = HORIZON_DAYS // WEEK
_WEEKS_A_MONTH = MONTH // WEEK
_MONTHS = _WEEKS // _WEEKS_A_MONTH
_WEEK_STARTS = np.searchsorted(EDGES, np.arange(_WEEKS) * WEEK)
_WINDOW_ENDS = tuple(int(i) for i in np.searchsorted(EDGES, WINDOWS))


@dataclass(frozen=True, eq=False)
class Days:
    """Daily records of one source, summed by application and stretch.

    Attributes
    ----------
    known : ndarray of shape (n_applications, STRETCHES)
        Known days of each stretch.
    sums : dict of str to ndarray of shape (n_applications, STRETCHES)
        Sums over the known days.
    of_window : dict of str to ndarray of shape (len(WINDOWS), n_applications)
        Columns of the window's row that are no sums.
    """

    known: Floats
    sums: dict[str, Floats]
    of_window: dict[str, Floats] = field(default_factory=dict)


def cells(app: Int32s, age: Int32s) -> Cells:
    """Positions of (application, stretch) of each row, shape (n_rows,)."""
    return app.astype(np.int64) * STRETCHES + OF_AGE[age]


def total(weights: NDArray[np.generic] | None, cell: Cells, n: int) -> Floats:
    """Sum values (or count rows) by application and stretch; shape (n, STRETCHES).

    Values are added in the order of the rows, so rows come by date or hold whole numbers.
    """
    sums = np.bincount(cell, weights, minlength=n * STRETCHES)
    return sums.astype(np.float64, copy=False).reshape(n, STRETCHES)


def by_stretch(by_day: NDArray[np.generic]) -> Floats:
    """Sum daily values, oldest day first, by stretch; shape (n, STRETCHES)."""
    newest_first = by_day[:, ::-1].astype(np.float64)
    return np.add.reduceat(newest_first, EDGES[:-1], axis=1)


def column(rows: pl.DataFrame, name: str) -> Floats:
    """Values of a column with nothing for what is missing; shape (n_rows,)."""
    values = rows[name]
    return (values.fill_null(0) if values.null_count() else values).to_numpy()


def measured(rows: pl.DataFrame, name: str) -> Floats:
    """Values of a column, NaN where one is missing; shape (n_rows,)."""
    return rows[name].to_numpy() if name in rows.columns else np.full(rows.height, np.nan)


def spanned(oldest: Int32s, newest: Int32s) -> Floats:
    """Days of each stretch between two ages, both included; shape (n, STRETCHES)."""
    last = np.minimum(EDGES[1:] - 1, oldest[:, None])
    first = np.maximum(EDGES[:-1], newest[:, None])
    covered: Floats = np.maximum(last - first + 1, 0).astype(np.float64)
    return covered


def best_month(days: Days, name: str) -> Floats:
    """Largest monthly mean of a column; NaN where no month is known, shape (n,)."""
    known, sums = _blocks(days.known, MONTH), _blocks(days.sums[name], MONTH)
    means = np.where(known * 2 > MONTH, sums / np.maximum(known, 1), -np.inf)
    best: Floats = means.max(axis=1)
    return np.where(np.isfinite(best), best, np.nan)


def windows(sources: Mapping[str, Days], columns_read: frozenset[str]) -> dict[str, Floats]:
    """Give what each window holds of each application: means per known day.

    Parameters
    ----------
    sources : mapping of a source's short name to its days
    columns_read : frozenset of str
        Columns that formulas read.

    Returns
    -------
    dict of str to ndarray of shape (len(WINDOWS), n_applications)
        NaN where no day is known.
    """
    every = _together(sources, [name for name in _sums_of(sources) if name in columns_read])
    counted = np.stack([every.known[..., :end].sum(axis=2) for end in _WINDOW_ENDS], axis=1)
    divisor = np.where(counted == 0, np.nan, counted)
    added = np.stack([every.sums[..., :end].sum(axis=2) for end in _WINDOW_ENDS], axis=1)
    columns = dict(zip(every.names, added / divisor[every.source], strict=True))
    for (source, days), known in zip(sources.items(), divisor, strict=True):
        for name, values in days.of_window.items():
            columns[name] = np.where(np.isnan(known), np.nan, values)
        columns[f"{source}_known"] = known
    return {name: values for name, values in columns.items() if name in columns_read}


@dataclass(frozen=True, eq=False)
class _Together:
    """Columns of all sources: one call of NumPy serves them all.

    Attributes
    ----------
    names : sequence of str
    source : ndarray of shape (n_columns,)
        Position of each column's source.
    known : ndarray of shape (n_sources, n_applications, STRETCHES)
    sums : ndarray of shape (n_columns, n_applications, STRETCHES)
    """

    names: Sequence[str]
    source: Positions
    known: Floats
    sums: Floats


def _together(sources: Mapping[str, Days], names: Sequence[str]) -> _Together:
    sums_of = _sums_of(sources)
    known = np.stack([days.known for days in sources.values()])
    sums = [sums_of[name][1] for name in names]
    return _Together(
        names,
        np.array([sums_of[name][0] for name in names], dtype=np.intp),
        known,
        np.stack(sums) if sums else np.empty((0, *known.shape[1:])),
    )


def _sums_of(sources: Mapping[str, Days]) -> dict[str, tuple[int, Floats]]:
    """Sums by name, each with the position of its source."""
    return {
        name: (position, sums)
        for position, days in enumerate(sources.values())
        for name, sums in days.sums.items()
    }


def blocks(sources: Mapping[str, Days], step: int, columns_read: frozenset[str]) -> pl.DataFrame:
    """Give the weeks or months of all sources, the oldest first: means per known day.

    Parameters
    ----------
    sources, wanted
        As of `windows`.
    step : {WEEK, MONTH}

    Returns
    -------
    polars.DataFrame
        app, age (of the newest day) and the columns; missing where half or more is unknown.
    """
    every = _together(sources, [name for name in _sums_of(sources) if name in columns_read])
    known = _blocks(every.known, step)
    divisor = np.where(known * 2 > step, known, np.nan)
    columns = (_blocks(every.sums, step) / divisor[every.source])[..., ::-1]
    n, count = columns.shape[1:]
    age = np.tile(np.arange(count - 1, -1, -1.0) * step, n)
    app = np.repeat(np.arange(n, dtype=np.int32), count)
    flat = np.concatenate([age[None], columns.reshape(-1, n * count)])
    return frame_of(["age", *every.names], flat, app)


def periods(sources: Mapping[str, Days], columns_read: frozenset[str]) -> dict[str, Floats]:
    """Give the stretches of PERIODS by column and period; NaN where half or more is unknown."""
    every = _together(
        sources,
        [
            n
            for n in _sums_of(sources)
            if any(f"{n}_{period}" in columns_read for period in PERIODS)
        ],
    )
    known, weekly = _blocks(every.known, WEEK), _blocks(every.sums, WEEK)
    columns: dict[str, Floats] = {}
    for period, (newest, oldest) in PERIODS.items():
        counted = known[..., newest:oldest].sum(axis=2)
        enough = np.where(counted * 2 > (oldest - newest) * WEEK, counted, np.nan)
        means = weekly[..., newest:oldest].sum(axis=2) / enough[every.source]
        columns |= zip((f"{name}_{period}" for name in every.names), means, strict=True)
    return {name: values for name, values in columns.items() if name in columns_read}


def table(columns: Mapping[str, NDArray[np.generic]], app: Int32s | None = None) -> pl.DataFrame:
    """Make a frame of numbers from its columns, each of shape (n_rows,); see `frame_of`."""
    return frame_of(list(columns), np.stack(list(columns.values())), app)


def frame_of(
    names: Sequence[str], columns: NDArray[np.generic], app: Int32s | None = None
) -> pl.DataFrame:
    """Make a frame of numbers; NaN is missing. One conversion, however many the columns.

    Parameters
    ----------
    names : sequence of str
    columns : ndarray of shape (n_columns, n_rows)
    app : ndarray of shape (n_rows,), optional
        Ascending; put in as the column `app`.
    """
    rows = columns.shape[1]
    if rows:
        series = pl.Series(columns.reshape(-1), nan_to_null=True)
        series_of = [series.slice(rows * k, rows).alias(name) for k, name in enumerate(names)]
    else:
        series_of = [pl.Series(name, [], pl.Float64) for name in names]
    if app is not None:
        series_of.append(pl.Series("app", app).set_sorted())
    return pl.DataFrame(series_of)


def _blocks(by_stretch: Floats, step: int) -> Floats:
    """Sums by week or month, newest first; the days that fill no block are left out."""
    weekly = np.add.reduceat(by_stretch, _WEEK_STARTS, axis=-1)
    if step == WEEK:
        return weekly
    whole = weekly[..., : _MONTHS * _WEEKS_A_MONTH]
    monthly: Floats = whole.reshape(*whole.shape[:-1], _MONTHS, _WEEKS_A_MONTH).sum(axis=-1)
    return monthly


def largest(by_day: NDArray[np.generic]) -> Floats:
    """Largest daily value of each window; by_day has the newest first, shape (n, HORIZON_DAYS)."""
    return np.stack([by_day[:, :days].max(axis=1) for days in WINDOWS]).astype(np.float64)


def same(values: NDArray[np.generic]) -> Floats:
    """Repeat what does not depend on the window: (n,) as (len(WINDOWS), n)."""
    return np.tile(values.astype(np.float64), (len(WINDOWS), 1))
