"""Evaluating the formulas: one pass per frame and window, then the features across sources."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.catalogue import FEATURES, feature_names
from features.feature import PEER_PREFIX, Feature
from features.frames import FRAMES, STEPS, WINDOWS, Kind
from features.known import Floats
from features.peers import COMPARED, places, usual
from features.prepare import MONTHS, ONE, WEEKS, WINDOW
from features.stretches import table

_SHARED = {Kind.WINDOW: WINDOW, Kind.WEEKS: WEEKS, Kind.MONTHS: MONTHS, Kind.ONE: ONE}
"""Kinds of frames whose columns stand side by side in one frame of all sources."""


@dataclass(frozen=True, eq=False)
class _Pass:
    """Formulas that one query evaluates.

    Attributes
    ----------
    frame : str
        Name in what `features.prepare.prepare` gives.
    oldest : int or None
        Age of the oldest row that belongs to the window; None if rows are not cut to it.
    formulas : list of polars.Expr
    places : ndarray of shape (n_formulas,)
        Columns of the feature matrix.
    """

    frame: str
    oldest: int | None
    formulas: list[pl.Expr]
    places: NDArray[np.intp]


def compute(
    frames: dict[str, pl.DataFrame],
    n: int,
    reference: pl.DataFrame | None,
) -> pl.DataFrame:
    """Evaluate every formula.

    Parameters
    ----------
    frames : dict of str to polars.DataFrame
        From `features.prepare.prepare`; each sorted by `app`, oldest row first.
    n : int
        Applications.
    reference : polars.DataFrame or None
        See `features.peers.build_reference`.

    Returns
    -------
    polars.DataFrame of n rows
        Float32 features in the order of `feature_names()`.
    """
    found = np.full((n, len(FEATURES)), np.nan)
    _windows(frames[WINDOW], found)
    for job in _passes():
        _evaluate(frames[job.frame], job, found)
    across = _over("across")
    found[:, across.places] = _over_features(found, across)
    # peers compare figures as they are stored, so that they can be filled in later just the same
    stored = found.astype(np.float32)
    if reference is not None:
        peers = _over("peers")
        typical = dict(zip(_TYPICAL, usual(places(frames[ONE]), reference).T, strict=True))
        stored[:, peers.places] = _over_features(stored.astype(np.float64), peers, typical)
    return table(dict(zip(feature_names(), stored.T, strict=True)))


_TYPICAL = tuple(PEER_PREFIX + name for name in COMPARED)


def _windows(frame: pl.DataFrame, found: Floats) -> None:
    """Evaluate each formula once for all windows, which lie below each other in the frame."""
    formulas, windows, columns, places = _window_plan()
    values = frame.select(formulas).to_numpy()
    by_window = values.reshape(len(WINDOWS), len(found), len(formulas))
    found[:, places] = by_window[windows, :, columns].T


def _evaluate(frame: pl.DataFrame, job: _Pass, found: Floats) -> None:
    """Fill in the columns of one pass; applications without rows stay missing."""
    if job.frame == ONE:
        found[:, job.places] = frame.select(job.formulas).to_numpy()
        return
    if job.oldest is not None:
        frame = _newest(frame, job.oldest, len(found))
    if frame.is_empty():
        return
    if len(found) == 1:
        found[:, job.places] = frame.select(job.formulas).to_numpy()
        return
    part = frame.group_by("app", maintain_order=True).agg(job.formulas)
    app = part["app"].to_numpy()
    values = part.drop("app").to_numpy()
    if len(app) == len(found):
        found[:, job.places] = values
    else:
        found[np.ix_(app, job.places)] = values


def _newest(frame: pl.DataFrame, oldest: int, n: int) -> pl.DataFrame:
    age = frame["age"].to_numpy()
    keep = age <= oldest
    if keep.all():
        return frame
    if n == 1 and bool((age[1:] <= age[:-1]).all()):
        return frame.tail(int(np.count_nonzero(keep)))
    return frame.filter(pl.Series(keep))


def _over_features(
    found: Floats, job: _Pass, more: dict[str, Floats] | None = None
) -> NDArray[np.floating]:
    """Evaluate formulas that read other features of the same applicant; shape (n, n_formulas)."""
    places = _places()
    read = {name: found[:, places[name]] for name in _read(job.frame) if name in places}
    return table(read | (more or {})).select(job.formulas).to_numpy()


@cache
def wanted() -> dict[Kind, frozenset[str]]:
    """Say which columns the formulas read of each kind of frame."""
    found: dict[Kind, frozenset[str]] = dict.fromkeys(Kind, frozenset())
    for feature in _first():
        kind = FRAMES[feature.frame].kind
        found[kind] |= feature.inputs
    return found


@cache
def _passes() -> tuple[_Pass, ...]:
    groups: dict[tuple[str, int | None], list[Feature]] = {}
    for feature in _first():
        kind = FRAMES[feature.frame].kind
        if kind is not Kind.WINDOW:
            oldest = feature.days - STEPS[kind] if kind in STEPS else None
            groups.setdefault((_SHARED.get(kind, feature.frame), oldest), []).append(feature)
    return tuple(_pass(name, oldest, group) for (name, oldest), group in groups.items())


@cache
def _over(frame: str) -> _Pass:
    return _pass(frame, None, [f for f in FEATURES if f.frame == frame])


@cache
def _read(frame: str) -> tuple[str, ...]:
    """Columns that the formulas over other features read, in a fixed order."""
    return tuple(sorted(set().union(*(f.inputs for f in FEATURES if f.frame == frame))))


def _pass(name: str, oldest: int | None, features: Iterable[Feature]) -> _Pass:
    chosen = list(features)
    places = np.array([_places()[f.name] for f in chosen], dtype=np.intp)
    return _Pass(name, oldest, [_column(f) for f in chosen], places)


@cache
def _window_plan() -> tuple[list[pl.Expr], list[int], list[int], list[int]]:
    """Distinct formulas on windows; and of each feature its window, formula and place."""
    formulas: list[pl.Expr] = []
    seen: dict[int, int] = {}
    windows, columns, places = [], [], []
    for feature in _first():
        if FRAMES[feature.frame].kind is Kind.WINDOW:
            if id(feature.formula) not in seen:
                seen[id(feature.formula)] = len(formulas)
                formulas.append(_column(feature))
            windows.append(WINDOWS.index(feature.days))
            columns.append(seen[id(feature.formula)])
            places.append(_places()[feature.name])
    return formulas, windows, columns, places


@cache
def _first() -> tuple[Feature, ...]:
    """Features that are computed from records, not from other features."""
    return tuple(f for f in FEATURES if f.frame in FRAMES)


@cache
def _places() -> dict[str, int]:
    return {name: place for place, name in enumerate(feature_names())}


def _column(feature: Feature) -> pl.Expr:
    return feature.formula.cast(pl.Float64).alias(feature.name)
