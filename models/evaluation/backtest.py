"""Backtest of earlier scores against known outcomes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from features.contract.cells import canonical_ids
from features.contract.errors import ContractError
from features.io.csv_reader import read_text
from features.io.signal_reader import read_outcomes
from models.data.split import bad_of
from models.evaluation import validation
from models.evaluation.default_rates import default_rates
from models.evaluation.metrics import auc_difference
from models.evaluation.overrides import overrides, read_overrides
from models.evaluation.performance import figures
from models.evaluation.segments import by_segment
from models.policy import Policy
from models.tracking import mlflow_session
from models.tracking.registry import NAME

if TYPE_CHECKING:
    from pathlib import Path

    from features.arrays import Array
    from models.evaluation.metrics import Interval
    from models.evaluation.overrides import Overrides


NEEDED = ("application_id", "as_of", "status", "pd", "grade")
SCORED = "scored"
SEPARATOR = ";"  # between the flags of a row
STRAY = 0.01  # of the loans may have impossible dates, as in any table (docs/design.md, Bad rows)
EXPERIMENT = f"{NAME}-backtest"


@dataclass(frozen=True, eq=False)
class Backtest:
    """Measures and tests of scores given earlier.

    Attributes
    ----------
    counts : dict of str to int
        read, scored, observed (scored with a known outcome) and why the others are left out.
    figures : dict of str to float
        As `models.evaluation.performance.figures` names them, without prefix.
    grades : DataFrame
        Promised and realised default rate of each grade, with its tests
        (`models.evaluation.validation.grade_tests`).
    months : DataFrame
        By month of scoring.
    tests : dict
        Hosmer-Lemeshow and Spiegelhalter.
    shadow : ShadowOutcomes or None
        The same of a challenger, where one scored along.
    overrides : Overrides or None
        Officers' decisions against the model's, where they are given.
    run_id : str
        MLflow run that holds all of it.
    experiment : str
    store : str
    """

    counts: dict[str, int]
    figures: dict[str, float]
    grades: pl.DataFrame
    months: pl.DataFrame
    tests: dict[str, Any]
    shadow: ShadowOutcomes | None
    overrides: Overrides | None
    run_id: str
    experiment: str
    store: str


@dataclass(frozen=True, eq=False)
class ShadowOutcomes:
    """A challenger's scores against the outcomes, beside the champion's.

    Attributes
    ----------
    model : str
    figures : dict of str to float
        As of `Backtest`, of the rows that both scored.
    auc_gain : Interval
        AUC of the challenger less that of the champion on these rows, by paired DeLong.
    swaps : DataFrame
        Default rates by `decision` and `shadow_decision`
        (`models.evaluation.default_rates.RATES`), of all scored rows.
    """

    model: str
    figures: dict[str, float]
    auc_gain: Interval
    swaps: pl.DataFrame


def backtest(
    scored: Path,
    outcomes: Path,
    *,
    policy: Policy | None = None,
    overridden: Path | None = None,
) -> Backtest:
    """Backtest the PDs of a scored file against outcomes and log the result to MLflow.

    Only approved applicants have an outcome, so the figures speak of those alone.

    Parameters
    ----------
    scored : Path
        A CSV that `firstloan score` wrote.
    outcomes : Path
        The contract's outcomes.
    policy : Policy, optional
        Cut-off and grade bounds; the shipped policy when not given.
    overridden : Path, optional
        Officers' decisions: application_id, decision, reason, by.

    Returns
    -------
    Backtest

    Raises
    ------
    ContractError
        When columns are missing, an application was scored twice, no scored application has an
        outcome, all outcomes are alike, or they are those of other applications.
    """
    policy = policy or Policy.load()
    decided = None if overridden is None else read_overrides(overridden)
    given = _read_scored(scored)
    if decided is not None and "decision" not in given.columns:
        raise ContractError(f"{scored}: expected the column decision, to compare overrides with.")
    known = given.join(
        read_outcomes(outcomes).select("application_id", "approved", "defaulted", "disbursed_on"),
        on="application_id",
        how="left",
        maintain_order="left",
    )
    has_score = pl.col("status").eq(SCORED) & pl.col("pd").is_not_null()
    observed = known.filter(has_score & pl.col("defaulted").is_not_null())
    counts = _counts(known, has_score, observed.height)
    bads = int(observed["defaulted"].sum())
    if not 0 < bads < observed.height:
        raise ContractError(
            f"{outcomes}: of {counts['scored']} scored applications in {scored.name}, "
            f"{observed.height} have a known outcome and {bads} of these are bad; a backtest needs "
            "bads and goods. Give the outcomes of these applications, or wait for more."
        )
    early = observed.filter(pl.col("disbursed_on") < pl.col("as_of")).height
    if early > STRAY * observed.height:
        raise ContractError(
            f"{outcomes}: {early} of {observed.height} scored loans were disbursed before they "
            f"were applied for by {scored.name}: the outcomes belong to other data. Give those of "
            "the applications that were scored."
        )
    pd = observed["pd"].to_numpy()
    bad = bad_of(observed)
    accepted = _approved(observed, policy)
    measured = figures(pd, bad, prefix="", approved=accepted)
    grades = validation.grade_tests(pd, bad, policy.grade_bounds)
    tests = {
        "hosmer_lemeshow": validation.hosmer_lemeshow(pd, bad),
        "spiegelhalter": validation.spiegelhalter(pd, bad),
    }
    rows = observed.select("as_of", "defaulted", labelled=pl.lit(value=True))
    months = by_segment(rows, pd, approved=accepted).drop("mean_true_pd")
    shadow = _shadow(known.filter(has_score), policy)
    over = None if decided is None else overrides(known.filter(has_score), decided)
    tags = {"scored": str(scored), "outcomes": str(outcomes), "model": _models(given)}
    with mlflow_session.session() as mlflow:
        experiment = mlflow_session.open_experiment(mlflow, EXPERIMENT)
        with mlflow.start_run(experiment_id=experiment, run_name=f"backtest {scored.name}") as run:
            mlflow.set_tags(tags)
            mlflow.log_metrics(measured)
            mlflow.log_metrics({f"count_{key}": float(value) for key, value in counts.items()})
            mlflow.log_dict({**tests, "grades": grades.to_dicts()}, "validation/tests.json")
            mlflow.log_text(grades.write_csv(float_precision=6), "validation/grades.csv")
            mlflow.log_text(months.write_csv(float_precision=6), "validation/months.csv")
            if shadow is not None:
                mlflow.log_metrics({f"shadow_{key}": v for key, v in shadow.figures.items()})
                mlflow.log_metrics({"shadow_auc_gain": shadow.auc_gain.value})
                _log_table(mlflow, shadow.swaps, "swap_set")
            if over is not None:
                if not math.isnan(over.rate):
                    mlflow.log_metric("override_rate", over.rate)
                _log_table(mlflow, over.kinds, "overrides")
                _log_table(mlflow, over.by_reason, "override_reasons")
                _log_table(mlflow, over.by_officer, "override_officers")
    return Backtest(
        counts=counts,
        figures=measured,
        grades=grades,
        months=months,
        tests=tests,
        shadow=shadow,
        overrides=over,
        run_id=run.info.run_id,
        experiment=EXPERIMENT,
        store=mlflow_session.store(),
    )


def _log_table(mlflow: Any, table: pl.DataFrame, name: str) -> None:  # noqa: ANN401
    mlflow.log_text(table.write_csv(float_precision=6), f"validation/{name}.csv")


def _shadow(scored: pl.DataFrame, policy: Policy) -> ShadowOutcomes | None:
    """The challenger's figures on the rows that both scored; None where none scored along."""
    if not {"shadow_pd", "shadow_decision", "decision"} <= set(scored.columns):
        return None
    both = scored.with_columns(pl.col("shadow_pd").cast(pl.Float64, strict=False)).filter(
        pl.col("shadow_pd").is_between(0, 1, closed="none").fill_null(value=False)
    )
    observed = both.filter(pl.col("defaulted").is_not_null())
    bads = int(observed["defaulted"].sum())
    if not 0 < bads < observed.height:
        return None
    pd, bad = observed["shadow_pd"].to_numpy(), bad_of(observed)
    approved = _approved(observed.with_columns(pd="shadow_pd"), policy)
    return ShadowOutcomes(
        model=_models(scored, "shadow_model"),
        figures=figures(pd, bad, prefix="", approved=approved),
        auc_gain=auc_difference(pd, observed["pd"].to_numpy(), bad),
        swaps=default_rates(both, ["decision", "shadow_decision"]),
    )


