"""Counterparties: what each buyer or supplier meant to the firm."""

import numpy as np
import polars as pl

from features.frames import HORIZON_DAYS
from features.grid import Floats
from features.known import Rows

_EDGES = (0, 90, 180, 365, HORIZON_DAYS)


def parties(rows: Rows, fen: Floats) -> pl.DataFrame:
    """Sum valid invoices by counterparty.

    Parameters
    ----------
    rows : Rows
        Valid invoices of one direction, ages 0 to HORIZON_DAYS - 1.
    fen : ndarray of shape (n_rows,)
        Whole fen, so that sums do not depend on the order of the rows.

    Returns
    -------
    polars.DataFrame
        One row per (application, counterparty), largest first; invoices without one are left out.
    """
    age = pl.col("age")
    amount = pl.col("fen")
    frame = pl.DataFrame(
        {
            "app": rows.app,
            "party": rows.frame["counterparty_id"],
            "age": rows.age,
            "fen": fen,
            "fen_90": np.where(rows.age < _EDGES[1], fen, 0.0),
            "fen_before_90": np.where((rows.age >= _EDGES[1]) & (rows.age < _EDGES[2]), fen, 0.0),
            "fen_365": np.where(rows.age < _EDGES[3], fen, 0.0),
            "in_365": rows.age < _EDGES[3],
        }
    )
    found = (
        frame.filter(pl.col("party").is_not_null())
        .group_by("app", "party")
        .agg(
            cny_90=pl.col("fen_90").sum() / 100,
            cny_before_90=pl.col("fen_before_90").sum() / 100,
            cny_365=pl.col("fen_365").sum() / 100,
            count_365=pl.col("in_365").sum().cast(pl.Float64),
            first_age=age.max(),
            last_age=age.min(),
            total=amount.sum(),
        )
    )
    # sums over parties must not depend on the order in which a hash table gives them
    order = [
        "app",
        "total",
        "cny_365",
        "cny_90",
        "cny_before_90",
        "count_365",
        "first_age",
        "last_age",
    ]
    return found.sort(order, descending=[False, *[True] * (len(order) - 1)]).select(
        "app", pl.col("last_age").alias("age"), *order[2:]
    )
