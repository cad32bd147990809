"""Default rates of groups of applicants, with Jeffreys intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from models.evaluation.metrics import jeffreys

if TYPE_CHECKING:
    from collections.abc import Sequence

RATES = {
    "applicants": pl.Int64,
    "observed": pl.Int64,
    "bads": pl.Int64,
    "mean_pd": pl.Float64,
    "default_rate": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
"""Columns of the rates, after those that make the groups."""


def default_rates(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Default rate of each group with a 95 % Jeffreys interval.

    Parameters
    ----------
    rows : DataFrame
        Columns `by`, `pd`, and `defaulted` (null where the outcome is not known).
    by : sequence of str

    Returns
    -------
    DataFrame
        Columns `by`, then `RATES`, sorted by `by`; rate and interval are null where no outcome of
        the group is known.
    """
    counts = rows.group_by(by).agg(
        applicants=pl.len().cast(pl.Int64),
        observed=pl.col("defaulted").count().cast(pl.Int64),
        bads=pl.col("defaulted").sum().cast(pl.Int64),
        mean_pd=pl.col("pd").mean(),
    )
    bads, observed = counts["bads"].to_numpy(), counts["observed"].to_numpy()
    low, high = (pl.Series(jeffreys(bads, observed, q)) for q in (0.025, 0.975))
    known = pl.col("observed") > 0
    return (
        counts.with_columns(
            default_rate=pl.when(known).then(pl.col("bads") / pl.col("observed")),
            low=low,
            high=high,
        )
        .with_columns(pl.when(known).then(pl.col("low", "high")))
        .sort(by)
        .select(*by, *RATES)
    )
