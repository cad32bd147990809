"""The lender's policy: score scale, data sufficiency, cut-offs, grades and flags, from TOML.

A flag sends an applicant to a person (`refer`); it never declines.
"""

import math
from pathlib import Path
from typing import Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, field_validator, model_validator

from features.arrays import Bools, FloatArray, Floats, Int64s
from features.settings import Settings, checked, read_toml
from features.table.catalogue import feature_names
from features.table.feature import SOURCE_COLUMNS

POLICY_FILE = Path(__file__).with_name("policy.toml")
"""The policy where none is given."""

Decision = Literal["approve", "refer", "decline"]


class ScoreScale(Settings):
    """Points of a scorecard: a straight line from log-odds to points, cut at both ends."""

    anchor_points: float
    anchor_odds: float = Field(gt=0)
    double_odds: float = Field(gt=0)
    lowest: int
    highest: int

    @property
    def factor(self) -> float:
        """Points per unit of log-odds."""
        return self.double_odds / math.log(2)

    @property
    def offset(self) -> float:
        """Points at log-odds of 0."""
        return self.anchor_points - self.factor * math.log(self.anchor_odds)

    def points(self, pd: Floats) -> Floats:
        """Points of each probability of default, not rounded.

        Parameters
        ----------
        pd : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n,), between `lowest` and `highest`, higher is better
        """
        inside = np.clip(pd, 1e-12, 1 - 1e-12)
        points = self.offset + self.factor * np.log((1 - inside) / inside)
        return np.asarray(np.clip(points, self.lowest, self.highest))

    def score(self, pd: Floats) -> Floats:
        """Points rounded to whole numbers, as the scored CSV has them."""
        return np.rint(self.points(pd))

    def in_words(self) -> str:
        """The scale in words, such as "600 at good:bad odds of 50:1, 40 points double the odds"."""
        return (
            f"{self.anchor_points:g} at good:bad odds of {self.anchor_odds:g}:1, "
            f"{self.double_odds:g} points double the odds"
        )


class DataSufficiency(Settings):
    """Data sufficiency: coverage needed before a score is given."""

    window_days: int = Field(gt=0)
    known_days: int = Field(gt=0)

    def days_known(self, features: pl.DataFrame) -> Int64s:
        """Known days of each source within the window, shape (n, 4); 0 where it is not said."""
        shares = np.column_stack([features[name].to_numpy() for name in SOURCE_COLUMNS])
        days: Int64s = np.rint(np.nan_to_num(shares) * self.window_days).astype(np.int64)
        return days

    def met(self, features: pl.DataFrame) -> Bools:
        """Whether one source is known for long enough, shape (n,); true of foreign features."""
        if not set(SOURCE_COLUMNS) <= set(features.columns):
            return np.ones(features.height, dtype=bool)
        enough: Bools = np.any(self.days_known(features) >= self.known_days, axis=1)
        return enough


class Decisions(Settings):
    """Cut-offs on the probability of default."""

    approve_below: float = Field(gt=0, lt=1)
    decline_from: float = Field(gt=0, le=1)
    insufficient_data: Decision

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.approve_below > self.decline_from:
            raise ValueError("approve_below must not exceed decline_from")
        return self

    def in_words(self) -> tuple[str, str]:
        """The rule in English and in Chinese."""
        low, high = f"{100 * self.approve_below:g}", f"{100 * self.decline_from:g}"
        return (
            f"Approve below a PD of {low} %, decline from {high} %, else refer; a flag refers too.",
            f"违约概率低于{low}%通过，{high}%及以上拒绝，其间或有提示者人工复核。",
        )


class Grade(Settings):
    """A band of probabilities of default."""

    name: str = Field(min_length=1, max_length=8)
    pd_below: float = Field(gt=0)


