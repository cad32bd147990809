"""Evaluating the formulas: one pass per frame and window, then the features across sources."""

from functools import cache

import numpy as np
import polars as pl

from features.catalogue import FEATURES, feature_names
from features.feature import Feature
from features.frames import FRAMES
from features.grid import Need
from features.peers import with_typical


def compute(
    frames: dict[str, pl.DataFrame],
    place: pl.DataFrame,
    reference: pl.DataFrame | None,
) -> pl.DataFrame:
    """Evaluate every formula.

    Parameters
    ----------
    frames : dict of str to polars.DataFrame
        From `features.prepare.prepare`; each sorted by `app`, oldest row first.
    place : polars.DataFrame of n rows
        sector, city, month, see `features.peers.places`.
    reference : polars.DataFrame or None
        See `features.peers.build_reference`.

    Returns
    -------
    polars.DataFrame of n rows
        Float32 features in the order of `feature_names()`.
    """
    n = place.height
    parts = [
        part
        for group, formulas in _groups().items()
        if (part := _evaluate(frames[group[0]], *group, formulas, n)) is not None
    ]
    found = pl.concat(parts, how="horizontal")
    heard = set(found.columns)
    silent = [name for name in _first_names() if name not in heard]
    # peers compare figures as they are stored, so that they can be filled in later just the same
    found = (
        found.with_columns(pl.lit(None, pl.Float64).alias(name) for name in silent)
        .with_columns(_across())
        .with_columns(pl.all().cast(pl.Float32))
    )
    if reference is None:
        found = found.with_columns(pl.lit(None, pl.Float32).alias(f.name) for f in _peers())
    else:
        found = with_typical(found, place, reference).with_columns(
            f.formula.cast(pl.Float32).alias(f.name) for f in _peers()
        )
    return found.select(feature_names())


def _evaluate(
    frame: pl.DataFrame, name: str, days: int, formulas: list[pl.Expr], n: int
) -> pl.DataFrame | None:
    """Give one column per formula, a row per application; None if no application has rows."""
    step = FRAMES[name].step
    if FRAMES[name].single:
        return frame.select(formulas)
    if step is not None:
        frame = _newest(frame, days - step, n)
    if frame.is_empty():
        return None
    if n == 1:
        return frame.select(formulas)
    part = frame.group_by("app", maintain_order=True).agg(formulas)
    if part.height < n:
        every = pl.DataFrame({"app": pl.int_range(n, dtype=pl.Int32, eager=True)})
        part = every.join(part, on="app", how="left", maintain_order="left")
    return part.drop("app")


def _newest(frame: pl.DataFrame, oldest_age: int, n: int) -> pl.DataFrame:
    age = frame["age"].to_numpy()
    keep = age <= oldest_age
    if keep.all():
        return frame
    if n == 1 and bool((age[1:] <= age[:-1]).all()):
        return frame.tail(int(np.count_nonzero(keep)))
    return frame.filter(pl.Series(keep))


@cache
def needs() -> dict[str, Need]:
    """Say what the formulas read of each frame."""
    found = {name: Need(frozenset(), 1) for name in FRAMES}
    for feature in FEATURES:
        if feature.frame in FRAMES:
            so_far = found[feature.frame]
            found[feature.frame] = Need(
                so_far.columns | feature.inputs, max(so_far.days, feature.days)
            )
    return found


@cache
def _groups() -> dict[tuple[str, int], list[pl.Expr]]:
    groups: dict[tuple[str, int], list[pl.Expr]] = {}
    for feature in FEATURES:
        if feature.frame in FRAMES:
            days = feature.days if FRAMES[feature.frame].step is not None else 0
            groups.setdefault((feature.frame, days), []).append(_column(feature))
    return groups


@cache
def _first_names() -> tuple[str, ...]:
    return tuple(f.name for f in FEATURES if f.frame in FRAMES)


@cache
def _across() -> list[pl.Expr]:
    return [_column(f) for f in FEATURES if f.frame == "across"]


@cache
def _peers() -> list[Feature]:
    return [f for f in FEATURES if f.frame == "peers"]


def _column(feature: Feature) -> pl.Expr:
    return feature.formula.cast(pl.Float64).alias(feature.name)
