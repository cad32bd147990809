"""Look out of time, once, after every choice is made: figures, segments, months, tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from models import metrics, oracle, validation
from models.evaluate import figures
from models.segments import by_segment
from models.split import CALIBRATION, OUT_OF_TIME, bad_of, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.artefact import Matrix
    from models.compare import Fitted
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
    one: Fitted, rows: pl.DataFrame, *, config: TrainConfig, true: Matrix | None = None
) -> None:
    """Add all out-of-time figures, tables and tests to a candidate.

    Parameters
    ----------
    one : Fitted
    rows : DataFrame
        The material's rows with `slice` and `labelled`.
    config : TrainConfig
    true : ndarray, optional
        True PD of the rows of the out-of-time slice, in their order; NaN where unknown.
    """
    late = within(rows, OUT_OF_TIME)
    everyone = one.model.pd(one.model.margin(late))
    cutoff, bounds = config.policy.approve_pd_below, config.policy.grade_bounds
    before = one.model.development["pd_share"]
    now = metrics.shares(everyone, one.model.development["pd_edges"])
    one.figures["psi_score"] = metrics.psi(before, now)
    one.figures["oot_approval_rate_of_all_applicants"] = float((everyone < cutoff).mean())

    labelled = late["labelled"].to_numpy()
    pd, known = everyone[labelled], late.filter("labelled")
    bad = bad_of(known)
    whole = figures(pd, bad, prefix="oot_", cutoff=cutoff)
    # The two figures of calibration carry plain names: they are never taken anywhere else.
    one.figures.update(
        {
            name.removeprefix("oot_") if "calibration" in name else name: value
            for name, value in whole.items()
        }
    )
    first = _first_time(known)
    if bad[first].any():
        one.figures.update(figures(pd[first], bad[first], prefix="oot_first_time_", cutoff=cutoff))

    one.tables["segments"] = by_segment(late, everyone, cutoff=cutoff, true=true)
    one.tables["months"] = months = _months(one, rows, cutoff=cutoff)
    one.tables["grades"] = validation.grade_tests(pd, bad, bounds)
    one.tables["feature_stability"] = validation.characteristic_stability(one.model, late).head(
        MOVED
    )
    one.figures.update(validation.gini_stability(months["gini"].drop_nulls().to_list()))
    one.tests.update(
        {
            "hosmer_lemeshow": validation.hosmer_lemeshow(pd, bad),
            "spiegelhalter": validation.spiegelhalter(pd, bad),
            "psi_score": one.figures["psi_score"],
            "largest_csi": one.tables["feature_stability"].head(5).to_dicts(),
            "grades": one.tables["grades"].to_dicts(),
        }
    )
    if true is not None:
        approved = late["approved"].fill_null(value=False).to_numpy()
        one.figures.update(oracle.truth_figures(everyone, true, approved=approved))


def against(
    one: Fitted, others: Sequence[Fitted], rows: pl.DataFrame, *, config: TrainConfig
) -> None:
    """Add a candidate's AUC less that of each other, and how the grades move from the first.

    Parameters
    ----------
    one : Fitted
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
    mine = one.model.margin(known)
    found = []
    for other in others:
        if other is one:
            continue
        theirs = other.model.margin(known)
        for group, inside in groups.items():
            if 1 < bad[inside].sum() < inside.sum() - 1:
                found.append(
                    {
                        "other": other.candidate.name,
                        "applicants": group,
                        **metrics.auc_difference(
                            mine[inside], theirs[inside], bad[inside]
                        )._asdict(),
                    }
                )
    one.tables["auc_against_others"] = pl.DataFrame(found, schema=DIFFERENCE)
    if others[0] is not one:
        _migrate(one, others[0], rows, config=config)


def _first_time(rows: pl.DataFrame) -> Matrix:
    """Which applicants have never borrowed; none where the rows do not say."""
    if "first_time" not in rows.columns:
        return np.zeros(rows.height, dtype=bool)
    return rows["first_time"].fill_null(value=False).to_numpy()


def _migrate(one: Fitted, other: Fitted, rows: pl.DataFrame, *, config: TrainConfig) -> None:
    """Add how the out-of-time applicants' grades move from another candidate to this one."""
    late = within(rows, OUT_OF_TIME)
    before, now = (each.model.pd(each.model.margin(late)) for each in (other, one))
    table = validation.migration(before, now, config.policy.grade_bounds)
    one.tables[f"grades_from_{other.candidate.name}"] = table


def _months(one: Fitted, rows: pl.DataFrame, *, cutoff: float) -> pl.DataFrame:
    """Month by month over both slices that the model was not fitted to."""
    later = rows.filter(pl.col("slice").is_in([CALIBRATION, OUT_OF_TIME]))
    pd = one.model.pd(one.model.margin(later))
    table = by_segment(later.select("as_of", "labelled", "defaulted"), pd, cutoff=cutoff)
    return table.filter(segment="month").drop("mean_true_pd")
