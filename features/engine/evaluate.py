"""Evaluation of feature formulas: by frame and window, then across sources and against peers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import polars as pl

from features.arrays import Floats, Positions
from features.engine.formula_batch import Formulas, Query, by_form, collect, evaluate
from features.engine.frame_builder import MONTHS, REGISTER, WEEKS, FrameSet
from features.table.catalogue import FEATURES, feature_names
from features.table.feature import PEER_PREFIX, Feature
from features.table.frames import FRAMES, STEPS, WINDOWS, Kind
from features.table.peers import COMPARED, places, usual

_SHARED = {Kind.WEEKS: WEEKS, Kind.MONTHS: MONTHS}
"""Kinds of frames whose columns stand side by side in one frame of all sources."""


@dataclass(frozen=True, eq=False)
class _Pass:
    """Formulas that one query evaluates.

    Attributes
    ----------
    frame : str
        Name in what `features.engine.frame_builder.build_frames` gives.
    oldest : int or None
        Age of the oldest row that belongs to the window; None if rows are not cut to it.
    formulas : Formulas
    places : ndarray of shape (n_formulas,)
        Columns of the feature matrix.
    """

    frame: str
    oldest: int | None
    formulas: Formulas
    places: Positions


def evaluate_features(
    prepared: FrameSet,
    n: int,
    reference: pl.DataFrame | None,
) -> pl.DataFrame:
    """Evaluate every formula.

    Parameters
    ----------
    prepared : FrameSet
        From `features.engine.frame_builder.build_frames`; each frame sorted by `app`.
    n : int
        Applications.
    reference : polars.DataFrame or None
        See `features.table.peers.build_reference`.

    Returns
    -------
    polars.DataFrame of n rows
        Float32 features in the order of `feature_names()`.
    """
    matrix = np.full((n, len(FEATURES)), np.nan)

    windows, single = prepared.windows, prepared.once
    singles = np.concatenate([*windows.values(), np.stack(list(single.values()))])
    evaluate(_singles(tuple(windows), tuple(single)), singles, matrix)
    _evaluate(prepared.frames, matrix)
    evaluate(_cross_source(), matrix.T, matrix)
    # peers compare figures as they are stored, so that they can be filled in later just the same
    stored = matrix.astype(np.float32)
    if reference is not None:
        peers = usual(places(prepared.frames[REGISTER]), reference)
        compared = stored[:, _compared()].T.astype(np.float64)
        evaluate(_peers(), np.concatenate([compared, peers.T]), stored)
    flat = pl.Series("row", stored.reshape(-1), nan_to_null=True)
    row = pl.col("row").arr.to_struct(feature_names())
    return flat.reshape(stored.shape).to_frame().select_seq(row).unnest("row")


_ROW = {days: row for row, days in enumerate(WINDOWS)}


def _evaluate(frames: Mapping[str, pl.DataFrame], matrix: Floats) -> None:
    """Fill in the columns of every pass; applications without rows stay missing.

    The branches for one application save 4 of its 13 ms (docs/benchmarks.md, one applicant): its
    rows need no grouping, the newest are mostly the last, and one row is had without a matrix.
    """
    n = len(matrix)
    jobs, plans = [], []
    for job in _passes():
        frame = frames[job.frame]
        if job.oldest is not None:
            frame = _newest(frame, job.oldest, n)
        if frame.is_empty():
            continue
        rows, formulas = frame.lazy(), job.formulas
        jobs.append(job)
        if n == 1 or job.frame == REGISTER:
            plans.append(rows.select_seq(formulas.numbers))
        else:
            plans.append(rows.group_by("app", maintain_order=True).agg(formulas.numbers))
    for job, part in zip(jobs, collect(plans), strict=True):
        # where each application has a row, the rows stand in the order of the applications
        rows_of = part["app"].to_numpy()[:, None] if "app" in part.columns else slice(None)
        if n == 1:
            values = np.array([part.row(0)], dtype=np.float64)
        else:
            values = part.drop("app", strict=False).to_numpy(writable=True)
        matrix[rows_of, job.places] = job.formulas.divide(values.T).T


def _newest(frame: pl.DataFrame, oldest: int, n: int) -> pl.DataFrame:
    age = frame["age"].to_numpy()
    keep = age <= oldest
    if keep.all():
        return frame
    if n == 1 and bool((age[1:] <= age[:-1]).all()):
        return frame.tail(int(np.count_nonzero(keep)))
    return frame.filter(pl.Series(keep))


@cache
def columns_read() -> dict[Kind, frozenset[str]]:
    """Say which columns the formulas read of each kind of frame."""
    columns: dict[Kind, frozenset[str]] = dict.fromkeys(Kind, frozenset())
    for feature in _first():
        kind = FRAMES[feature.frame].kind
        columns[kind] |= feature.inputs
    return columns


@cache
def _passes() -> tuple[_Pass, ...]:
    groups: dict[tuple[str, int | None], list[Feature]] = {}
    for feature in _first():
        kind = FRAMES[feature.frame].kind
        if not _stacks(feature):
            oldest = feature.days - STEPS[kind] if kind in STEPS else None
            groups.setdefault((_SHARED.get(kind, feature.frame), oldest), []).append(feature)
    return tuple(_pass(name, oldest, group) for (name, oldest), group in groups.items())


@lru_cache(maxsize=4)
def _singles(windows: tuple[str, ...], once: tuple[str, ...]) -> tuple[Query, ...]:
    """Formulas on numbers of which an application has one a window, then on those it has once."""
    first = {name: len(WINDOWS) * k for k, name in enumerate(windows)}
    only = {name: len(WINDOWS) * len(windows) + k for k, name in enumerate(once)}

    def row(feature: Feature, name: str) -> int:
        return only[name] if name in only else first[name] + _ROW[feature.days]

    return by_form(filter(_stacks, _first()), _places(), row)


@cache
def _cross_source() -> tuple[Query, ...]:
    """Formulas that read other features of the same applicant."""
    return by_form(_over("cross_source"), _places(), lambda _, name: _places()[name])


@cache
def _peers() -> tuple[Query, ...]:
    """Formulas that read the features in `COMPARED`, then what is usual of each."""
    rows = {name: k for k, name in enumerate((*COMPARED, *(PEER_PREFIX + c for c in COMPARED)))}
    return by_form(_over("peers"), _places(), lambda _, name: rows[name])


@cache
def _compared() -> Positions:
    return np.array([_places()[name] for name in COMPARED], dtype=np.intp)


def _over(frame: str) -> Iterable[Feature]:
    return (feature for feature in FEATURES if feature.frame == frame)


def _stacks(feature: Feature) -> bool:
    """Whether the feature has one row of plain numbers; the register also has texts."""
    return FRAMES[feature.frame].kind in (Kind.WINDOW, Kind.ONE) and feature.frame != REGISTER


def _pass(name: str, oldest: int | None, features: Iterable[Feature]) -> _Pass:
    chosen = list(features)
    places = np.array([_places()[f.name] for f in chosen], dtype=np.intp)
    return _Pass(name, oldest, Formulas({f.name: f.formula for f in chosen}), places)


@cache
def _first() -> tuple[Feature, ...]:
    """Features that are computed from records, not from other features."""
    return tuple(f for f in FEATURES if f.frame in FRAMES)


@cache
def _places() -> dict[str, int]:
    return {name: place for place, name in enumerate(feature_names())}
