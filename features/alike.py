"""Formulas that differ only in the columns they read, evaluated as one.

Two hundred features are a change, a ratio or a difference of some two columns. What a query costs
depends on its expressions long before it depends on its rows; so the columns of all features of
one form are put below each other, and their formula is evaluated once.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.feature import Feature
from features.known import Floats
from features.stretches import table

_COLUMN = re.compile(r'col\("(\w+)"\)')

_FEW = 32
"""Up to so many applications forms share a query: filling up costs less than more queries."""


@dataclass(frozen=True, eq=False)
class Alike:
    """Features of one form.

    Attributes
    ----------
    formula : polars.Expr
        That of one of the features, under its name; one Float64 from each row.
    inputs : tuple of str
        Columns it reads.
    features : tuple of Feature
    reads : tuple of tuple of str
        For each of `inputs`, what each feature reads in its place.
    places : ndarray of shape (n_features,)
        Columns of the feature matrix.
    """

    formula: pl.Expr
    inputs: tuple[str, ...]
    features: tuple[Feature, ...]
    reads: tuple[tuple[str, ...], ...]
    places: NDArray[np.intp]


Query = tuple[Alike, ...]
"""Forms whose formulas read different columns, so that they can stand in one frame."""


def by_form(features: Iterable[Feature], places: Mapping[str, int]) -> tuple[Query, ...]:
    """Group features by the form of their formulas, and the forms to as few queries as will do.

    Parameters
    ----------
    features : iterable of Feature
        Their formulas give one value from each row.
    places : mapping of name to column of the feature matrix

    Raises
    ------
    ValueError
        If the text of a formula does not name what it reads.
    """
    groups: dict[str, list[tuple[Feature, tuple[str, ...]]]] = {}
    for feature in features:
        text = str(feature.formula)
        read = tuple(dict.fromkeys(_COLUMN.findall(text)))
        if set(read) != feature.inputs:
            raise ValueError(f"feature {feature.name!r}: cannot tell what is read in {text}")
        for number, name in enumerate(read):
            text = text.replace(f'col("{name}")', f"#{number}")
        groups.setdefault(text, []).append((feature, read))
    queries: list[tuple[set[str], list[Alike]]] = []
    # those with fewest features have the least choice of columns
    for group in sorted(groups.values(), key=len):
        for taken, forms in queries:  # noqa: B007 - the one it stops at takes the form
            free = [k for k, (_, read) in enumerate(group) if taken.isdisjoint(read)]
            if free:
                break
        else:
            taken, forms, free = set(), [], [0]
            queries.append((taken, forms))
        taken.update(group[free[0]][1])
        forms.append(_alike(group, free[0], places))
    return tuple(tuple(forms) for _, forms in queries)


def _alike(
    group: Sequence[tuple[Feature, tuple[str, ...]]], shown: int, places: Mapping[str, int]
) -> Alike:
    features = tuple(feature for feature, _ in group)
    return Alike(
        features[shown].formula.cast(pl.Float64).alias(features[shown].name),
        group[shown][1],
        features,
        tuple(zip(*(read for _, read in group), strict=True)),
        np.array([places[feature.name] for feature in features], dtype=np.intp),
    )


def evaluate(
    queries: Sequence[Query],
    get: Callable[[Feature, str], Floats],
    found: NDArray[np.floating],
) -> None:
    """Fill in the columns of features.

    Parameters
    ----------
    queries : sequence of Query
    get : callable
        Gives what a feature reads by name, shape (n,); NaN is missing.
    found : ndarray of shape (n, all features)
    """
    n = len(found)
    for query in queries:
        for forms in [query] if n <= _FEW else [(form,) for form in query]:
            height = n * max(len(form.features) for form in forms)
            columns = _frame(forms, get, height).select_seq([form.formula for form in forms])
            for form, values in zip(forms, columns.iter_columns(), strict=True):
                own = values.to_numpy()[: n * len(form.features)]
                found[:, form.places] = own.reshape(-1, n).T


def _frame(forms: Query, get: Callable[[Feature, str], Floats], height: int) -> pl.DataFrame:
    """Put what is read below each other; shorter columns are filled up with missing values."""
    names = [name for form in forms for name in form.inputs]
    columns = np.full((len(names), height), np.nan)
    stacked = (
        np.concatenate([get(f, name) for f, name in zip(form.features, read, strict=True)])
        for form in forms
        for read in form.reads
    )
    for row, values in zip(columns, stacked, strict=True):
        row[: len(values)] = values
    return table(dict(zip(names, columns, strict=True)))
