"""Invoice totals by counterparty: customers and suppliers."""

import numpy as np
import pandas as pd
import polars as pl

from features.arrays import Bools, Floats, Int32s, Int64s
from features.engine.period_sums import table
from features.table.frames import FEN, HORIZON_DAYS

_EDGES = (90, 180, 365)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio: spreads small numbers over all bits."""


def counterparties(
    party: pl.Series, bought: Bools, app: Int32s, age: Int32s, fen: Floats
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sum valid invoices by customer and by supplier.

    Parameters
    ----------
    party : polars.Series of String, length n_rows
        Counterparty of each valid invoice; invoices that name none are left out.
    bought : ndarray of shape (n_rows,)
        Whether the invoice is a purchase, and the counterparty a supplier.
    app, age : ndarray of shape (n_rows,)
        Its application and age, 0 to HORIZON_DAYS - 1.
    fen : ndarray of shape (n_rows,)
        Whole fen, so that sums do not depend on the order of the rows.

    Returns
    -------
    customers, suppliers : polars.DataFrame
        One row per (application, counterparty), sorted by application.
    """
    if party.null_count():
        named = party.is_not_null()
        kept = named.to_numpy()
        party, bought, app, age, fen = (
            party.filter(named), bought[kept], app[kept], age[kept], fen[kept]
        )  # fmt: skip
    # one 64-bit number for all three; two of a thousand counterparties of a firm would meet in it
    # once in 10^13 firms
    name = party.hash().to_numpy()
    side = app.astype(np.uint64) * np.uint64(2) + bought
    group, keys = pd.factorize(name ^ (side * _SPREAD))
    n, spans = len(keys), len(_EDGES) + 1
    cell = group * spans + np.searchsorted(_EDGES, np.arange(HORIZON_DAYS), side="right")[age]
    spent = np.bincount(cell, fen, minlength=n * spans).reshape(n, spans).cumsum(axis=1) / FEN
    first_age = np.zeros(n, dtype=np.int32)
    np.maximum.at(first_age, group, age)
    row = np.zeros(n, dtype=np.int64)
    row[group] = np.arange(len(group))
    # sums over parties must not depend on the order in which invoices name them
    order = np.lexsort((name[row], app[row]))
    buys = bought[row[order]]

    def frame(chosen: Int64s) -> pl.DataFrame:
        return table(
            {
                "cny_90": spent[chosen, 0],
                "cny_before_90": spent[chosen, 1] - spent[chosen, 0],
                "cny_365": spent[chosen, 2],
                "first_age": first_age[chosen],
            },
            app[row[chosen]],
        )

    return frame(order[~buys]), frame(order[buys])
