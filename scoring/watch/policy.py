"""Policy of early warning: actions, PD thresholds, and rules over features of open loans."""

from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from pydantic import Field, field_validator, model_validator

from features.arrays import Bools, Floats
from features.loan.catalogue import open_loan_feature_names
from features.settings import Settings, checked, read_toml
from models.policy import Condition

POLICY_FILE = Path(__file__).with_name("watch_policy.toml")

NOTHING, COLLECT = "none", "collect"
"""Actions that the policy must name: where nothing fires, and where the loan is in default."""


class LoanCondition(Condition):
    """One comparison of a feature of open loans with a number."""

    @field_validator("feature")
    @classmethod
    def _known(cls, feature: str) -> str:
        if feature not in open_loan_feature_names():
            raise ValueError(f"no feature is called {feature!r}; `firstloan catalogue` lists them")
        return feature


class Action(Settings):
    """What may be done about a loan, with its words."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    text: str
    text_zh: str


class Rule(Settings):
    """Rule of early warning: conditions that must all hold, and the action it asks for."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    false_alarms: float | None = Field(default=None, ge=0)  # a 1,000 loan-months, as measured
    report: str = ""
    action: str
    text: str
    text_zh: str
    all: tuple[LoanCondition, ...] = Field(min_length=1)

    def fires(self, features: pl.DataFrame) -> Bools:
        """Whether all conditions hold for each row, shape (n,); false where one is missing."""
        held = [c.holds(features[c.feature].to_numpy()) for c in self.all]
        return np.asarray(np.all(held, axis=0))


class PdThresholds(Settings):
    """Thresholds of the behaviour PD."""

    call_from: float = Field(gt=0, lt=1)
    freeze_from: float = Field(gt=0, lt=1)
    rise_from: float = Field(gt=0, lt=1)
    month_days: int = Field(gt=0, le=92)


class WatchPolicy(Settings):
    """Actions, thresholds and rules of early warning."""

    actions: tuple[Action, ...] = Field(min_length=1)
    pd: PdThresholds
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> Self:
        names = [action.name for action in self.actions]
        rules = [rule.name for rule in self.rules]
        if len({*names}) < len(names) or len({*rules}) < len(rules):
            raise ValueError("actions and rules need names of their own")
        needed = {NOTHING, "call", "freeze", COLLECT} - {*names}
        unknown = {rule.action for rule in self.rules} - {*names}
        if needed or unknown:
            raise ValueError(f"actions: {', '.join(sorted(needed | unknown))} not among {names}")
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
            read_toml(source, expected="a policy of early warning"),
            where=source,
            remedy="scoring/watch/watch_policy.toml shows every setting.",
        )

    def fired(self, features: pl.DataFrame) -> Bools:
        """Whether each rule fires for each row, shape (n, n_rules)."""
        if not self.rules:
            return np.zeros((features.height, 0), dtype=bool)
        return np.column_stack([rule.fires(features) for rule in self.rules])

    def actions_of(self, fired: Bools, pd: Floats, before: Floats, *, default: Bools) -> list[str]:
        """Action of each loan: the most severe that rules, PD or status ask for.

        Parameters
        ----------
        fired : ndarray of shape (n, n_rules)
        pd, before : ndarray of shape (n,)
            Behaviour PD now and a month before; NaN where there is none.
        default : ndarray of bool, shape (n,)
            Loans in default.
        """
        rank = {action.name: place for place, action in enumerate(self.actions)}
        severity = np.full(len(pd), rank[NOTHING])
        asked = [(rank[rule.action], fired[:, place]) for place, rule in enumerate(self.rules)]
        asked += [
            (rank["call"], pd >= self.pd.call_from),
            (rank["call"], pd - before >= self.pd.rise_from),
            (rank["freeze"], pd >= self.pd.freeze_from),
            (rank[COLLECT], default),
        ]
        for place, mask in asked:
            severity = np.where(mask, np.maximum(severity, place), severity)
        return [self.actions[place].name for place in severity]
