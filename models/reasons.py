"""From contributions to reasons in numbers: which themes push an applicant's risk up most.

The wording of a reason belongs to `scoring`; the registered model returns these numbers too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from features.catalogue import FEATURES
from features.tables import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.artefact import Matrix, Model

ABSENT = "no_"  # theme of a source without any value: "no_ecommerce"
_ROUNDING = 1e-9  # log-odds; LightGBM's leaves differ by more
SCHEMA = {
    "row": pl.Int64,
    "rank": pl.Int64,
    "theme": pl.String,
    "feature": pl.String,
    "contribution": pl.Float64,
    "value": pl.Float64,
    "typical": pl.Float64,
}


def top_reasons(
    contributions: Matrix,
    X: pl.DataFrame,
    model: Model,
    k: int = 5,
    *,
    margin: Matrix | None = None,
    values: Matrix | None = None,
) -> pl.DataFrame:
    """Rank the adverse themes of each row.

    A theme's contribution is the sum over its features, so that correlated features count once.
    It is a reason when the sum is positive and at least one of its features may be blamed: one
    that pushes risk up and whose value is not better than typical (for its sign in the feature
    table). That feature, with the largest push, stands for the theme. When a whole source is
    missing, its features and those of its coverage form one theme of their own, `no_<source>`.

    The first reason is put to the test: were everything typical that is worse than typical in its
    theme, the margin would be lower. A theme that fails is no reason, and the next one is tried.
    SHAP values alone do not promise that: they compare with everybody, not with the typical value,
    and average over ways through the trees that this applicant does not take.

    Parameters
    ----------
    contributions : ndarray of shape (n_samples, n_features), log-odds
        From `model.contributions(X)`.
    X : DataFrame of n_samples rows, holding the model's features
    model : Model
    k : int
        At most so many reasons a row; fewer when fewer themes are adverse.
    margin : ndarray of shape (n_samples,), log-odds, optional
        `model.margin(X)` where it is known already.
    values : ndarray of shape (n_samples, n_features), optional
        `model.matrix(X)`, where it is at hand.

    Returns
    -------
    DataFrame
        Columns row (position in X), rank (1 is the worst), theme, feature, contribution (of the
        theme, log-odds), value (of the feature, null if missing) and typical (null if unknown),
        sorted by row and rank.
    """
    table = _themes(model.feature_names)
    if values is None:
        values = model.matrix(X)
    typical = np.array([model.typical.get(name, np.nan) for name in model.feature_names])
    missing: Matrix = np.isnan(values)
    absent = _absent(missing, table)
    # Worse than typical in the direction of the sign; an unsigned value may be blamed where it is
    # not the typical one, and a missing one.
    with np.errstate(invalid="ignore"):
        worse = table.sign * (values - typical) > 0
    may_be = worse | ((table.sign == 0) & (values != typical)) | missing
    blamed = np.where(may_be & (contributions > 0), contributions, -np.inf)

    net = np.empty((len(values), len(table.themes)))
    witness = np.empty((len(values), len(table.themes)), dtype=np.int64)
    for j, (columns, whole_source) in enumerate(table.columns):
        inside = absent[:, columns] if whole_source else ~absent[:, columns]
        # how long a missing source is covered says the same once more
        witnesses = inside & missing[:, columns] if whole_source else inside
        part = np.where(witnesses, blamed[:, columns], -np.inf)
        best = part.argmax(axis=1)
        witness[:, j] = columns[best]
        # A running sum: NumPy's own sum rounds differently for other numbers of rows.
        total = np.where(inside, contributions[:, columns], 0.0).cumsum(axis=1)[:, -1]
        net[:, j] = np.where(np.isfinite(part[np.arange(len(part)), best]), total, 0.0)

    before = model.estimator.margin(values) if margin is None else margin
    mendable = worse[np.arange(len(values))[:, None], witness]

    def lowers(rows: Matrix, themes: Matrix) -> Matrix:
        inside = worse[rows] & (table.theme_of == themes[:, None])
        after = model.estimator.margin(np.where(inside, typical, values[rows]))
        return np.asarray(before[rows] - after > _ROUNDING)

    _drop_untrue(net, mendable, lowers)

    order = np.argsort(-net, axis=1, kind="stable")[:, :k]
    pushed = np.take_along_axis(net, order, axis=1)
    row, rank = np.nonzero(pushed > 0)
    theme = order[row, rank]
    feature = witness[row, theme]
    return pl.DataFrame(
        {
            "row": row,
            "rank": rank + 1,
            "theme": np.array(table.themes)[theme].tolist(),
            "feature": np.array(model.feature_names)[feature].tolist(),
            "contribution": pushed[row, rank],
            "value": values[row, feature],
            "typical": typical[feature],
        },
        schema=SCHEMA,
    ).with_columns(pl.col("value", "typical").fill_nan(None))


def _drop_untrue(net: Matrix, mendable: Matrix, lowers: Callable[[Matrix, Matrix], Matrix]) -> None:
    """Set to zero in `net` what would come first and lowers nothing when it is put right.

    `net` and `mendable` have a row for each applicant and a column for each theme. A reason that
    blames a missing or an unsigned value cannot be put right and stays.
    """
    rows = np.arange(len(net))
    while len(rows):
        first = net[rows].argmax(axis=1)
        tested = mendable[rows, first] & (net[rows, first] > 0)
        rows, first = rows[tested], first[tested]
        fails = ~lowers(rows, first)
        rows = rows[fails]
        net[rows, first[fails]] = 0.0


@dataclass(frozen=True)
class _Themes:
    """Themes of a list of features: names, and for each its columns and if it is a whole source."""

    themes: tuple[str, ...]
    theme_of: Matrix  # position in `themes` of each feature's own theme
    columns: tuple[tuple[Matrix, bool], ...]
    sign: Matrix
    sources: tuple[tuple[Matrix, Matrix], ...]  # columns of each source, without and with coverage


@lru_cache(maxsize=8)
def _themes(names: tuple[str, ...]) -> _Themes:
    """Look the features up in the catalogue; one that is not there is its own theme, unsigned."""
    known = {feature.name: feature for feature in FEATURES}
    by_theme: dict[str, list[int]] = {}
    by_source: dict[str, list[int]] = {}
    covers: dict[str, list[int]] = {}
    sign = np.zeros(len(names))
    for column, name in enumerate(names):
        feature = known.get(name)
        by_theme.setdefault(feature.theme if feature else name, []).append(column)
        if feature:
            sign[column] = feature.sign
            if feature.source in SOURCES:
                by_source.setdefault(feature.source, []).append(column)
            elif feature.source == "coverage":  # never missing: no sign of a missing source
                covers.setdefault(name.rpartition("_")[2], []).append(column)
    themes = [(theme, np.array(columns), False) for theme, columns in by_theme.items()]
    whole = {s: np.array([*own, *covers.get(s, [])]) for s, own in by_source.items()}
    themes += [(ABSENT + source, columns, True) for source, columns in whole.items()]
    theme_of = np.empty(len(names), dtype=np.int64)
    for position, columns in enumerate(by_theme.values()):
        theme_of[columns] = position
    return _Themes(
        themes=tuple(theme for theme, _, _ in themes),
        theme_of=theme_of,
        columns=tuple((columns, whole) for _, columns, whole in themes),
        sign=sign,
        sources=tuple((np.array(own), whole[source]) for source, own in by_source.items()),
    )


def _absent(missing: Matrix, table: _Themes) -> Matrix:
    """Cells whose whole source is missing in that row, ndarray of shape (n_samples, n_features)."""
    absent = np.zeros_like(missing)
    for own, whole in table.sources:
        absent[:, whole] = missing[:, own].all(axis=1, keepdims=True)
    return absent
