"""Out-of-time evaluation of a candidate: figures, segments, months, grades, validation tests.

The out-of-time slice is read once, after every choice is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models import oracle
from models.data.split import CALIBRATION, OUT_OF_TIME, bad_of, within
from models.evaluation import metrics, validation
from models.evaluation.metrics import firms_of
from models.evaluation.performance import figures
from models.evaluation.segments import by_segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from features.arrays import Array
    from models.estimators.fitted import Fitted
    from models.evaluation.gates import GateResult
    from models.policy import Policy

DIFFERENCE = {
    "other": pl.String,
    "applicants": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
MOVED = 30  # features with the largest CSI that are kept
LARGEST = 5  # of them in the validation tests


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything measured of one candidate.

    Attributes
    ----------
    figures : dict of str to float
        All metrics of its run: calibration slice, gates, out of time.
    tables : dict of str to DataFrame
        segments, months, grades, feature_stability, auc_against_others, and the migration of
        grades from the first candidate.
    tests : dict
        Validation tests.
    """

    figures: Mapping[str, float] = field(repr=False)
    tables: Mapping[str, pl.DataFrame] = field(repr=False)
    tests: Mapping[str, Any] = field(repr=False)


def evaluate(
    fitted: Fitted,
    candidates: Sequence[Fitted],
    rows: pl.DataFrame,
    *,
    policy: Policy,
    gates: GateResult,
    true: Array | None = None,
) -> Evaluation:
    """Evaluate a candidate on the out-of-time slice, beside the other candidates.

    Parameters
    ----------
    fitted : Fitted
    candidates : sequence of Fitted
        All candidates, `fitted` among them.
    rows : DataFrame
        The training data's rows with `slice` and `labelled`.
    policy : Policy
        Cut-off and grades.
    gates : GateResult
    true : ndarray, optional
        True PD of the rows of the out-of-time slice, in their order; NaN where unknown.

    Returns
    -------
    Evaluation
    """
    late = within(rows, OUT_OF_TIME)
    pd = fitted.model.pd(fitted.model.margin(late))
    accepted = policy.approved(late, pd)
    labelled = late["labelled"].to_numpy()
    grades = validation.grade_tests(
        pd[labelled], bad_of(late.filter("labelled")), policy.grade_bounds
    )
    months = _months(fitted, rows, policy)
    moved = validation.characteristic_stability(fitted.model, late).head(MOVED)
    measured = {
        **fitted.figures,
        **gates.figures,
        **_figures(fitted, late, pd, accepted=accepted),
        **validation.gini_stability(months["gini"].drop_nulls().to_list()),
    }
    if true is not None:
        approved = late["approved"].fill_null(value=False).to_numpy()
        measured |= oracle.truth_figures(pd, true, approved=approved)
    tests = {
        "hosmer_lemeshow": validation.hosmer_lemeshow(
            pd[labelled], bad_of(late.filter("labelled"))
        ),
        "spiegelhalter": validation.spiegelhalter(pd[labelled], bad_of(late.filter("labelled"))),
        "psi_score": measured["psi_score"],
        "largest_csi": moved.head(LARGEST).to_dicts(),
        "grades": grades.to_dicts(),
    }
    tables = {
        "segments": by_segment(late, pd, approved=accepted, true=true),
        "months": months,
        "grades": grades,
        "feature_stability": moved,
        "auc_against_others": _auc_differences(fitted, candidates, late),
        **_migration(fitted, candidates[0], late, bounds=policy.grade_bounds),
    }
    return Evaluation(figures=measured, tables=tables, tests=tests)


def _figures(fitted: Fitted, late: pl.DataFrame, pd: Array, *, accepted: Array) -> dict[str, float]:
    """Performance of all labelled applicants and of the first-time ones; stability of the PD."""
    development = fitted.model.development
    now = metrics.shares(pd, development["pd_edges"])
    measured = {
        "psi_score": metrics.psi(development["pd_share"], now),
        "oot_approval_rate_of_all_applicants": float(accepted.mean()),
    }
    labelled, known = late["labelled"].to_numpy(), late.filter("labelled")
    pd, accepted, bad = pd[labelled], accepted[labelled], bad_of(known)
    # calibration is measured out of time only, so its names bear no prefix
    measured |= {
        name.removeprefix("oot_") if "calibration" in name else name: value
        for name, value in figures(
            pd, bad, prefix="oot_", approved=accepted, firms=firms_of(known["firm_id"])
        ).items()
    }
    first = _first_time(known)
    if bad[first].any():
        measured |= figures(
            pd[first],
            bad[first],
            prefix="oot_first_time_",
            approved=accepted[first],
            firms=firms_of(known.filter(first)["firm_id"]),
        )
    return measured


def _auc_differences(
    fitted: Fitted, candidates: Sequence[Fitted], late: pl.DataFrame
) -> pl.DataFrame:
    """AUC of a candidate less that of each other, on the same applicants (paired DeLong)."""
    known = late.filter("labelled")
    bad = bad_of(known)
    groups = {"all": np.ones(len(bad), dtype=bool), "first-time": _first_time(known)}
    margin = fitted.model.margin(known)
    differences = []
    for other in candidates:
        if other is fitted:
            continue
        other_margin = other.model.margin(known)
        for group, inside in groups.items():
            if 1 < bad[inside].sum() < inside.sum() - 1:
                difference = metrics.auc_difference(
                    margin[inside],
                    other_margin[inside],
                    bad[inside],
                    firms_of(known.filter(inside)["firm_id"]),
                )
                differences.append(
                    {"other": other.candidate.name, "applicants": group, **difference._asdict()}
                )
    return pl.DataFrame(differences, schema=DIFFERENCE)


def _migration(
    fitted: Fitted, other: Fitted, late: pl.DataFrame, *, bounds: Sequence[float]
) -> dict[str, pl.DataFrame]:
    """Grades under another candidate against those under this one; none against itself."""
    if other is fitted:
        return {}
    before, now = (each.model.pd(each.model.margin(late)) for each in (other, fitted))
    return {f"grades_from_{other.candidate.name}": validation.migration(before, now, bounds)}


def _first_time(rows: pl.DataFrame) -> Array:
    """Mask of applicants who have never borrowed; all false where the rows do not say."""
    if "first_time" not in rows.columns:
        return np.zeros(rows.height, dtype=bool)
    return rows["first_time"].fill_null(value=False).to_numpy()


def _months(fitted: Fitted, rows: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Figures by month over the calibration and out-of-time slices."""
    later = rows.filter(pl.col("slice").is_in([CALIBRATION, OUT_OF_TIME]))
    pd = fitted.model.pd(fitted.model.margin(later))
    accepted = policy.approved(later, pd)
    table = by_segment(
        later.select("firm_id", "as_of", "labelled", "defaulted"), pd, approved=accepted
    )
    return table.filter(segment="month").drop("mean_true_pd")
