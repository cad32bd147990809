"""Performance by segment."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from models.evaluation import metrics

if TYPE_CHECKING:
    from features.arrays import Array

SEGMENTS = (
    "first_time",
    "sources_covered",
    "legal_form",
    "area",
    "owner_age",
    "sector",
    "city",
    "lender_type",
    "month",
)
"""Columns by which the applicants are parted; those a data folder lacks are passed over."""

OWNER_AGE_YEARS = (30, 40, 50, 60)


def by_segment(
    rows: pl.DataFrame, pd: Array, *, approved: Array | None = None, true: Array | None = None
) -> pl.DataFrame:
    """Figures for every value of every segment.

    Parameters
    ----------
    rows : DataFrame of n_samples applicants
        With `as_of`, `labelled`, `defaulted`, whatever columns of `SEGMENTS` there are, and
        `firm_id` where intervals should count firms.
    pd : ndarray of shape (n_samples,)
    approved : ndarray of shape (n_samples,), optional
        Whether the policy approves each applicant.
    true : ndarray of shape (n_samples,), optional
        True PD, where it is known.

    Returns
    -------
    DataFrame
        segment, value, applicants, approval_rate, mean_pd (of all applicants); rows, bads,
        bad_rate, mean_pd_labelled, approved_bad_rate, gini, gini_low, gini_high (of those with a
        label); and mean_true_pd where it is known. Sorted by segment and value.
    """
    keyed = _keys(rows)
    bad = rows["defaulted"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    labelled = rows["labelled"].to_numpy() & ~np.isnan(bad)
    accepted = np.zeros(len(pd), dtype=bool) if approved is None else approved
    rows_by_value = []
    for segment in keyed.columns:
        for value in keyed[segment].unique().sort().to_list():
            inside = (keyed[segment] == value).to_numpy()
            known = inside & labelled
            area = metrics.auc(pd[known], bad[known], _firms(rows, known))
            taken = known & accepted
            rows_by_value.append(
                {
                    "segment": segment,
                    "value": value,
                    "applicants": int(inside.sum()),
                    "approval_rate": None if approved is None else float(accepted[inside].mean()),
                    "mean_pd": float(pd[inside].mean()),
                    "rows": int(known.sum()),
                    "bads": int(bad[known].sum()),
                    "bad_rate": float(bad[known].mean()) if known.any() else None,
                    "mean_pd_labelled": float(pd[known].mean()) if known.any() else None,
                    "approved_bad_rate": float(bad[taken].mean()) if taken.any() else None,
                    "gini": 2 * area.value - 1,
                    "gini_low": 2 * area.low - 1,
                    "gini_high": 2 * area.high - 1,
                    "mean_true_pd": None if true is None else float(true[inside].mean()),
                }
            )
    table = pl.DataFrame(rows_by_value, schema=SCHEMA, orient="row")
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))


def _firms(rows: pl.DataFrame, known: Array) -> Array | None:
    """Number of each row's firm, where they are told and a firm has several."""
    if "firm_id" not in rows.columns:
        return None
    return metrics.firms_of(rows["firm_id"].filter(pl.Series(known, dtype=pl.Boolean)))


SCHEMA = {
    "segment": pl.String,
    "value": pl.String,
    "applicants": pl.Int64,
    "approval_rate": pl.Float64,
    "mean_pd": pl.Float64,
    "rows": pl.Int64,
    "bads": pl.Int64,
    "bad_rate": pl.Float64,
    "mean_pd_labelled": pl.Float64,
    "approved_bad_rate": pl.Float64,
    "gini": pl.Float64,
    "gini_low": pl.Float64,
    "gini_high": pl.Float64,
    "mean_true_pd": pl.Float64,
}


def _keys(rows: pl.DataFrame) -> pl.DataFrame:
    """Each segment as text; unknown where empty."""
    made = {
        "month": pl.col("as_of").dt.strftime("%Y-%m"),
        "owner_age": _age_band() if "owner_age" in rows.columns else None,
        "sources_covered": pl.col("sources_covered").fill_nan(None).cast(pl.Int64)
        if "sources_covered" in rows.columns
        else None,
    }
    wanted = []
    for name in SEGMENTS:
        expression = made.get(name, pl.col(name) if name in rows.columns else None)
        if expression is not None:
            wanted.append(expression.cast(pl.String).fill_null("unknown").alias(name))
    return rows.select(wanted)


def _age_band() -> pl.Expr:
    age, last = pl.col("owner_age"), OWNER_AGE_YEARS[-1]
    first = OWNER_AGE_YEARS[0]
    # so named, bands stand in the order of age where values are sorted as text
    bands = [pl.when(age < first).then(pl.lit(f"{first - 1} or less"))]
    for low, high in pairwise(OWNER_AGE_YEARS):
        inside = age.is_between(low, high, closed="left")
        bands.append(pl.when(inside).then(pl.lit(f"{low}-{high - 1}")))
    bands.append(pl.when(age >= last).then(pl.lit(f"{last} or more")))
    return pl.coalesce(bands)
