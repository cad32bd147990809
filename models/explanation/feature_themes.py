"""Themes, signs and sources of a model's features, by the feature table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from features.contract.tables import SOURCES
from features.loan.catalogue import OPEN_LOAN_FEATURES
from features.table.feature import OVER_FEATURES

if TYPE_CHECKING:
    from features.arrays import Array


@dataclass(frozen=True, eq=False)
class SourceColumns:
    """Columns of one source.

    Attributes
    ----------
    own_columns : ndarray of int
    with_coverage : ndarray of int
        With those of its coverage, which are never missing.
    over : ndarray of int
        Places in `FeatureThemes.over` of the features that are made from one of its own.
    """

    own_columns: Array
    with_coverage: Array
    over: Array


@dataclass(frozen=True, eq=False)
class FeatureThemes:
    """Themes, signs and sources of a list of features, by the feature table.

    Attributes
    ----------
    themes : tuple of str
    theme_of : ndarray of shape (n_features,)
        Position in `themes`.
    sign : ndarray of shape (n_features,)
    sources : tuple of SourceColumns
        In the order of `SOURCES`.
    over : pair of ndarrays of shape (n_over,) and (n_features, n_over)
        Columns over other features, and which columns each is made from.
    """

    themes: tuple[str, ...]
    theme_of: Array
    sign: Array
    sources: tuple[SourceColumns, ...]
    over: tuple[Array, Array]

    @property
    def absent(self) -> int:
        """Position of the theme of all missing sources, after the others."""
        return len(self.themes)

    @property
    def harmless(self) -> int:
        """Position of missing sources that do not raise the risk."""
        return len(self.themes) + 1


@lru_cache(maxsize=8)
def feature_themes(names: tuple[str, ...]) -> FeatureThemes:
    """Look the features up in the catalogue; one that is not there is its own theme, unsigned."""
    known = {feature.name: feature for feature in OPEN_LOAN_FEATURES}
    columns = {name: column for column, name in enumerate(names) if name in known}
    themes = [known[name].theme if name in known else name for name in names]
    position = {theme: index for index, theme in enumerate(dict.fromkeys(themes))}
    columns_of = {s: [c for n, c in columns.items() if known[n].source == s] for s in SOURCES}
    # never missing: no sign of a missing source
    covers = {
        s: [c for n, c in columns.items() if known[n].source == "coverage" and n.endswith("_" + s)]
        for s in SOURCES
    }
    over = [name for name in columns if known[name].source in OVER_FEATURES]
    made_from = np.zeros((len(names), len(over)), dtype=np.float32)
    for j, name in enumerate(over):
        made_from[[columns[part] for part in _made_from(name) if part in columns], j] = 1.0
    return FeatureThemes(
        themes=tuple(position),
        theme_of=np.array([position[theme] for theme in themes], dtype=np.int64),
        sign=np.array([known[n].sign if n in known else 0 for n in names], dtype=np.float64),
        sources=tuple(
            SourceColumns(
                own_columns=np.array(columns_of[source], dtype=np.int64),
                with_coverage=np.array([*columns_of[source], *covers[source]], dtype=np.int64),
                over=np.flatnonzero(made_from[columns_of[source]].any(axis=0)),
            )
            for source in SOURCES
        ),
        over=(np.array([columns[name] for name in over], dtype=np.int64), made_from),
    )


def _made_from(name: str) -> frozenset[str]:
    """Features of single sources that one over other features is made from in the end."""
    known = {feature.name: feature for feature in OPEN_LOAN_FEATURES}
    parts: set[str] = set()
    left = [name]
    while left:
        for part in known[left.pop()].inputs & known.keys():
            if known[part].source in OVER_FEATURES:
                left.append(part)
            else:
                parts.add(part)
    return frozenset(parts)
