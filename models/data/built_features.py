"""Reader of built features without their data folder, perhaps with labels of the applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from features.contract.errors import ContractError
from features.engine.build import read_features
from features.table.catalogue import FEATURES, fingerprint
from models.data.feature_matrix import read_labels
from models.data.training_data import TrainingData, catalogue_exclusions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read_built_features(
    features: Path, labels: Path | None, *, exclude: Sequence[str] = ()
) -> TrainingData:
    """Read what `firstloan features` wrote, without its data folder.

    Features that compare with peers are as they stand in the file, since nothing tells the trade.

    Parameters
    ----------
    features : Path
    labels : Path, optional
        `id`, the application, and `defaulted`.
    exclude : sequence of str
        As of `read_training_data`.

    Raises
    ------
    ContractError
        When a file cannot be read, or no label belongs to an application.
    """
    left_out = catalogue_exclusions(exclude)
    matrix, known = read_features(features), read_labels(labels)
    outcome = known.select(application_id="id", defaulted="defaulted")
    rows = matrix.join(outcome, on="application_id", how="left", maintain_order="left")
    if labels is not None and not rows["defaulted"].is_not_null().any():
        raise ContractError(
            f"{labels}: none of its {known.height} ids is an application of {features}. Give the "
            "labels of these applications."
        )
    used = [feature for feature in FEATURES if feature.name not in left_out]
    nothing = pl.lit(None, dtype=pl.Boolean)
    return TrainingData(
        rows=rows.with_columns(approved=nothing, accepted=nothing).sort("as_of", "application_id"),
        names=tuple(feature.name for feature in used),
        signs={feature.name: feature.sign for feature in used},
        sources={feature.name: feature.source for feature in used},
        fingerprint=fingerprint(),
        trained_on="real",
        origin=str(features),
    )
