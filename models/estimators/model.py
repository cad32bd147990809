"""A trained model as a folder of plain files: LightGBM text, JSON and Parquet; no code, no pickle.

checksums.json    SHA-256 of every other file, checked when the model is loaded
model.json        name, version, features, fingerprint, typical values, development bins
trees.txt         or scorecard.json, and for a person points.csv and points_to_pd.csv
calibration.json
policy.json       score scale, cut-offs, grades and flags
reference.parquet the frozen reference of the peer features, when the features need one
season.parquet    season of activity, of a model of open loans
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from features.contract.errors import ContractError
from features.io.storage import sha256_of
from features.loan.season import Season
from models.data.target import APPLICATION, TARGETS, Target
from models.estimators.calibration import Calibration
from models.estimators.lightgbm_trees import Trees
from models.estimators.scorecard import Scorecard
from models.estimators.tree_structure import check_trees
from models.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from features.arrays import Array

FORMAT = 3
CARD = "model.json"
CHECKSUMS = "checksums.json"
CALIBRATION_FILE = "calibration.json"
POLICY_FILE = "policy.json"
REFERENCE = "reference.parquet"
SEASON = "season.parquet"
_STEP = 5  # points from one row of points_to_pd.csv to the next
OWN = "own"  # what a model of a matrix of one's own was trained on
_SHORT = 8  # characters of the checksum that tell two folders apart
_FILES = {
    Scorecard.kind: ("scorecard.json", "points.csv", "points_to_pd.csv"),
    Trees.kind: ("trees.txt",),
}


class Estimator(Protocol):
    """Protocol of a fitted estimator: `Trees` or `Scorecard`."""

    kind: str

    @property
    def bias(self) -> float:
        """Base value of the SHAP contributions (log-odds)."""

    @property
    def used(self) -> list[int]:
        """Columns that the margin depends on."""

    def margin(self, X: Array) -> Array:
        """Log-odds of default, ndarray of shape (n_samples,)."""

    def contributions(self, X: Array) -> Array:
        """SHAP values of the margin, ndarray of shape (n_samples, n_features)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """Fitted model with calibration, policy and development statistics.

    Attributes
    ----------
    name : str
        Registered name, `first-time-borrower` for this product's own.
    version : str
        Registry version, or "unregistered".
    candidate : str
        Which row of the candidates' table it came from.
    feature_names : tuple of str
        Columns of the matrix, in order.
    fingerprint : str
        `features.table.catalogue.fingerprint()` of the features it was trained on; empty for a
        matrix of one's own.
    trained_on : {"simulated", "real", "own"}
        Kind of firms; "own" for a matrix of one's own.
    estimator : Trees or Scorecard
    calibration : Calibration
    typical : dict of str to float
        Median of each feature over the applicants of the training period; NaN if never present.
    development : dict
        `pd_edges`, `pd_share`: ten bins of PD over the calibration slice's applicants, for PSI;
        `features`: for each feature `edges` and `share` (the last share is of missing values);
        `reliability`: for each number of covered sources and PD bin of the calibration slice
        `sources`, `bin`, `applicants`, `rows` (those with an outcome), `bads` and `pd`, the PD by
        cross-fitting; `random_effects`: deviations of default rates beyond chance
        (`models.evaluation.rate_variation`).
    reference : DataFrame or None
        Frozen reference of the peer features, to be handed to
        `features.engine.build.build_features`.
    target : Target
        What it predicts, and by which feature table.
    season : Season or None
        Season of activity, of a model of open loans.
    policy : Policy
        Score scale, cut-offs, grades and flags that the training was given.
    columns : dict of str to str
        Features whose column in a matrix of one's own has another name.
    levels : dict of str to tuple of str
        Words of each category of a matrix of one's own, in the order of their codes.
    checksum : str
        SHA-256 of `checksums.json`; empty for a model that was not loaded from a folder.
    """

    name: str
    version: str
    candidate: str
    feature_names: tuple[str, ...]
    fingerprint: str
    trained_on: str
    estimator: Estimator
    calibration: Calibration
    typical: Mapping[str, float] = field(repr=False)
    development: Mapping[str, Any] = field(repr=False)
    reference: pl.DataFrame | None = field(default=None, repr=False)
    target: Target = APPLICATION
    season: Season | None = field(default=None, repr=False)
    policy: Policy = field(default_factory=Policy.load, repr=False)
    columns: Mapping[str, str] = field(default_factory=dict, repr=False)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    checksum: str = ""

    @property
    def label(self) -> str:
        """Name, version and origin, as the column `model` of a scored file has it.

        Without a registered version, the start of the checksum tells two folders apart.
        """
        own = f" {self.checksum[:_SHORT]}" if self.checksum else ""
        version = f" v{self.version}" if self.version.isdigit() else own
        firms = "own data" if self.trained_on == OWN else f"{self.trained_on} firms"
        return f"{self.name}{version} (trained on {firms})"

    def matrix(self, X: pl.DataFrame) -> Array:
        """The model's columns as numbers.

        Parameters
        ----------
        X : DataFrame holding at least `feature_names`

        Returns
        -------
        ndarray of shape (n_samples, n_features), NaN where missing

        Raises
        ------
        ContractError
            When features are missing.
        """
        X = self._coded(X)
        present = set(X.columns)
        absent = [name for name in self.feature_names if name not in present]
        if absent:
            raise ContractError(
                f"features: {len(absent)} of the {len(self.feature_names)} columns of model "
                f"{self.label} are missing, first {absent[0]!r}. Build them again with "
                "`firstloan features`, or use the model trained on these features."
            )
        wanted = X[list(self.feature_names)]
        # a missing value becomes NaN on the way
        values = wanted.to_numpy()
        if values.dtype.kind != "f":
            values = wanted.select(pl.all().cast(pl.Float64)).to_numpy()
        return values.astype(np.float64, order="C", copy=False)

    @property
    def optional(self) -> frozenset[str]:
        """Features that were missing somewhere in training, and may be absent."""
        bins = self.development.get("features", {})
        return frozenset(name for name, each in bins.items() if each["share"][-1] > 0)

    def unseen_words(self, X: pl.DataFrame) -> dict[str, list[str]]:
        """Words of categories that the training did not hold, by feature; they are missing."""
        given = self._renamed(X)
        words = {
            name: given[name].drop_nulls().unique(maintain_order=True).to_list()
            for name in self.levels
            if name in given.columns and given[name].dtype == pl.String
        }
        unseen = {
            name: [word for word in found if word not in self.levels[name]]
            for name, found in words.items()
        }
        return {name: found for name, found in unseen.items() if found}

    def _renamed(self, X: pl.DataFrame) -> pl.DataFrame:
        """Rows under the names of features, where their columns have others."""
        theirs = {
            column: name
            for name, column in self.columns.items()
            if column in X.columns and name not in X.columns
        }
        return X.rename(theirs) if theirs else X

    def _coded(self, X: pl.DataFrame) -> pl.DataFrame:
        """Rows with words of categories replaced by their codes."""
        if not self.levels and not self.columns:
            return X
        X = self._renamed(X)
        coded = [
            code_of(X[name], levels)
            for name, levels in self.levels.items()
            if name in X.columns and X[name].dtype in (pl.String, pl.Categorical)
        ]
        return X.with_columns(coded)

    def margin(self, X: pl.DataFrame) -> Array:
        """Log-odds of default before calibration, ndarray of shape (n_samples,)."""
        return self.estimator.margin(self.matrix(X))

    def pd(self, margin: Array) -> Array:
        """Calibrated probability of default within `target.months`, shape (n_samples,)."""
        return self.calibration.pd(margin)

    def contributions(self, X: pl.DataFrame) -> Array:
        """Exact SHAP values of the margin, ndarray of shape (n_samples, n_features).

        Without the bias: `margin = bias + contributions.sum(axis=1)`.
        """
        return self.estimator.contributions(self.matrix(X))

    @property
    def bias(self) -> float:
        """Base value of the SHAP contributions: mean margin of the reference (log-odds)."""
        return self.estimator.bias


