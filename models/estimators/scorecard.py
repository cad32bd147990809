"""The logistic scorecard: bins, weights of evidence, coefficients, points; scored with NumPy."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.arrays import Array
    from models.policy import ScoreScale


@dataclass(frozen=True, kw_only=True)
class Binned:
    """One feature of a scorecard.

    Attributes
    ----------
    name : str
    column : int
        Position of the feature in the model's matrix.
    edges : tuple of float
        Inner bin edges, ascending; bin k holds edges[k-1] <= x < edges[k].
    woe : tuple of float, one longer than `edges`
        Weight of evidence of each bin, ln(share of goods / share of bads).
    woe_missing : float
    woe_mean : float
        Mean weight of evidence over the rows the scorecard was fitted on.
    coefficient : float, <= 0
        Effect on the log-odds of default per unit of evidence.
    rows, bads : tuple of int, two longer than `edges`
        Labelled applicants of the training period in each bin, and defaults among them; the missing
        come last. Empty for a scorecard that was fitted before they were kept.
    """

    name: str
    column: int
    edges: tuple[float, ...]
    woe: tuple[float, ...]
    woe_missing: float
    woe_mean: float
    coefficient: float
    rows: tuple[int, ...] = ()
    bads: tuple[int, ...] = ()

    def evidence(self, X: Array) -> Array:
        """Weight of evidence of each row.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        x = X[:, self.column]
        woe = np.asarray(self.woe)[np.searchsorted(np.asarray(self.edges), x, side="right")]
        return np.where(np.isnan(x), self.woe_missing, woe)

    def labels(self) -> list[str]:
        """Each bin in words, the missing one last."""
        bounds = [-math.inf, *self.edges, math.inf]
        inside = [f"{a:.6g} <= x < {b:.6g}" for a, b in pairwise(bounds)]
        inside[0] = f"x < {bounds[1]:.6g}" if self.edges else "any value"
        if self.edges:
            inside[-1] = f"x >= {bounds[-2]:.6g}"
        return [*inside, "missing"]


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """Log-odds of default = intercept + sum over features of coefficient * weight of evidence."""

    intercept: float
    features: tuple[Binned, ...]
    width: int  # columns of the model's matrix, most of which a scorecard may leave unused

    kind = "scorecard"

    @cached_property
    def bias(self) -> float:
        """Log-odds at the mean evidence, which the contributions start from."""
        return self.intercept + sum(f.coefficient * f.woe_mean for f in self.features)

    @property
    def used(self) -> list[int]:
        """Columns that any feature reads; the margin does not depend on the others."""
        return [feature.column for feature in self.features]

    def margin(self, X: Array) -> Array:
        """Log-odds of default before calibration.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), NaN where missing

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        total = np.full(len(X), self.intercept)
        for f in self.features:
            total += f.coefficient * f.evidence(X)
        return total

    def contributions(self, X: Array) -> Array:
        """SHAP values of the margin: coefficient * (evidence - mean evidence).

        They are exact, because the margin is a sum of one-feature terms.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), NaN where missing

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        out = np.zeros((len(X), self.width))
        for f in self.features:
            out[:, f.column] = f.coefficient * (f.evidence(X) - f.woe_mean)
        return out

    def points(self, scale: ScoreScale) -> pl.DataFrame:
        """Points table of the scorecard, one row per bin.

        Start from the row `(start)`, add the points of the one bin of each feature that holds the
        applicant's value. The points are those of the scale before calibration.

        Parameters
        ----------
        scale : ScoreScale

        Returns
        -------
        DataFrame with columns feature, bin, from (>=), below (<), points
        """
        start = scale.offset - scale.factor * self.intercept
        rows: list[dict[str, Any]] = [
            {"feature": "(start)", "bin": "", "from": None, "below": None, "points": start}
        ]
        for f in self.features:
            bounds = [None, *f.edges, None]
            values = [*f.woe, f.woe_missing]
            rows += [
                {
                    "feature": f.name,
                    "bin": label,
                    "from": bounds[k] if k < len(f.woe) else None,
                    "below": bounds[k + 1] if k < len(f.woe) else None,
                    "points": -scale.factor * f.coefficient * value,
                }
                for k, (label, value) in enumerate(zip(f.labels(), values, strict=True))
            ]
        schema = {
            "feature": pl.String,
            "bin": pl.String,
            "from": pl.Float64,
            "below": pl.Float64,
            "points": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `scorecard.json`."""
        return {
            "intercept": self.intercept,
            "width": self.width,
            "features": [asdict(f) for f in self.features],
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Scorecard:
        """The scorecard that `to_json` described."""
        features = tuple(
            Binned(
                **{**f, **{key: tuple(f.get(key, ())) for key in ("edges", "woe", "rows", "bads")}}
            )
            for f in plain["features"]
        )
        card = cls(intercept=plain["intercept"], features=features, width=plain["width"])
        card.check()
        return card

    def check(self) -> None:
        """Raise ValueError unless every bin has finite evidence and every column is there."""
        if not math.isfinite(self.intercept):
            raise ValueError("scorecard: the intercept is no finite number")
        for f in self.features:
            values = (f.coefficient, f.woe_mean, f.woe_missing, *f.woe, *f.edges)
            if not all(math.isfinite(value) for value in values):
                raise ValueError(f"scorecard: {f.name} has a value that is no finite number")
            rising = all(a < b for a, b in pairwise(f.edges))
            if len(f.woe) != len(f.edges) + 1 or not rising:
                raise ValueError(f"scorecard: {f.name} has bins that do not follow each other")
            if {len(f.rows), len(f.bads)} - {0, len(f.woe) + 1}:
                raise ValueError(f"scorecard: {f.name} has other counts than bins")
            if not 0 <= f.column < self.width:
                raise ValueError(f"scorecard: {f.name} is column {f.column} of {self.width}")
