"""Training data: feature rows with outcomes, signs and sources of each column."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from features.contract.errors import ContractError
from features.engine.build import build_features, read_features
from features.io.loan_outcomes import outcomes_of
from features.io.signal_reader import Signals, read_applications
from features.io.storage import absolute
from features.table import peers
from features.table.catalogue import FEATURES, fingerprint
from models.data.exclusion import excluded
from models.data.split import bad_of
from models.data.target import APPLICATION, OPEN_LOAN
from models.estimators.model import code_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from features.arrays import Array
    from features.loan.season import Season
    from features.parallel.dask_cluster import Cluster
    from features.parallel.executor import Progress
    from models.data.target import Target

ATTRIBUTES = ("legal_form", "sector", "city", "area", "owner_age")
"""Of the firm, for figures by segment and for the cells of the peer features."""

FORBIDDEN = ("lender_type", "approved", "accepted", "defaulted", "channel")
"""Columns that describe the past's decisions; never features (docs/design.md, Training)."""


PRIOR_ROWS = 20  # of the mean default rate that each word of a category begins with


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled rows in order of time.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), NaN where missing
    bad : ndarray of shape (n_samples,), 1.0 for default
    names : tuple of str, the columns of X
    signs : tuple of int, expected effect of each column on default: -1, 0 or 1
    groups : ndarray of shape (n_samples,), or None
        Number of each row's firm, where rows of one firm must stay on one side of a split.
    """

    X: Array
    bad: Array
    names: tuple[str, ...]
    signs: tuple[int, ...]
    groups: Array | None = None

    def usable(self) -> list[int]:
        """Columns with at least two different values; constant ones carry no information."""
        return [
            j
            for j in range(self.X.shape[1])
            if np.unique(self.X[~np.isnan(self.X[:, j]), j]).size > 1
        ]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Applications with features and outcomes, in order of time.

    Attributes
    ----------
    rows : DataFrame
        application_id, firm_id, as_of, approved, accepted, defaulted, first_time, lender_type, the
        firm's attributes, and all features.
    names : tuple of str
        Features, in the catalogue's order.
    signs : dict of str to int
    sources : dict of str to str
    fingerprint : str
    trained_on : {"simulated", "real", "own"}
        Kind of firms; "own" for a matrix of one's own.
    origin : str
        Where the data come from, for the run's data set.
    reference : DataFrame or None
        Frozen reference of the peer features, once the training side is known.
    labels_without_features : int
        Labels that no row of features belongs to.
    columns : dict of str to str
        Features whose column in the file has another name.
    levels : dict of str to tuple of str
        Words of each category, in the order of their codes, once the training side is known.
    target : Target
    season : Season or None
        Season of activity, of a target that compares with it.
    """

    rows: pl.DataFrame
    names: tuple[str, ...]
    signs: dict[str, int]
    sources: dict[str, str]
    fingerprint: str
    trained_on: str
    origin: str
    reference: pl.DataFrame | None = None
    labels_without_features: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    target: Target = APPLICATION
    season: Season | None = None

    def numbers(self, rows: pl.DataFrame, names: Sequence[str]) -> Array:
        """Features as ndarray of shape (n_samples, n_features), NaN where missing."""
        wanted = rows.select(pl.col(name).cast(pl.Float64) for name in names)
        return wanted.fill_null(np.nan).to_numpy()

    def sample(self, rows: pl.DataFrame, names: Sequence[str]) -> Sample:
        """Labelled rows as numbers."""
        return Sample(
            X=self.numbers(rows, names),
            bad=bad_of(rows),
            names=tuple(names),
            signs=tuple(self.signs[name] for name in names),
            groups=_groups(rows) if self.target == OPEN_LOAN else None,
        )


def _groups(rows: pl.DataFrame) -> Array:
    """Number of each row's firm, in the order of ids."""
    return (rows["firm_id"].rank("dense") - 1).cast(pl.Int64).to_numpy()


def with_peers(training_data: TrainingData, training: pl.Series) -> TrainingData:
    """Compute the peer reference on the training side and fill the peer features.

    Parameters
    ----------
    training_data : TrainingData
    training : Series of bool
        Which of the material's rows are on the training side.

    Returns
    -------
    Material
        The same one where the features know no peers, as in a matrix of one's own.
    """
    if not {*peers.COMPARED, "sector", "city"} <= set(training_data.rows.columns):
        return training_data
    place = training_data.rows.select("sector", "city", month=pl.col("as_of").dt.month())
    reference = peers.build_reference(training_data.rows.filter(training), place.filter(training))
    return replace(
        training_data,
        rows=peers.apply_reference(training_data.rows, place, reference),
        reference=reference,
    )


