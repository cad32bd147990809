"""From raw rows to the frames of `features.frames`, for some applications of one bucket."""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from features import covered, known
from features.covered import Span
from features.dues import bills, filings
from features.frames import HORIZON_DAYS
from features.grid import Floats, Grid, Need, cells, scatter, silence, three_down, total
from features.known import Rows, by_application
from features.parties import parties
from features.tables import SOURCES, TABLES

SIGNAL_TABLES = tuple(name for name, table in TABLES.items() if table.source)
"""Tables of daily life, in contract order."""

_FEN = 100.0
"""Sums of whole fen are exact in a double, whatever the order of the rows."""


def prepare(
    read: Callable[[str], pl.DataFrame],
    applications: pl.DataFrame,
    *,
    coverage: pl.DataFrame | None,
    needs: Mapping[str, Need],
    by_event: bool = False,
) -> dict[str, pl.DataFrame]:
    """Build every frame.

    Parameters
    ----------
    read : callable
        Gives the raw rows of a table by name.
    applications : polars.DataFrame
        firm_id, app (0, 1, ... in order), as_of_day, consent_on and the contract's columns.
    coverage : polars.DataFrame or None
        None if the data hold no coverage table.
    needs : mapping of frame name to Need
        What the formulas read; other columns are not prepared.
    by_event : bool
        See `features.known.as_known`.

    Returns
    -------
    dict of frame name to polars.DataFrame
        Each with `app`, sorted by it; applications without rows do not occur.
    """
    n = applications.height
    rows = {
        table: known.as_known(read(table), table, applications, by_event=by_event)
        for table in SIGNAL_TABLES
    }
    by_source = {
        source: tuple(rows[t] for t in SIGNAL_TABLES if TABLES[t].source == source)
        for source in SOURCES
    }
    span = covered.spans(applications, coverage, by_source, by_event=by_event)
    inside = {
        table: found.where(
            (found.age < HORIZON_DAYS)
            & span[TABLES[table].source or ""].holds(found.app, found.age)
        )
        for table, found in rows.items()
        if table not in ("tax_filings", "electricity_bills")
    }
    frames: dict[str, pl.DataFrame] = {}
    counts: dict[str, np.ndarray] = {}

    days, invoice_frames = _tax(inside["invoices"], span["tax"], n, by_event=by_event)
    frames |= invoice_frames | days.frames("tax", needs)
    counts["tax"] = days.known
    frames["filings"] = filings(rows["tax_filings"], span["tax"], days, by_event=by_event)

    days = _power(inside["electricity"], n)
    frames |= days.frames("power", needs)
    counts["electricity"] = days.known
    frames["bills"] = bills(rows["electricity_bills"], span["electricity"], by_event=by_event)

    days = _daily(inside["logistics"], span["logistics"], n)
    frames |= days.frames("parcel", needs)
    counts["logistics"] = days.known

    days = _shop(inside["ecommerce"], span["ecommerce"], n)
    frames |= days.frames("shop", needs)
    counts["ecommerce"] = days.known

    frames["coverage"] = pl.DataFrame(
        {
            "app": np.arange(n, dtype=np.int32),
            **{
                f"{source}_{window}": counts[source][:, -window:].sum(axis=1)
                for source in SOURCES
                for window in (180, HORIZON_DAYS)
            },
        }
    )
    frames["register"] = _register(read("firms"), applications)
    return frames


def _tax(rows: Rows, span: Span, n: int, *, by_event: bool) -> tuple[Grid, dict[str, pl.DataFrame]]:
    out = (rows.frame["direction"] == "output").to_numpy()
    void = known.void(rows, by_event=by_event)
    fen = np.rint(rows.frame["amount_cny"].fill_null(0.0).to_numpy() * _FEN)
    valid, red = ~void, fen < 0
    cell = cells(rows.app, rows.age)

    def count(mask: known.Bools) -> Floats:
        return total(None, cell[mask], n)

    def value(mask: known.Bools) -> Floats:
        return total(fen[mask], cell[mask], n) / _FEN

    grid = Grid(
        span.days(),
        {
            "sales_cny": value(out & valid),
            "purchases_cny": value(~out & valid),
            "sales_count": count(out & valid & ~red),
            "purchase_count": count(~out & valid & ~red),
            "void_count": count(out & void),
            "void_cny": value(out & void),
            "red_count": count(out & valid & red),
            "red_cny": -value(out & valid & red),
        },
    )
    grid.values["silence"] = silence(grid.values["sales_count"] > 0, grid.known)
    party = rows.frame["counterparty_id"]

    def parties_of(mask: known.Bools) -> pl.DataFrame:
        return parties(party.filter(pl.Series(mask)), rows.app[mask], rows.age[mask], fen[mask])

    ticket = out & valid & (fen > 0)
    frames = {
        "tickets": by_application(
            rows.app[ticket], {"age": rows.age[ticket], "ticket_cny": fen[ticket] / _FEN}
        ),
        "customers": parties_of(out & valid),
        "suppliers": parties_of(~out & valid),
    }
    return grid, frames


def _power(rows: Rows, n: int) -> Grid:
    cell = cells(rows.app, rows.age)
    present = np.zeros(n * HORIZON_DAYS, dtype=np.bool_)
    present[cell] = True
    columns = ("kwh_peak", "kwh_flat", "kwh_valley")
    values = {c: scatter(rows.frame[c], cell, n) for c in columns}
    kwh = values["kwh_peak"] + values["kwh_flat"] + values["kwh_valley"]
    return Grid(
        present.reshape(n, HORIZON_DAYS),
        values | {"kwh": kwh, "kwh_square": kwh * kwh},
    )


def _daily(rows: Rows, span: Span, n: int) -> Grid:
    cell = cells(rows.app, rows.age)
    columns = ("parcels_out", "parcels_in", "weight_kg", "destinations", "late_parcels")
    return Grid(span.days(), {c: scatter(rows.frame[c], cell, n) for c in columns})


def _shop(rows: Rows, span: Span, n: int) -> Grid:
    columns = (
        "visitors",
        "orders",
        "gmv_cny",
        "refunds",
        "refund_cny",
        "reviews",
        "bad_reviews",
        "buyers",
        "repeat_buyers",
    )
    cell = cells(rows.app, rows.age)
    values = {c: scatter(rows.frame[c], cell, n) for c in columns}
    rated = rows.frame.select(
        pl.when(pl.col("rating_mean").is_not_null()).then("reviews").otherwise(0)
    ).to_series()
    stars = rows.frame.select(pl.col("rating_mean") * pl.col("reviews")).to_series()
    values["rated"] = scatter(rated, cell, n)
    values["stars"] = scatter(stars, cell, n)
    known_days = span.days()
    values["alarm"] = three_down(values["orders"], known_days)
    return Grid(known_days, values)


def _register(firms: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    own = firms.unique("firm_id", keep="first", maintain_order=True)
    return applications.join(own, on="firm_id", how="left", maintain_order="left").with_columns(
        firm_age_days=pl.col("as_of_day") - pl.col("founded_on").to_physical()
    )