def _approved(scored: pl.DataFrame, policy: Policy) -> Array:
    """Whether the policy approves each scored row, shape (n,); its flags as `score` wrote them."""
    ours = {flag.name for flag in policy.flags}
    raised = scored["flags"].fill_null("").to_list() if "flags" in scored.columns else []
    flagged = [bool(ours & set(each.split(SEPARATOR))) for each in raised] or [False] * len(scored)
    enough = np.ones(len(scored), dtype=bool)
    decisions = policy.decide(scored["pd"].to_numpy(), flagged=np.array(flagged), enough=enough)
    return np.array([decision == "approve" for decision in decisions], dtype=bool)


def _counts(known: pl.DataFrame, has_score: pl.Expr, observed: int) -> dict[str, int]:
    """Rows read, and why those without a known outcome are left out."""
    counts = {
        "read": known.height,
        "scored": known.filter(has_score).height,
        "not_scored": known.filter(~has_score).height,
        "observed": observed,
        "without_outcome_row": known.filter(has_score & pl.col("approved").is_null()).height,
        "refused": known.filter(has_score & pl.col("approved").eq(other=False)).height,
    }
    others = observed + counts["without_outcome_row"] + counts["refused"]
    return counts | {"not_yet_observed": counts["scored"] - others}


def _models(given: pl.DataFrame, column: str = "model") -> str:
    """Labels of the models that gave the scores."""
    return ", ".join(given[column].drop_nulls().unique().sort()) if column in given else ""


