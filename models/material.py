"""What a training starts from: feature rows beside outcomes, and what is known of each column."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from features.catalogue import FEATURES, fingerprint
from features.folder import Signals, read_applications, read_outcomes
from features.tables import ContractError
from models.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from models.artefact import Matrix

IDS = ("application_id", "firm_id", "as_of")
FORBIDDEN = ("lender_type", "approved", "defaulted", "channel")
"""Columns that describe the past's decisions; never features (design.md section 5)."""


@dataclass(frozen=True, eq=False)
class Material:
    """Applications with features and outcomes, in order of time.

    Attributes
    ----------
    rows : DataFrame
        application_id, firm_id, as_of, approved, defaulted, first_time and all features.
    names : tuple of str
        Features, in the catalogue's order.
    signs : dict of str to int
    sources : dict of str to str
    fingerprint : str
    trained_on : {"simulated", "real"}
    reference : DataFrame or None
        Frozen reference of the peer features.
    origin : str
        Where the data come from, for the run's data set.
    """

    rows: pl.DataFrame
    names: tuple[str, ...]
    signs: dict[str, int]
    sources: dict[str, str]
    fingerprint: str
    trained_on: str
    reference: pl.DataFrame | None
    origin: str

    def numbers(self, rows: pl.DataFrame, names: Sequence[str]) -> Matrix:
        """Features as ndarray of shape (n_samples, n_features), NaN where missing."""
        wanted = rows.select(pl.col(name).cast(pl.Float64) for name in names)
        return wanted.fill_null(np.nan).to_numpy()

    def sample(self, rows: pl.DataFrame, names: Sequence[str]) -> Sample:
        """Labelled rows of this material as numbers."""
        return Sample(
            X=self.numbers(rows, names),
            bad=rows["defaulted"].cast(pl.Float64).to_numpy(),
            names=tuple(names),
            signs=tuple(self.signs[name] for name in names),
        )


def read_material(
    data: Path,
    features: Path | None,
    *,
    exclude: Sequence[str] = (),
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Material:
    """Read a data folder, and its feature matrix or the signals to build one from.

    Parameters
    ----------
    data : Path
        A data folder.
    features : Path, optional
        What `firstloan features` wrote for it; built from the signals when not given.
    exclude : sequence of str
        Features to leave out.
    workers : int
    progress : callable, optional

    Returns
    -------
    Material

    Raises
    ------
    ContractError
        When tables or features are missing or do not belong together.
    """
    applications = read_applications(data / "applications.csv")
    outcomes = read_outcomes(data / "outcomes.csv")
    if features is None:
        matrix = _build(data, applications, workers=workers, progress=progress)
    else:
        matrix = _read_matrix(features)
    unknown = [name for name in exclude if name not in {f.name for f in FEATURES}]
    if unknown:
        raise ContractError(
            f"settings.exclude: {', '.join(unknown)} in no row of the feature table. "
            "`firstloan catalogue` lists the names."
        )
    used = [f for f in FEATURES if f.name not in exclude]
    absent = [f.name for f in used if f.name not in matrix.columns]
    if absent:
        raise ContractError(
            f"{features}: {len(absent)} features of the feature table are missing, first "
            f"{absent[0]!r}. The file was built with another table: build it again with "
            "`firstloan features`."
        )
    rows = _join(matrix, applications, outcomes, origin=str(features or data))
    return Material(
        rows=rows,
        names=tuple(f.name for f in used),
        signs={f.name: f.sign for f in used},
        sources={f.name: f.source for f in used},
        fingerprint=fingerprint(),
        trained_on=_trained_on(data),
        reference=None,
        origin=str(features or data),
    )


def _build(
    data: Path,
    applications: pl.DataFrame,
    *,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> pl.DataFrame:
    from features.build import build_features  # noqa: PLC0415 (only where there is no matrix yet)

    signals = Signals.open(data / "signals")
    return build_features(signals, applications, workers=workers, progress=progress)


def _read_matrix(path: Path) -> pl.DataFrame:
    """A feature file, its ids checked."""
    if not path.is_file():
        raise ContractError(f"{path}: no such file. Write it with `firstloan features`.")
    try:
        matrix = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ContractError(f"{path}: not readable as Parquet: {reason}.") from None
    absent = [name for name in IDS if name not in matrix.columns]
    if absent:
        raise ContractError(
            f"{path}: column {', '.join(absent)} is missing. Write the file with "
            "`firstloan features`."
        )
    return matrix


def _join(
    matrix: pl.DataFrame, applications: pl.DataFrame, outcomes: pl.DataFrame, *, origin: str
) -> pl.DataFrame:
    """Features, outcomes and attributes on one row, in order of time."""
    forbidden = [name for name in FORBIDDEN if name in matrix.columns]
    if forbidden:
        raise ContractError(
            f"{origin}: {', '.join(forbidden)} among the features: past decisions are no features."
        )
    results = outcomes.select("application_id", "approved", "defaulted")
    known = matrix["application_id"].is_in(results["application_id"].implode()).sum()
    if not known:
        raise ContractError(
            f"outcomes.csv: none of its {results.height} applications is among the {matrix.height} "
            f"of {origin}. They belong to different data folders."
        )
    attributes = applications.select("application_id", "first_time")
    return (
        matrix.join(results, on="application_id", how="left", maintain_order="left")
        .join(attributes, on="application_id", how="left", maintain_order="left")
        .sort("as_of", "application_id")
    )


def _trained_on(data: Path) -> str:
    """Whether the data folder was simulated, as its manifest says."""
    try:
        manifest: dict[str, Any] = json.loads((data / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = {}
    simulated = manifest.get("command") == "simulate" or (data / "truth").is_dir()
    return "simulated" if simulated else "real"