def code_of(words: pl.Series, levels: Sequence[str]) -> pl.Series:
    """Code of each word, its place among the levels; null for any other.

    Parameters
    ----------
    words : polars.Series of String
    levels : sequence of str
    """
    codes = {word: float(code) for code, word in enumerate(levels)}
    return words.cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Float64)


def save(model: Model, folder: Path) -> None:
    """Write the model into `folder`, which is made if need be.

    Parameters
    ----------
    model : Model
    folder : Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    frozen = [
        name
        for name, part in ((REFERENCE, model.reference), (SEASON, model.season))
        if part is not None
    ]
    files = [CALIBRATION_FILE, POLICY_FILE, *_FILES[model.estimator.kind], *frozen]
    card = {
        "format": FORMAT,
        "files": files,
        "kind": model.estimator.kind,
        "name": model.name,
        "version": model.version,
        "candidate": model.candidate,
        "target": model.target.kind,
        "trained_on": model.trained_on,
        "fingerprint": model.fingerprint,
        "feature_names": list(model.feature_names),
        "columns": dict(model.columns),
        "levels": {name: list(words) for name, words in model.levels.items()},
        "typical": {k: None if np.isnan(v) else v for k, v in model.typical.items()},
        "development": dict(model.development),
    }
    _write(folder / CARD, card)
    _write(folder / CALIBRATION_FILE, model.calibration.to_json())
    _write(folder / POLICY_FILE, model.policy.model_dump(mode="json"))
    if isinstance(model.estimator, Scorecard):
        _write(folder / "scorecard.json", model.estimator.to_json())
        points = model.estimator.points(model.policy.score).with_columns(pl.col("points").round(2))
        points.write_csv(folder / "points.csv")
        _points_to_pd(points, model).write_csv(folder / "points_to_pd.csv")
    elif isinstance(model.estimator, Trees):
        (folder / "trees.txt").write_text(model.estimator.text, encoding="utf-8")
    if model.reference is not None:
        model.reference.write_parquet(folder / REFERENCE, compression="zstd")
    if model.season is not None:
        model.season.table.write_parquet(folder / SEASON, compression="zstd")
    _write(folder / CHECKSUMS, {name: sha256_of(folder / name) for name in (CARD, *files)})


def _points_to_pd(points: pl.DataFrame, model: Model) -> pl.DataFrame:
    """PD and score of each sum of points, after calibration: points, pd, score."""
    scale = model.policy.score
    reach = points.group_by("feature").agg(low=pl.col("points").min(), high=pl.col("points").max())
    low, high = reach.select(pl.col("low", "high").sum() / _STEP).row(0)
    total = _STEP * np.arange(np.floor(low), np.ceil(high) + 1)
    pd = model.calibration.pd((scale.offset - total) / scale.factor)
    score = scale.points(pd).round(1)
    return pl.DataFrame({"points": total, "pd": pd.round(5), "score": score})


def load(folder: Path) -> Model:
    """Read a model that `save` wrote, or the folder of an MLflow model that holds one.

    Neither MLflow nor pickle has a part in it.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Model

    Raises
    ------
    ContractError
        When the folder is none of ours, files are missing, or its format is newer than this code.
    """
    home = next((f for f in (folder, folder / "data" / "model") if (f / CARD).is_file()), None)
    if home is None:
        raise ContractError(
            f"{folder}: no model here ({CARD} is missing). Give the folder of a trained model, "
            "or a registry address such as models:/first-time-borrower@champion."
        )
    card = _read(home / CARD)
    if card.get("format") != FORMAT:
        raise ContractError(
            f"{home / CARD}: format {card.get('format')!r}, this version reads {FORMAT}. "
            "Train the model again, or install the version that wrote it."
        )
    lost = [name for name in card.get("files", ()) if not (home / name).is_file()]
    if lost:
        raise ContractError(
            f"{home}: the model is incomplete, missing: {', '.join(lost)}. "
            "Copy the whole folder again, or train again with `firstloan train`."
        )
    checksums = _checked(home, (CARD, *card.get("files", ())))
    try:
        return _assembled(card, home, checksums)
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise ContractError(
            f"{home}: not a model that this version can read ({type(error).__name__}: "
            f"{' '.join(str(error).split())}). Copy the folder again, or train again."
        ) from error


def _checked(home: Path, files: Sequence[str]) -> str:
    """SHA-256 of the checksums; ContractError if a file is not the one that was written."""
    written = _read(home / CHECKSUMS)
    changed = [name for name in files if written.get(name) != sha256_of(home / name)]
    if changed:
        raise ContractError(
            f"{home / changed[0]}: not the file that training wrote, its checksum differs. "
            "Copy the whole folder again, or train again with `firstloan train`."
        )
    return sha256_of(home / CHECKSUMS)


def _assembled(card: Mapping[str, Any], home: Path, checksum: str) -> Model:
    reference, season = home / REFERENCE, home / SEASON
    names = tuple(card["feature_names"])
    if len(set(names)) < len(names):
        raise ValueError("a feature stands twice among its columns")
    return Model(
        name=card["name"],
        version=card["version"],
        candidate=card["candidate"],
        feature_names=names,
        fingerprint=card["fingerprint"],
        trained_on=card["trained_on"],
        estimator=_estimator(card["kind"], home, features=len(names)),
        calibration=Calibration.from_json(_read(home / CALIBRATION_FILE)),
        typical={k: np.nan if v is None else float(v) for k, v in card["typical"].items()},
        development=card["development"],
        columns=card["columns"],
        levels={name: tuple(words) for name, words in card["levels"].items()},
        reference=pl.read_parquet(reference) if reference.is_file() else None,
        target=TARGETS[card.get("target", APPLICATION.kind)],
        season=Season(pl.read_parquet(season)) if season.is_file() else None,
        policy=Policy.model_validate(_read(home / POLICY_FILE)),
        checksum=checksum,
    )


def _estimator(kind: str, home: Path, *, features: int) -> Estimator:
    """Trees or Scorecard, by what `model.json` says; ValueError if it does not fit the columns."""
    if kind == Scorecard.kind:
        card = Scorecard.from_json(_read(home / "scorecard.json"))
        if card.width != features:
            raise ValueError(f"a scorecard of {card.width} columns for {features} features")
        return card
    if kind == Trees.kind:
        text = _text(home / "trees.txt")
        check_trees(text, features=features)
        return Trees(text)
    kinds = ", ".join(sorted((Scorecard.kind, Trees.kind)))
    raise ContractError(f"{home / CARD}: kind {kind!r} is unknown, expected one of {kinds}.")


def _write(path: Path, plain: Mapping[str, Any]) -> None:
    text = json.dumps(plain, ensure_ascii=False, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError(
            f"{path}: {error.strerror}. The model's folder is incomplete."
        ) from None


def _read(path: Path) -> Any:  # noqa: ANN401 (whatever the JSON holds)
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise ContractError(
            f"{path}: not readable as JSON ({error}). Copy the folder again, or train again."
        ) from None