def _read_scored(path: Path) -> pl.DataFrame:
    text = read_text(path, expected=NEEDED)
    if text.rejects.height:
        first = text.rejects.row(0, named=True)
        raise ContractError(
            f"{path}: line {first['line']}: {first['problem']}; {text.rejects.height} such rows. "
            "Give a CSV as `firstloan score` wrote it."
        )
    table = text.frame
    absent = [name for name in NEEDED if name not in table.columns]
    if absent:
        raise ContractError(
            f"{path}: expected the columns of a scored file; missing: {', '.join(absent)}. Give a "
            "CSV that `firstloan score` wrote."
        )
    # as `score` read it: the apostrophe before a formula is none of the id
    table = table.with_columns(canonical_ids(table["application_id"]))
    repeated = table["application_id"].filter(table["application_id"].is_duplicated())
    repeated = repeated.unique(maintain_order=True)
    if len(repeated):
        raise ContractError(
            f"{path}: expected each application_id once, got {len(repeated)} twice, first "
            f"{repeated[0]}. A loan counts once: leave one score of each."
        )
    typed = table.with_columns(
        pl.col("pd").cast(pl.Float64, strict=False),
        pl.col("as_of").str.to_date(strict=False),
    )
    wrong = typed.filter(
        pl.col("status").eq(SCORED)
        & (~pl.col("pd").is_between(0, 1, closed="none").fill_null(value=False))
    )
    if wrong.height:
        first = wrong["application_id"][0]
        raise ContractError(
            f"{path}: pd: expected a number between 0 and 1 in every scored row, got none in "
            f"{wrong.height} rows, first application_id={first}. Score the file again."
        )
    return typed
