"""Counterparties: what each buyer or supplier meant to the firm."""

import polars as pl

from features.grid import Floats
from features.known import Ints

_EDGES = (90, 180, 365)


def parties(party: pl.Series, app: Ints, age: Ints, fen: Floats) -> pl.DataFrame:
    """Sum valid invoices by counterparty.

    Parameters
    ----------
    party : polars.Series of String, length n_rows
        Counterparty of each valid invoice of one direction.
    app, age : ndarray of shape (n_rows,)
        Its application and age, 0 to HORIZON_DAYS - 1.
    fen : ndarray of shape (n_rows,)
        Whole fen, so that sums do not depend on the order of the rows.

    Returns
    -------
    polars.DataFrame
        One row per (application, counterparty), the year's largest first; invoices that name
        none are left out.
    """
    amount = pl.col("fen")
    frame = pl.DataFrame({"app": app, "party": party, "age": age, "fen": fen})
    found = (
        frame.lazy()
        .filter(pl.col("party").is_not_null())
        .with_columns(
            fen_90=pl.when(pl.col("age") < _EDGES[0]).then(amount).otherwise(0.0),
            fen_180=pl.when(pl.col("age") < _EDGES[1]).then(amount).otherwise(0.0),
            fen_365=pl.when(pl.col("age") < _EDGES[2]).then(amount).otherwise(0.0),
        )
        .group_by("app", "party")
        .agg(
            cny_90=pl.col("fen_90").sum() / 100,
            cny_before_90=(pl.col("fen_180").sum() - pl.col("fen_90").sum()) / 100,
            cny_365=pl.col("fen_365").sum() / 100,
            first_age=pl.col("age").max(),
            last_age=pl.col("age").min(),
            total=amount.sum(),
        )
    )
    # sums over parties must not depend on the order in which a hash table gives them
    order = ["app", "cny_365", "total", "cny_90", "cny_before_90", "first_age", "last_age"]
    return (
        found.sort(order, descending=[False, *[True] * (len(order) - 1)])
        .select(pl.exclude("total"), age="last_age")
        .collect()
    )
