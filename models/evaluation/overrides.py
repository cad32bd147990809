"""Overrides: decisions of loan officers against those of the model, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from features.contract.cells import canonical_ids
from features.contract.errors import ContractError
from features.io.csv_reader import read_text
from models.evaluation.default_rates import default_rates

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = ("application_id", "decision", "reason", "by")
DECIDED = ("approve", "decline")

KINDS = {
    ("approve", "approve"): "agreed approval",
    ("decline", "decline"): "agreed decline",
    ("decline", "approve"): "low-side override",
    ("approve", "decline"): "high-side override",
    ("refer", "approve"): "approved on referral",
    ("refer", "decline"): "declined on referral",
}
"""What a decision of an officer is, after that of the model: a low-side override approves whom the
model declines, a high-side override declines whom it approves."""

OVERRIDES = ("low-side override", "high-side override")


@dataclass(frozen=True, eq=False)
class Overrides:
    """Officers' decisions beside the model's.

    Attributes
    ----------
    rate : float
        Overrides among the decisions on whom the model approves or declines; NaN without any.
    kinds : DataFrame
        `kind` and the columns of `models.evaluation.default_rates.RATES`. Who was declined has no
        outcome, unless a loan was made after all.
    by_reason, by_officer : DataFrame
        The same of overrides alone: `kind` and `reason`; `by`, `decisions` and `overrides`.
    unmatched : int
        Decisions on applications that are not in the scored file.
    """

    rate: float
    kinds: pl.DataFrame
    by_reason: pl.DataFrame
    by_officer: pl.DataFrame
    unmatched: int


def read_overrides(path: Path) -> pl.DataFrame:
    """Read officers' decisions: application_id, decision, reason, by.

    Raises
    ------
    ContractError
        If columns are missing, a decision is neither approve nor decline, or an application was
        decided twice.
    """
    text = read_text(path, expected=NEEDED)
    if text.rejects.height:
        first = text.rejects.row(0, named=True)
        raise ContractError(
            f"{path}: line {first['line']}: {first['problem']}; {text.rejects.height} such rows. "
            "Mend them."
        )
    table = text.frame
    absent = [name for name in NEEDED if name not in table.columns]
    if absent:
        raise ContractError(
            f"{path}: expected the columns {', '.join(NEEDED)}; missing: {', '.join(absent)}."
        )
    decisions = table["decision"].str.strip_chars().str.to_lowercase()
    wrong = table.filter(~decisions.is_in(DECIDED).fill_null(value=False))
    if wrong.height:
        raise ContractError(
            f"{path}: decision: expected {' or '.join(DECIDED)}, got {wrong['decision'][0]!r} and "
            f"the like in {wrong.height} rows, first application_id={wrong['application_id'][0]}."
        )
    table = table.select(
        canonical_ids(table["application_id"]),
        decisions.alias("decided"),
        pl.col("reason", "by").fill_null("not given"),
    )
    repeated = table.filter(table["application_id"].is_duplicated())
    if repeated.height:
        raise ContractError(
            f"{path}: expected one decision on each application, got several on "
            f"{repeated['application_id'].n_unique()}, first {repeated['application_id'][0]}. "
            "Leave the last one."
        )
    return table


def overrides(scored: pl.DataFrame, decided: pl.DataFrame) -> Overrides:
    """Compare officers' decisions with the model's.

    Parameters
    ----------
    scored : DataFrame
        application_id, decision, pd and defaulted (null where the outcome is not known).
    decided : DataFrame
        As `read_overrides` gives it.
    """
    met = scored.join(decided, on="application_id", how="inner")
    pairs = [f"{model}>{officer}" for model, officer in KINDS]
    met = met.with_columns(
        kind=pl.format("{}>{}", "decision", "decided").replace_strict(pairs, list(KINDS.values()))
    )
    over = met.filter(pl.col("kind").is_in(OVERRIDES))
    by_model = met.filter(pl.col("decision").is_in(DECIDED)).height
    return Overrides(
        rate=over.height / by_model if by_model else float("nan"),
        kinds=default_rates(met, ["kind"]),
        by_reason=default_rates(over, ["kind", "reason"]),
        by_officer=met.group_by("by")
        .agg(decisions=pl.len(), overrides=pl.col("kind").is_in(OVERRIDES).sum())
        .sort("by"),
        unmatched=decided.height - met.height,
    )
