"""Inspection of features: bins, stability, redundancy, and their importance for a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from features.contract.errors import ContractError
from features.table.catalogue import FEATURES as CATALOGUE
from features.table.peers import apply_reference
from models.data.split import OUT_OF_TIME, TRAIN, split
from models.data.training_data import with_codes, with_peers
from models.inspection.bins import bin_features, equal_bins
from models.inspection.importance import IMPORTANCE, importance
from models.inspection.redundancy import correlation, groups, pairs, ranks, variance_inflation
from models.inspection.stability import BY_QUARTER, BY_QUARTER_AND_BIN, by_quarter
from models.inspection.suggestions import suggestions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.arrays import Array
    from features.parallel.executor import Progress
    from models.data.training_data import TrainingData
    from models.estimators.model import Model
    from models.inspection.bins import FeatureBins
    from models.settings import TrainConfig

FEATURES = {
    "feature": pl.String,
    "source": pl.String,
    "theme": pl.String,
    "sign": pl.Int64,
    "missing_share": pl.Float64,
    "distinct": pl.Int64,
    "bins": pl.Int64,
    "iv": pl.Float64,
    "chance_iv": pl.Float64,
    "separated_bads": pl.Int64,
    "trend": pl.String,
    "auc": pl.Float64,
    "auc_low": pl.Float64,
    "auc_high": pl.Float64,
    "against_sign": pl.Boolean,
    "psi_max": pl.Float64,
    "psi_quarter": pl.String,
    "vif": pl.Float64,
    "group": pl.Int64,
    **{name: dtype for name, dtype in IMPORTANCE.items() if name != "feature"},
    "drop": pl.String,
    "drop_because": pl.String,
}
"""Columns of the table of features."""

BINS = {
    "feature": pl.String,
    "bin": pl.Int64,
    "from": pl.Float64,
    "below": pl.Float64,
    "rows": pl.Int64,
    "share": pl.Float64,
    "bads": pl.Int64,
    "default_rate": pl.Float64,
    "woe": pl.Float64,
    "iv": pl.Float64,
}
"""Columns of the table of bins; the missing have no bounds and come last."""

_KNOWN = {feature.name: feature for feature in CATALOGUE}
_MOST_ROWS = 20_000  # on which correlations rest; more change no second digit


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """What was found of some features.

    Attributes
    ----------
    features : DataFrame, schema `FEATURES`
    bins : DataFrame, schema `BINS`
        Of the development sample's labelled rows; of all its rows where nothing is labelled.
    by_quarter, by_quarter_and_bin : DataFrame
        Schemas of `models.inspection.stability`; empty without dates.
    correlations : DataFrame, schema `models.inspection.redundancy.CORRELATIONS`
    rows, labelled, bads : int
        Applicants read, those of the development sample that are labelled, and bads among these.
    sample : str
        What the development sample is.
    model : str
        Label of the model whose importances are shown; empty without one.
    """

    features: pl.DataFrame
    bins: pl.DataFrame
    by_quarter: pl.DataFrame
    by_quarter_and_bin: pl.DataFrame
    correlations: pl.DataFrame
    rows: int
    labelled: int
    bads: int
    sample: str
    model: str


def inspect(
    data: TrainingData,
    *,
    config: TrainConfig,
    model: Model | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Inspection:
    """Inspect the features of training data.

    Bins, information values and correlations are those of the training slice, as a training would
    see them; the later slices show in the quarters alone. Where the labels cover too little for
    slices, all rows are the development sample.

    Parameters
    ----------
    data : TrainingData
    config : TrainConfig
    model : Model, optional
        Whose importances of the features are told.
    workers : int
    progress : callable, optional
        Called with features done and features in all.

    Returns
    -------
    Inspection

    Raises
    ------
    ContractError
        If the model does not fit the features.
    """
    training, later, sample = _development(data, config)
    as_read = data.rows
    data = with_codes(with_peers(data, training), training)
    names, rows = data.names, data.rows
    X = data.numbers(rows, names)
    bad = rows["defaulted"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    inside = training.to_numpy()
    known = inside & ~np.isnan(bad)
    if 0 < np.nansum(bad[known]) < known.sum():
        labelled = data.sample(rows.filter(pl.Series(known)), names)
        found = bin_features(labelled, config.scorecard, workers=workers, progress=progress)
    else:
        known = np.zeros_like(known)
        found = equal_bins(names, X[inside])
    dated = rows["as_of"].is_not_null().all() and rows.height > 0
    of_quarter, of_bin = (
        by_quarter(found, X, quarters=_quarters(rows), bad=bad, reference=inside)
        if dated
        else (pl.DataFrame(schema=BY_QUARTER), pl.DataFrame(schema=BY_QUARTER_AND_BIN))
    )
    matrix = correlation(ranks(X[np.flatnonzero(inside)[:: _step(int(inside.sum()))]]))
    table = _features(data, X[inside], found, labelled=bool(known.any()))
    table = table.with_columns(
        vif=pl.Series(variance_inflation(matrix)), group=pl.Series(groups(matrix))
    )
    table = _with_worst_quarter(table, of_quarter)
    held_out = as_read.filter(later) if later.any() else as_read
    table = table.join(
        _importance(model, held_out), on="feature", how="left", maintain_order="left"
    )
    table = table.hstack(suggestions(table)).select(*FEATURES)
    return Inspection(
        features=table,
        bins=_bins(found, labelled=bool(known.any())),
        by_quarter=of_quarter,
        by_quarter_and_bin=of_bin,
        correlations=pairs(names, matrix),
        rows=rows.height,
        labelled=int(known.sum()),
        bads=int(bad[known].sum()),
        sample=sample,
        model="" if model is None else model.label,
    )


def _development(data: TrainingData, config: TrainConfig) -> tuple[pl.Series, pl.Series, str]:
    """Masks of the development sample and of what a model does not see of it, and what it is."""
    rows = data.rows
    everything = pl.Series(np.ones(rows.height, dtype=bool))
    nothing = ~everything
    if not rows["defaulted"].is_not_null().any():
        return everything, nothing, "all rows; nothing is labelled"
    try:
        parts = split(rows, config=config.split)
    except ContractError:
        return everything, nothing, "all rows; the labels cover too little for slices"
    slices = parts.rows["slice"]
    first = f"before {min(parts.starts.values())}" if parts.starts else "drawn by the ids"
    return (
        slices.eq(TRAIN).fill_null(value=False),
        slices.eq(OUT_OF_TIME).fill_null(value=False),
        f"the training slice, {first}",
    )


def _step(rows: int) -> int:
    """Every how many rows are taken so that at most `_MOST_ROWS` are."""
    return max(-(-rows // _MOST_ROWS), 1)


def _quarters(rows: pl.DataFrame) -> pl.Series:
    quarter = pl.format("{}Q{}", pl.col("as_of").dt.year(), pl.col("as_of").dt.quarter())
    return rows.select(quarter).to_series()


def _features(
    data: TrainingData, X: Array, found: Sequence[FeatureBins], *, labelled: bool
) -> pl.DataFrame:
    """One row for each feature, without stability, redundancy and importance."""
    rows = []
    for j, bins in enumerate(found):
        sign, (area, low, high) = data.signs[bins.name], bins.auc
        opposite = (sign > 0 and high < 0.5) or (sign < 0 and low > 0.5)  # noqa: PLR2004 - chance
        known = X[~np.isnan(X[:, j]), j]
        rows.append(
            {
                "feature": bins.name,
                "source": data.sources[bins.name],
                "theme": _KNOWN[bins.name].theme if bins.name in _KNOWN else None,
                "sign": sign,
                "missing_share": float(1 - len(known) / max(len(X), 1)),
                "distinct": len(np.unique(known)),
                "bins": len(bins.edges) + 1,
                "iv": float(bins.iv.sum()) if labelled else None,
                "chance_iv": bins.chance_iv if labelled else None,
                "separated_bads": bins.separated_bads if labelled else None,
                "trend": bins.trend if labelled else None,
                "auc": area,
                "auc_low": low,
                "auc_high": high,
                "against_sign": opposite if labelled else None,
            }
        )
    schema = {name: FEATURES[name] for name in rows[0]} if rows else {}
    return pl.DataFrame(rows, schema=schema).with_columns(pl.selectors.float().fill_nan(None))


def _with_worst_quarter(table: pl.DataFrame, of_quarter: pl.DataFrame) -> pl.DataFrame:
    worst = (
        of_quarter.sort("psi", descending=True, maintain_order=True)
        .unique("feature", keep="first", maintain_order=True)
        .select("feature", psi_max="psi", psi_quarter="quarter")
    )
    return table.join(worst, on="feature", how="left", maintain_order="left")


def _importance(model: Model | None, rows: pl.DataFrame) -> pl.DataFrame:
    """Importances for a model, whose own peers and codes of words count."""
    if model is None:
        return pl.DataFrame(schema=IMPORTANCE)
    if model.reference is not None and {"sector", "city"} <= set(rows.columns):
        place = rows.select("sector", "city", month=pl.col("as_of").dt.month())
        rows = apply_reference(rows, place, model.reference)
    bad = rows["defaulted"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return importance(model, model.matrix(rows), bad)


def _bins(found: Sequence[FeatureBins], *, labelled: bool) -> pl.DataFrame:
    """Every bin of every feature."""
    rows = []
    for bins in found:
        total = max(int(bins.rows.sum()), 1)
        bounds = [None, *bins.edges.tolist(), None]
        woe, iv = bins.woe, bins.iv
        for k, count in enumerate(bins.rows.tolist()):
            missing = k == len(bins.rows) - 1
            rows.append(
                {
                    "feature": bins.name,
                    "bin": k,
                    "from": None if missing else bounds[k],
                    "below": None if missing else bounds[k + 1],
                    "rows": count,
                    "share": count / total,
                    "bads": int(bins.bads[k]) if labelled else None,
                    "default_rate": bins.bads[k] / count if labelled and count else None,
                    "woe": woe[k] if labelled else None,
                    "iv": iv[k] if labelled else None,
                }
            )
    return pl.DataFrame(rows, schema=BINS).with_columns(pl.selectors.float().fill_nan(None))