def with_codes(training_data: TrainingData, training: pl.Series) -> TrainingData:
    """Code each category by the order of its default rates on the training side.

    Rates are drawn towards the mean by `PRIOR_ROWS` rows, so that a rare word does not stand at an
    end by chance. A word that the training side does not hold is missing.

    Parameters
    ----------
    training_data : TrainingData
    training : Series of bool
        Which of its rows are on the training side.

    Returns
    -------
    TrainingData
        The same one where there are no categories.
    """
    rows = training_data.rows
    words = [name for name in training_data.names if rows[name].dtype == pl.String]
    if not words:
        return training_data
    known = rows.filter(training & rows["defaulted"].is_not_null())
    mean = known["defaulted"].mean()
    rate = (pl.col("defaulted").sum() + PRIOR_ROWS * pl.lit(mean)) / (pl.len() + PRIOR_ROWS)
    levels = {
        name: tuple(
            known.filter(pl.col(name).is_not_null())
            .group_by(name)
            .agg(rate=rate)
            .sort("rate", name)[name]
        )
        for name in words
    }
    coded = [code_of(rows[name], levels[name]) for name in words]
    return replace(training_data, rows=rows.with_columns(coded), levels=levels)


def read_training_data(
    data: Path,
    features: Path | None,
    *,
    exclude: Sequence[str] = (),
    workers: int = 1,
    cluster: Cluster | None = None,
    progress: Progress | None = None,
) -> TrainingData:
    """Read a data folder, and its feature matrix or the signals to build one from.

    Parameters
    ----------
    data : Path
        A data folder.
    features : Path, optional
        What `firstloan features` wrote for it; built from the signals when not given.
    exclude : sequence of str
        Features to leave out: names, patterns, `theme:<name>` or `source:<name>`.
    workers : int
    cluster : Cluster, optional
        Builds the matrix instead.
    progress : callable, optional

    Returns
    -------
    Material

    Raises
    ------
    ContractError
        When tables or features are missing or do not belong together.
    """
    left_out = catalogue_exclusions(exclude)
    applications = read_applications(data / "applications.csv")
    signals = Signals.open(absolute(data))
    outcomes = outcomes_of(data, signals, applications)
    if features is None:
        matrix = build_features(
            signals, applications, workers=workers, progress=progress, cluster=cluster
        )
    else:
        matrix = read_features(features)
    used = [feature for feature in FEATURES if feature.name not in left_out]
    return TrainingData(
        rows=_join(matrix, applications, outcomes, signals, origin=str(features or data)),
        names=tuple(feature.name for feature in used),
        signs={feature.name: feature.sign for feature in used},
        sources={feature.name: feature.source for feature in used},
        fingerprint=fingerprint(),
        trained_on=trained_on(data),
        origin=str(features or data),
    )


def catalogue_exclusions(entries: Sequence[str]) -> frozenset[str]:
    """Features of the catalogue that some entries leave out; ContractError if one is misspelt."""
    return excluded(
        entries,
        [feature.name for feature in FEATURES],
        themes={feature.name: feature.theme for feature in FEATURES},
        sources={feature.name: feature.source for feature in FEATURES},
    )


def _join(
    matrix: pl.DataFrame,
    applications: pl.DataFrame,
    outcomes: pl.DataFrame,
    signals: Signals,
    *,
    origin: str,
) -> pl.DataFrame:
    """Features, outcomes and attributes on one row, in order of time."""
    forbidden = [name for name in FORBIDDEN if name in matrix.columns]
    if forbidden:
        raise ContractError(
            f"{origin}: {', '.join(forbidden)} among the features: past decisions are no features."
        )
    known = matrix["application_id"].is_in(outcomes["application_id"].implode()).sum()
    if not known:
        raise ContractError(
            f"outcomes.csv: none of its {outcomes.height} applications is among the "
            f"{matrix.height} of {origin}. They belong to different data folders."
        )
    firms = pl.concat([signals.read("firms", bucket=bucket) for bucket in signals.buckets])
    attributes = firms.unique("firm_id", keep="first").select("firm_id", *ATTRIBUTES)
    requests = applications.select("application_id", "first_time", "lender_type")
    results = outcomes.select("application_id", "approved", "accepted", "defaulted")
    joined = matrix
    for other, key in (
        (results, "application_id"),
        (requests, "application_id"),
        (attributes, "firm_id"),
    ):
        joined = joined.join(other, on=key, how="left", maintain_order="left")
    return joined.sort("as_of", "application_id")


def trained_on(data: Path) -> str:
    """Whether the data folder was simulated, as its manifest says."""
    try:
        manifest: dict[str, Any] = json.loads((data / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "real"
    return "simulated" if manifest.get("made_by") == "simulate" else "real"
