"""Source dropout: copies of training rows with sources masked, so that models learn thin records.

Every firm of the baseline world has a meter and a register entry. A model trained on it alone
has never seen a firm of which tax records are all there is, and takes the silence of the other
sources for good news. A copy keeps its label and loses some of its sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from features.contract.tables import SOURCES
from features.engine.mask_sources import mask_sources
from features.table.catalogue import feature_names

if TYPE_CHECKING:
    from models.settings import SourceDropoutConfig

_STREAM = 0x7417
"""Random stream of source dropout; nothing else of the training is drawn from it."""


def with_source_dropout(
    rows: pl.DataFrame, source_dropout: SourceDropoutConfig, *, seed: int
) -> pl.DataFrame:
    """Append copies of rows with sources masked.

    A copy keeps some of the covered sources, at least one; how many is drawn evenly, then which.

    Parameters
    ----------
    rows : DataFrame
        Rows of the material with all features, in order of time.
    source_dropout : SourceDropoutConfig
    seed : int

    Returns
    -------
    DataFrame
        The same rows in the same order, each followed by its copy if it has one. Without change
        where the columns are not those of the feature table, as in a matrix of one's own.
    """
    if not set(feature_names()) <= set(rows.columns):
        return rows
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, _STREAM])))
    numbered = rows.with_row_index("original")
    copied = numbered.filter(pl.Series(rng.random(rows.height) < source_dropout.share))
    covered = (
        copied.select(pl.col(f"coverage_{source}").fill_null(0.0) > 0 for source in SOURCES)
        .to_numpy()
        .astype(bool)
    )
    order = np.where(covered, rng.random(covered.shape), 2.0).argsort(axis=1).argsort(axis=1)
    keep = 1 + np.floor(rng.random(copied.height) * covered.sum(axis=1))
    lost = covered & (order >= keep[:, None])
    hidden = {source: lost[:, i] for i, source in enumerate(SOURCES)}
    hidden["register"] = rng.random(copied.height) < source_dropout.without_register
    changed = lost.any(axis=1) | hidden["register"]
    copies = mask_sources(copied, hidden).filter(pl.Series(changed))
    return pl.concat([numbered, copies]).sort("original", maintain_order=True).drop("original")
