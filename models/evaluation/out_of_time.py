"""Look out of time, once, after every choice is made: figures, segments, months, tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from models import oracle
from models.data.split import CALIBRATION, OUT_OF_TIME, bad_of, within
from models.evaluation import metrics, validation
from models.evaluation.performance import figures
from models.evaluation.segments import by_segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.arrays import Array
    from models.estimators.fitted import Fitted
    from models.settings import TrainConfig

DIFFERENCE = {
    "other": pl.String,
    "applicants": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
MOVED = 30  # features with the largest CSI that are kept


def judge(
    fitted: Fitted, rows: pl.DataFrame, *, config: TrainConfig, true: Array | None = None
) -> None:
    """Add all out-of-time figures, tables and tests to a candidate.

    Parameters
    ----------
    fitted : Fitted
    rows : DataFrame
        The material's rows with `slice` and `labelled`.
    config : TrainConfig
    true : ndarray, optional
        True PD of the rows of the out-of-time slice, in their order; NaN where unknown.
    """
    late = within(rows, OUT_OF_TIME)
    everyone = fitted.model.pd(fitted.model.margin(late))
    cutoff, bounds = config.policy.approve_pd_below, config.policy.grade_bounds
    before = fitted.model.development["pd_share"]
    now = metrics.shares(everyone, fitted.model.development["pd_edges"])
    fitted.figures["psi_score"] = metrics.psi(before, now)
    fitted.figures["oot_approval_rate_of_all_applicants"] = float((everyone < cutoff).mean())

    labelled = late["labelled"].to_numpy()
    pd, known = everyone[labelled], late.filter("labelled")
    bad = bad_of(known)
    whole = figures(pd, bad, prefix="oot_", cutoff=cutoff)
    # The two figures of calibration carry plain names: they are never taken anywhere else.
    fitted.figures.update(
        {
            name.removeprefix("oot_") if "calibration" in name else name: value
            for name, value in whole.items()
        }
    )
    first = _first_time(known)
    if bad[first].any():
        fitted.figures.update(
            figures(pd[first], bad[first], prefix="oot_first_time_", cutoff=cutoff)
        )

    fitted.tables["segments"] = by_segment(late, everyone, cutoff=cutoff, true=true)
    fitted.tables["months"] = months = _months(fitted, rows, cutoff=cutoff)
    fitted.tables["grades"] = validation.grade_tests(pd, bad, bounds)
    fitted.tables["feature_stability"] = validation.characteristic_stability(
        fitted.model, late
    ).head(MOVED)
    fitted.figures.update(validation.gini_stability(months["gini"].drop_nulls().to_list()))
    fitted.tests.update(
        {
            "hosmer_lemeshow": validation.hosmer_lemeshow(pd, bad),
            "spiegelhalter": validation.spiegelhalter(pd, bad),
            "psi_score": fitted.figures["psi_score"],
            "largest_csi": fitted.tables["feature_stability"].head(5).to_dicts(),
            "grades": fitted.tables["grades"].to_dicts(),
        }
    )
    if true is not None:
        approved = late["approved"].fill_null(value=False).to_numpy()
        fitted.figures.update(oracle.truth_figures(everyone, true, approved=approved))


def against(
    fitted: Fitted, others: Sequence[Fitted], rows: pl.DataFrame, *, config: TrainConfig
) -> None:
    """Add a candidate's AUC less that of each other, and how the grades move from the first.

    Parameters
    ----------
    fitted : Fitted
    others : sequence of Fitted
        All candidates, the same one among them.
    rows : DataFrame
        As for `judge`.
    config : TrainConfig
    """
    late = within(rows, OUT_OF_TIME)
    known = late.filter("labelled")
    bad = bad_of(known)
    groups = {"all": np.ones(len(bad), dtype=bool), "first-time": _first_time(known)}
    margin = fitted.model.margin(known)
    differences = []
    for other in others:
        if other is fitted:
            continue
        other_margin = other.model.margin(known)
        for group, inside in groups.items():
            if 1 < bad[inside].sum() < inside.sum() - 1:
                differences.append(
                    {
                        "other": other.candidate.name,
                        "applicants": group,
                        **metrics.auc_difference(
                            margin[inside], other_margin[inside], bad[inside]
                        )._asdict(),
                    }
                )
    fitted.tables["auc_against_others"] = pl.DataFrame(differences, schema=DIFFERENCE)
    if others[0] is not fitted:
        _migrate(fitted, others[0], rows, config=config)


def _first_time(rows: pl.DataFrame) -> Array:
    """Which applicants have never borrowed; none where the rows do not say."""
    if "first_time" not in rows.columns:
        return np.zeros(rows.height, dtype=bool)
    return rows["first_time"].fill_null(value=False).to_numpy()


def _migrate(fitted: Fitted, other: Fitted, rows: pl.DataFrame, *, config: TrainConfig) -> None:
    """Add how the out-of-time applicants' grades move from another candidate to this one."""
    late = within(rows, OUT_OF_TIME)
    before, now = (each.model.pd(each.model.margin(late)) for each in (other, fitted))
    table = validation.migration(before, now, config.policy.grade_bounds)
    fitted.tables[f"grades_from_{other.candidate.name}"] = table


def _months(fitted: Fitted, rows: pl.DataFrame, *, cutoff: float) -> pl.DataFrame:
    """Month by month over both slices that the model was not fitted to."""
    later = rows.filter(pl.col("slice").is_in([CALIBRATION, OUT_OF_TIME]))
    pd = fitted.model.pd(fitted.model.margin(later))
    table = by_segment(later.select("as_of", "labelled", "defaulted"), pd, cutoff=cutoff)
    return table.filter(segment="month").drop("mean_true_pd")
