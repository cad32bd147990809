"""Scorer: features, PD, decision and reasons of applicants whose signals are in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from features.arrays import Bools, Floats, Int64s
from features.contract.tables import SOURCES
from features.engine.build import build_features
from features.io.signal_reader import Signals
from features.table.feature import HISTORY_COLUMNS
from models.estimators.model import Model
from models.explanation.reasons import top_reasons
from models.policy import Decision, Policy
from scoring.offers.columns import Columns, no_offers, offer_columns
from scoring.offers.offer import make_offers, readable
from scoring.offers.policy import OfferPolicy
from scoring.pd_interval import pd_interval
from scoring.run.output import REASONS, SCHEMA, SEPARATOR
from scoring.shap_values.explainer import ShapExplainer
from scoring.text.reason_text import reason_texts, thin_texts


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores applicants whose signals are in memory.

    Attributes
    ----------
    model : Model
    label : str
        Goes into the column `model`.
    policy : Policy
    contributions : ShapExplainer
    offers : OfferPolicy or None
        By which approved applicants get an offer; None where none are made.
    """

    model: Model
    label: str
    policy: Policy
    contributions: ShapExplainer
    offers: OfferPolicy | None = None

    def __post_init__(self) -> None:
        if self.offers is not None:
            self.offers.check_grades(tuple(grade.name for grade in self.policy.grades))

    def score(
        self,
        applications: pl.DataFrame,
        signals: Signals,
        *,
        notes: Mapping[str, str] | None = None,
    ) -> pl.DataFrame:
        """Build the features of some applicants and score them.

        Parameters
        ----------
        applications : polars.DataFrame
            Rows of the contract's table `applications`.
        signals : Signals
            Tables of those applicants' firms.
        notes : mapping of application_id to str, optional
            Flags found before, such as `unknown_purpose`.

        Returns
        -------
        polars.DataFrame
            Schema `scoring.run.output.SCHEMA`, in the order of `applications`.
        """
        features = self.features(applications, signals)
        return self.score_features(features, applications=applications, notes=notes)

    def peers_like(self, other: "Scorer") -> bool:
        """Whether both models compare an applicant with the same peers."""
        ours, theirs = self.model.reference, other.model.reference
        if ours is None or theirs is None:
            return ours is theirs
        return ours.equals(theirs)

    def features(self, applications: pl.DataFrame, signals: Signals) -> pl.DataFrame:
        """Build the features of some applicants, with the peers that the model froze."""
        return build_features(signals, applications, reference=self.model.reference)

    def score_features(
        self,
        features: pl.DataFrame,
        *,
        applications: pl.DataFrame | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> pl.DataFrame:
        """Score feature rows.

        Parameters
        ----------
        features : polars.DataFrame
            As `features.engine.build.build_features` returns them.
        applications : polars.DataFrame, optional
            The applications they belong to, in their order; without them no offers are made.
        notes : mapping of application_id to str, optional

        Returns
        -------
        polars.DataFrame, schema `scoring.run.output.SCHEMA`
        """
        if self.offers is not None:
            features = readable(features, self.offers)
        needed = self.policy.sufficiency
        known = needed.days_known(features)
        enough: Bools = np.any(known >= needed.known_days, axis=1)
        matrix = self.model.matrix(features)
        margin = self.model.estimator.margin(matrix)
        pd = np.where(enough, self.model.pd(margin), np.nan)
        covered = (known > 0).sum(axis=1)
        low, high = pd_interval(pd, covered, self.model.development)
        raised, suspicious = self._flags(features, notes or {})
        decisions = self.policy.decide(pd, flagged=suspicious, enough=enough)
        grades = self.policy.grade(pd)
        offered = self._offers(features, applications, pd, decisions)
        without = [
            why is not None and plan is None
            for why, plan in zip(offered["limit_reason"], offered["plan"], strict=True)
        ]
        for row in map(int, np.flatnonzero(without)):
            decisions[row] = "refer"
        texts = self.reason_columns(features, matrix, margin, known, enough)
        share = np.minimum(known / needed.window_days, 1.0)
        missing = [
            SEPARATOR.join(s for s, days in zip(SOURCES, row, strict=True) if days == 0)
            for row in known
        ]
        columns = {
            "application_id": features["application_id"],
            "firm_id": features["firm_id"],
            "as_of": features["as_of"],
            "status": ["scored" if yes else "insufficient_data" for yes in enough],
            "score": self.policy.score.score(pd),
            "pd": pd,
            "grade": [g if yes else None for g, yes in zip(grades, enough, strict=True)],
            "decision": decisions,
            **texts,
            **{f"coverage_{s}": share[:, j] for j, s in enumerate(SOURCES)},
            "pd_low": low,
            "pd_high": high,
            "flags": [text or None for text in raised],
            "missing_sources": [text or None for text in missing],
            "model": [self.label] * features.height,
            **offered,
        }
        return pl.DataFrame([_series(name, columns[name], dtype) for name, dtype in SCHEMA.items()])

    def _offers(
        self,
        features: pl.DataFrame,
        applications: pl.DataFrame | None,
        pd: Floats,
        decisions: Sequence[Decision],
    ) -> Columns:
        """Offers to the approved by column, and why an approved applicant gets none."""
        height = features.height
        approved = np.flatnonzero([decision == "approve" for decision in decisions])
        if self.offers is None or applications is None or not len(approved):
            return no_offers(height)
        if len(approved) < features.height:
            rows = approved.tolist()
            features, applications, pd = features[rows], applications[rows], pd[approved]
        made = make_offers(
            features,
            applications,
            pd,
            policy=self.offers,
            scoring=self.policy,
        )
        return offer_columns(made, self.offers, approved, height)

    def _flags(self, features: pl.DataFrame, notes: Mapping[str, str]) -> tuple[list[str], Bools]:
        """Flags of each row as one text, and whether one of them asks for a person."""
        noted = [notes.get(application) for application in features["application_id"]]
        names = [flag.name for flag in self.policy.flags]
        marks = self.policy.flags_raised(features)
        suspicious: Bools = np.any(marks, axis=1)
        texts = ["" if note is None else note for note in noted]
        for row in map(int, np.flatnonzero(suspicious)):
            raised = [name for name, mark in zip(names, marks[row], strict=True) if mark]
            texts[row] = SEPARATOR.join([*raised, *filter(None, [noted[row]])])
        return texts, suspicious

    def reason_columns(
        self,
        features: pl.DataFrame,
        matrix: Floats,
        margin: Floats,
        known: Int64s,
        enough: Bools,
    ) -> dict[str, list[str | None]]:
        """Reason codes and texts, by column, each of length n."""
        rows = np.flatnonzero(enough)
        scored = features if len(rows) == features.height else features[rows.tolist()]
        values = matrix[rows]
        reasons = top_reasons(
            self.contributions.of(values),
            scored,
            self.model,
            k=REASONS,
            margin=margin[rows],
            values=values,
        )
        columns = np.full((3, REASONS, features.height), None, dtype=object)
        only = _only_source(scored)
        texts = [
            reason_texts(*reason, only=only[row])
            for row, *reason in reasons["row", "theme", "feature", "value", "typical"].iter_rows()
        ]
        rank, row = reasons["rank"].to_numpy() - 1, rows[reasons["row"].to_numpy()]
        columns[0, rank, row] = reasons["theme"].to_list()
        columns[1, rank, row] = [english for english, _ in texts]
        columns[2, rank, row] = [chinese for _, chinese in texts]
        for thin in map(int, np.flatnonzero(~enough)):
            for place, j in enumerate(np.argsort(known[thin], kind="stable")):
                source, days = SOURCES[j], int(known[thin, j])
                code = f"thin_{source}" if days else f"no_{source}"
                columns[:, place, thin] = code, *thin_texts(source, days, self.policy.sufficiency)
        return {
            f"reason_{k}{ending}": columns[part, k - 1].tolist()
            for part, ending in enumerate(("", "_text", "_zh"))
            for k in range(1, REASONS + 1)
        }


def _only_source(features: pl.DataFrame) -> list[str | None]:
    """The source of each row that has but one."""
    known = np.column_stack([features[s].to_numpy() for s in HISTORY_COLUMNS]) > 0
    only = known.argmax(axis=1).tolist()
    return [
        SOURCES[j] if single else None
        for j, single in zip(only, (known.sum(axis=1) == 1).tolist(), strict=True)
    ]


def _series(name: str, values: Any, dtype: Any) -> pl.Series:  # noqa: ANN401 - Polars' own are Any
    """A column of the output; NaN is empty."""
    if isinstance(values, list):
        return pl.Series(name, values, dtype=dtype)
    series = pl.Series(name, values, nan_to_null=True)
    return series if series.dtype == dtype else series.cast(dtype)
