"""Adverse-action reasons: themes with the largest SHAP contributions to risk.

The wording of a reason belongs to `scoring`; the registered model returns these numbers too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from features.contract.tables import SOURCES
from models.explanation.feature_themes import feature_themes

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.arrays import Array
    from models.estimators.model import Model
    from models.explanation.feature_themes import FeatureThemes

ABSENT_THEMES = {
    "no_" + "_".join(some): some
    for count in range(1, len(SOURCES) + 1)
    for some in combinations(SOURCES, count)
}
"""Themes of whole sources that are missing together, such as `no_tax_ecommerce`: the sources."""

_ABSENT = {
    tuple(source in some for source in SOURCES): theme for theme, some in ABSENT_THEMES.items()
} | {(False,) * len(SOURCES): ""}
_PRESENT = -1  # source that a value is missing with: none
ROUNDING = 1e-9  # log-odds; LightGBM's leaves differ by more
LOOKED_AT = 2  # times as many themes as reasons: some are left out
_BLOCK = 2_000  # rows at once, so that what lies between stays in the processor's memory
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
    contributions: Array,
    X: pl.DataFrame,
    model: Model,
    k: int = 5,
    *,
    margin: Array | None = None,
    values: Array | None = None,
) -> pl.DataFrame:
    """Rank the adverse themes of each row.

    1. A value is adverse if its contribution is positive and it is not better than typical: worse
       for its sign in the feature table, or without a sign and different, or missing.
    2. Features are summed by theme, so that correlated ones count once. Missing sources are one
       theme together, such as `no_tax_ecommerce`: of each its features, those of its coverage, and
       those that are missing because they compare it with other sources. A source whose absence
       does not raise the risk is not named.
    3. A theme is a reason if its sum is positive and it has an adverse value; the one with the
       largest contribution represents it.
    4. The first reason is verified: with every value of its theme that is worse than typical set to
       typical, the margin must fall; where no signed value is worse, the same for its adverse
       values. A theme that fails is no reason; it may come later if setting all its adverse values
       to typical lowers the margin. SHAP values alone do not imply this: they compare with the
       whole population, not with the typical value.
    5. At most one reason is about a single missing value.

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
        Columns row (position in X), rank (1 comes first), theme, feature, contribution (of the
        theme, log-odds; falling from rank 2 on), value (of the feature, null if missing) and
        typical (null if unknown), sorted by row and rank.
    """
    if values is None:
        values = model.matrix(X)
    if margin is None:
        margin = model.estimator.margin(values)
    blocks = [pl.DataFrame(schema=SCHEMA)]
    for start in range(0, len(values), _BLOCK):
        block = slice(start, start + _BLOCK)
        reasons = _reasons(contributions[block], values[block], margin[block], model, k)
        blocks.append(reasons.with_columns(pl.col("row") + start) if start else reasons)
    return blocks[-1] if len(values) <= _BLOCK else pl.concat(blocks)


def theme_contributions(contributions: Array, values: Array, model: Model) -> dict[str, float]:
    """Sum the contributions of one row by the themes that `top_reasons` tells apart.

    Parameters
    ----------
    contributions, values : ndarray of shape (n_features,)
        As of `top_reasons`.
    model : Model

    Returns
    -------
    dict of theme to log-odds
        What whole sources are missing with stands under their themes: those whose absence raises
        the risk together, such as `no_tax_ecommerce`, and likewise the others.
    """
    table = feature_themes(model.feature_names)
    masks = _value_masks(contributions[None], values[None], model)
    theme_of, (adverse,) = _themes_of(contributions[None], masks.adverse_value, masks.source, table)
    gone = {SOURCES[number] for number in np.unique(masks.source) if number != _PRESENT}
    others = gone.difference(ABSENT_THEMES.get(adverse, ()))
    harmless = _ABSENT[tuple(source in others for source in SOURCES)]
    names = [*table.themes, adverse, harmless]
    sums = _sums(theme_of, contributions[None], len(names))[0]
    return {names[theme]: float(sums[theme]) for theme in np.unique(theme_of)}


@dataclass(frozen=True, eq=False)
class _ValueMasks:
    """Masks of values by their contribution; all but `typical` of shape (n_samples, n_features).

    Attributes
    ----------
    missing : whether it is missing
    source : number of the missing source that it is missing with, else `_PRESENT`
    worse : whether it is worse than typical in the direction of its sign
    adverse_value : whether it is adverse, step 1 of `top_reasons`
    typical : ndarray of shape (n_features,)
    """

    missing: Array
    source: Array
    worse: Array
    adverse_value: Array
    typical: Array


def _value_masks(contributions: Array, values: Array, model: Model) -> _ValueMasks:
    table = feature_themes(model.feature_names)
    typical = np.array([model.typical.get(name, np.nan) for name in model.feature_names])
    missing: Array = np.isnan(values)
    source = _missing_with(missing, table)
    with np.errstate(invalid="ignore"):
        worse = table.sign * (values - typical) > 0
    adverse_value = (worse | ((table.sign == 0) & (values != typical)) | missing) & (
        contributions > 0
    )
    # the coverage of a missing source repeats that it is missing
    adverse_value &= missing | (source == _PRESENT)
    return _ValueMasks(missing, source, worse, adverse_value, typical)


def _reasons(
    contributions: Array, values: Array, margin: Array, model: Model, k: int
) -> pl.DataFrame:
    """Reasons of a block of rows, by the steps of `top_reasons`."""
    table = feature_themes(model.feature_names)
    masks = _value_masks(contributions, values, model)
    missing, worse, adverse_value, typical = (
        masks.missing,
        masks.worse,
        masks.adverse_value,
        masks.typical,
    )
    theme_of, absent = _themes_of(contributions, adverse_value, masks.source, table)
    net = _sums(theme_of, contributions, table.harmless + 1)
    net[_sums(theme_of, adverse_value, table.harmless + 1) == 0] = 0.0
    net[:, table.harmless] = 0.0

    def lowers(rows: Array, themes: Array, *, all_adverse: bool) -> tuple[Array, Array]:
        """Whether typical values in a theme lower the margin (step 4), and whether any is worse."""
        wanted = themes[:, None]
        wrong = worse[rows] & (table.theme_of == wanted)
        signed = wrong.any(axis=1)
        faults = wrong | (
            (theme_of[rows] == wanted) & (adverse_value[rows] | (wanted == table.absent))
        )
        corrected = faults if all_adverse else np.where(signed[:, None], wrong, faults)
        after = model.estimator.margin(np.where(corrected, typical, values[rows]))
        return np.asarray(margin[rows] - after > ROUNDING), signed

    order = _order(net, lowers)[:, : LOOKED_AT * k]
    pushed = np.take_along_axis(net, order, axis=1)
    representative = np.stack(
        [
            np.where(adverse_value & (theme_of == themes[:, None]), contributions, -np.inf).argmax(
                axis=1
            )
            for themes in order.T
        ],
        axis=1,
    )
    of_missing_value = np.take_along_axis(missing, representative, axis=1) & (order != table.absent)
    kept = (pushed > 0) & ~(of_missing_value & (of_missing_value.cumsum(axis=1) > 1))
    place = kept.cumsum(axis=1)
    row, rank = np.nonzero(kept & (place <= k))
    feature = representative[row, rank]
    all_missing = table.absent
    columns = {
        "row": row,
        "rank": place[row, rank],
        "theme": [
            absent[r] if theme == all_missing else table.themes[theme]
            for r, theme in zip(row.tolist(), order[row, rank].tolist(), strict=True)
        ],
        "feature": [model.feature_names[j] for j in feature.tolist()],
        "contribution": pushed[row, rank],
        "value": values[row, feature],
        "typical": typical[feature],
    }
    return pl.DataFrame(
        [pl.Series(name, columns[name], dtype, nan_to_null=True) for name, dtype in SCHEMA.items()]
    )


def _order(net: Array, lowers: Callable[..., tuple[Array, Array]]) -> Array:
    """Themes of each row in order (step 4); those that are no reason are set to zero in `net`."""
    rows = np.arange(len(net))
    later_only = np.zeros(net.shape, dtype=bool)
    while len(rows):
        left = np.where(later_only[rows], 0.0, net[rows])
        first = left.argmax(axis=1)
        rows, first = (part[left.max(axis=1) > 0] for part in (rows, first))
        holds, signed = lowers(rows, first, all_adverse=False)
        rows, first, signed = (part[~holds] for part in (rows, first, signed))
        true = signed.copy()
        if signed.any():
            true[signed] = lowers(rows[signed], first[signed], all_adverse=True)[0]
        later_only[rows, first] = true
        net[rows[~true], first[~true]] = 0.0
    eligible = np.where(later_only, 0.0, net)
    # where nothing else is left, what else would come first
    eligible = np.where((eligible > 0).any(axis=1, keepdims=True), eligible, net)
    ordering = net.copy()
    ordering[np.arange(len(net)), eligible.argmax(axis=1)] = np.inf
    return np.argsort(-ordering, axis=1, kind="stable")


def _missing_with(missing: Array, table: FeatureThemes) -> Array:
    """Number of the missing source that each value is missing with, else `_PRESENT`.

    A feature over others is missing with a source if nothing else is missing among what it is
    made from.
    """
    source = np.full(missing.shape, _PRESENT, dtype=np.int8)
    over, made_from = table.over
    candidates = np.full((len(missing), len(over)), _PRESENT, dtype=np.int8)
    for number, source_ in enumerate(table.sources):
        absent = (
            missing[:, source_.own_columns].all(axis=1)
            if len(source_.own_columns)
            else np.zeros(len(missing), bool)
        )
        if absent.any():
            source[np.ix_(absent, source_.with_coverage)] = number
            candidates[np.ix_(absent, source_.over)] = number
    if over.size and (candidates != _PRESENT).any():
        other = (missing & (source == _PRESENT)).astype(made_from.dtype) @ made_from > 0
        source[:, over] = np.where(missing[:, over] & ~other, candidates, _PRESENT)
    return source


def _themes_of(
    contributions: Array, adverse_value: Array, source: Array, table: FeatureThemes
) -> tuple[Array, list[str]]:
    """Theme of each value; and for each row the name of the theme of its missing sources."""
    if (source == _PRESENT).all():
        return np.broadcast_to(table.theme_of, source.shape), [""] * len(source)
    slot = source - _PRESENT
    pushes = _sums(slot, contributions, len(SOURCES) + 1)[:, 1:]
    adverse = (pushes > 0) & (_sums(slot, adverse_value, len(SOURCES) + 1)[:, 1:] > 0)
    themes = np.where(adverse, table.absent, table.harmless)
    theme_of = np.where(
        slot > 0, np.take_along_axis(themes, np.maximum(source, 0), axis=1), table.theme_of
    )
    return theme_of, [_ABSENT[tuple(row)] for row in adverse.tolist()]


def _sums(group: Array, parts: Array, groups: int) -> Array:
    """Sum over the features of each group, ndarray of shape (n_samples, groups).

    Feature by feature: NumPy's own sum rounds differently for other numbers of rows.
    """
    flat = group + groups * np.arange(len(group))[:, None]
    sums = np.bincount(flat.ravel(), weights=parts.ravel(), minlength=groups * len(group))
    return sums.reshape(len(group), groups)