class Condition(Settings):
    """One comparison of a feature with a number."""

    feature: str
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("give exactly one of above and below")
        return self

    @field_validator("feature")
    @classmethod
    def _known(cls, feature: str) -> str:
        if feature not in feature_names():
            raise ValueError(f"no feature is called {feature!r}; `firstloan catalogue` lists them")
        return feature

    def holds(self, values: FloatArray) -> Bools:
        """Compare values of the feature, shape (n,); false where one is missing (NaN)."""
        above = np.inf if self.above is None else self.above
        below = -np.inf if self.below is None else self.below
        mask: Bools = (values > above) | (values < below)
        return mask


class Flag(Settings):
    """Flag of contradicting sources: refers the applicant to a loan officer."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    text: str
    text_zh: str
    all: tuple[Condition, ...] = Field(min_length=1)

    def raised(self, features: pl.DataFrame) -> Bools:
        """Whether all conditions hold for each row of features, shape (n,)."""
        held = [c.holds(features[c.feature].to_numpy()) for c in self.all]
        return np.asarray(np.all(held, axis=0))


class Policy(Settings):
    """Policy of a lender: score scale, sufficiency, cut-offs, grades and flags."""

    score: ScoreScale
    sufficiency: DataSufficiency
    decision: Decisions
    grades: tuple[Grade, ...] = Field(min_length=1)
    flags: tuple[Flag, ...] = ()

    @model_validator(mode="after")
    def _bands(self) -> Self:
        bounds = [grade.pd_below for grade in self.grades]
        if sorted(set(bounds)) != bounds or bounds[-1] <= 1:
            raise ValueError("grades: pd_below must rise from grade to grade and end above 1")
        names = [grade.name for grade in self.grades] + [flag.name for flag in self.flags]
        if len(set(names)) != len(names):
            raise ValueError("grades and flags need names of their own")
        return self

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read a policy file; without one, the policy shipped beside this module.

        Raises
        ------
        ContractError
            If the file cannot be read or holds unknown, missing or contradictory settings.
        """
        source = path or POLICY_FILE
        return checked(
            cls,
            read_toml(source, expected="a policy"),
            where=source,
            remedy="models/policy.toml shows every setting.",
        )

    @property
    def grade_bounds(self) -> tuple[float, ...]:
        """PD bounds between grades, ascending."""
        return tuple(grade.pd_below for grade in self.grades[:-1])

    def grade(self, pd: Floats) -> list[str]:
        """Name the band of each probability of default, shape (n,); the last one takes NaN."""
        return [self.grades[i].name for i in np.searchsorted(self.grade_bounds, pd, side="right")]

    def flags_raised(self, features: pl.DataFrame) -> Bools:
        """Whether each flag is raised for each row, shape (n, n_flags); false of foreign features.

        Parameters
        ----------
        features : polars.DataFrame
            Feature rows; a flag whose features are not there is not raised.
        """
        raised = np.zeros((features.height, len(self.flags)), dtype=bool)
        for j, flag in enumerate(self.flags):
            if {condition.feature for condition in flag.all} <= set(features.columns):
                raised[:, j] = flag.raised(features)
        return raised

    def decide(self, pd: Floats, *, flagged: Bools, enough: Bools) -> list[Decision]:
        """Approve, refer or decline: the one decision function, of `score` and of every figure.

        Parameters
        ----------
        pd : ndarray of shape (n,)
        flagged : ndarray of shape (n,)
            Whether any flag of this policy is raised; it always means refer.
        enough : ndarray of shape (n,)
            Whether the data suffice for a score; if not, the policy's `insufficient_data` decides.
        """
        cut = self.decision
        return [
            cut.insufficient_data
            if not scored
            else "refer"
            if suspicious or cut.approve_below <= value < cut.decline_from
            else ("approve" if value < cut.approve_below else "decline")
            for value, suspicious, scored in zip(pd, flagged, enough, strict=True)
        ]

    def approved(self, features: pl.DataFrame, pd: Floats) -> Bools:
        """Whether each row of features would be approved at its PD, shape (n,)."""
        flagged: Bools = np.any(self.flags_raised(features), axis=1)
        decisions = self.decide(pd, flagged=flagged, enough=self.sufficiency.met(features))
        return np.array([decision == "approve" for decision in decisions], dtype=bool)
