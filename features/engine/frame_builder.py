"""Builder of the frames that formulas read, from raw signals of one bucket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.arrays import Bools, Floats, Int32s
from features.contract.tables import SOURCES, TABLES
from features.engine import point_in_time
from features.engine.counterparties import counterparties
from features.engine.coverage import Span, spans
from features.engine.daily_grid import scatter, silence, third_day_down
from features.engine.payment_delays import bills, filings
from features.engine.period_sums import (
    EDGES,
    STRETCHES,
    Days,
    best_month,
    blocks,
    by_stretch,
    cells,
    column,
    largest,
    measured,
    periods,
    same,
    spanned,
    table,
    total,
    windows,
)
from features.engine.point_in_time import Rows
from features.instalments import REFERENCE_RATE_PCT, mean_instalment
from features.table.frames import FEN, FRAMES, HORIZON_DAYS, MONTH, WEEK, Kind

SIGNAL_TABLES = tuple(name for name, table in TABLES.items() if table.source)
"""Tables of daily life, in contract order."""

WEEKS, MONTHS, REGISTER = "weeks", "months", "register"
"""The first two hold the columns of all sources; the others go by their own names."""

_OUT, _VOID, _RED = 1, 2, 4
"""Marks of an invoice, added up: eight kinds in all."""

_KINDS = _OUT + _VOID + _RED + 1

CREDIT_COLUMNS = tuple(
    name
    for name in TABLES["credit_history"].columns
    if name not in ("application_id", "firm_id", "first_loan_on")
)
"""Figures of the credit history."""

_YEAR = 365

_IDLE = 0.25
"""Share of the best month's mean below which a day's electricity is that of an idle firm."""


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Frames and arrays that the formulas read.

    Attributes
    ----------
    windows : dict of str to ndarray of shape (len(WINDOWS), n_applications)
        See `features.engine.period_sums.windows`.
    once : dict of str to ndarray of shape (n_applications,)
        Columns of the periods and of coverage; NaN is missing.
    frames : dict of str to polars.DataFrame
        `WEEKS` and `MONTHS` hold the columns of all frames of their kind, `REGISTER` has a row
        per application. The others have `app`, sorted by it; applications without rows do not
        occur.
    orders : ndarray of shape (n_applications, HORIZON_DAYS)
        Online orders of each day, the oldest first.
    shop_span : Span
        Covered days of the online shops.
    """

    windows: dict[str, Floats]
    once: dict[str, Floats]
    frames: dict[str, pl.DataFrame]
    orders: Floats
    shop_span: Span


def build_frames(
    read: Callable[[str], pl.DataFrame],
    applications: pl.DataFrame,
    *,
    coverage: pl.DataFrame | None,
    columns_read: Mapping[Kind, frozenset[str]],
    by_event: bool = False,
) -> FrameSet:
    """Build every frame.

    Parameters
    ----------
    read : callable
        Gives the raw rows of a table by name.
    applications : polars.DataFrame
        firm_id, app (0, 1, ... in order), as_of_day, consent_on and the contract's columns.
    coverage : polars.DataFrame or None
        None if the data hold no coverage table.
    columns_read : mapping of Kind to the columns that formulas read
        Others are not prepared.
    by_event : bool
        See `features.engine.point_in_time.as_known`.

    Returns
    -------
    Prepared
    """
    n = applications.height
    rows = {
        name: point_in_time.as_known(read(name), name, applications, by_event=by_event)
        for name in SIGNAL_TABLES
    }
    by_source = {
        source: tuple(rows[t] for t in SIGNAL_TABLES if TABLES[t].source == source)
        for source in SOURCES
    }
    span = spans(applications, coverage, by_source, by_event=by_event)

    def inside(name: str) -> Rows:
        known = rows[name]
        covers = span[TABLES[name].source or ""]
        return known.where((known.age < HORIZON_DAYS) & covers.holds(known.app, known.age))

    tax, sales, frames = _tax(inside("invoices"), span["tax"], n, by_event=by_event)
    frames["filings"] = filings(rows["tax_filings"], span["tax"], sales, by_event=by_event)
    frames["bills"] = bills(rows["electricity_bills"], span["electricity"], by_event=by_event)
    shop, orders = _ecommerce(inside("ecommerce"), span["ecommerce"], n)
    days = {
        "tax": tax,
        "electricity": _electricity(inside("electricity"), n),
        "logistics": _logistics(inside("logistics"), span["logistics"], n),
        "ecommerce": shop,
    }
    frames[WEEKS] = blocks(days, WEEK, columns_read[Kind.WEEKS])
    frames[MONTHS] = blocks(days, MONTH, columns_read[Kind.MONTHS])
    frames[REGISTER] = _register(read("firms"), read("credit_history"), applications)
    return FrameSet(
        windows(days, columns_read[Kind.WINDOW]),
        periods(days, columns_read[Kind.ONE]) | _coverage(days),
        frames,
        orders,
        span["ecommerce"],
    )


def _tax(
    rows: Rows, span: Span, n: int, *, by_event: bool
) -> tuple[Days, Floats, dict[str, pl.DataFrame]]:
    """Days of invoices, sales by day in fen, and the frames of single invoices and parties."""
    out = (rows.frame["direction"] == "output").to_numpy()
    void = point_in_time.void(rows, by_event=by_event)
    fen = np.rint(column(rows.frame, "amount_cny") * FEN)
    red = fen < 0
    kind = out * _OUT + void * _VOID + red * _RED
    cell = cells(rows.app, rows.age) * _KINDS + kind
    size, shape = n * STRETCHES * _KINDS, (n, STRETCHES, _KINDS)
    count = np.bincount(cell, minlength=size).reshape(shape).astype(np.float64)
    value = np.bincount(cell, fen, minlength=size).reshape(shape) / FEN
    sold = out & ~void
    paying = sold & ~red
    active = scatter(1.0, rows.app[paying], rows.age[paying], n)
    quiet = silence(active > 0, span.oldest, span.newest)
    newest = np.clip(span.newest, 0, HORIZON_DAYS - 1)
    tax = Days(
        spanned(span.oldest, span.newest),
        {
            "sales_cny": value[..., _OUT] + value[..., _OUT + _RED],
            "purchases_cny": value[..., 0] + value[..., _RED],
            "sales_count": count[..., _OUT],
            "purchase_count": count[..., 0],
            "void_count": count[..., _OUT + _VOID] + count[..., _OUT + _VOID + _RED],
            "void_cny": value[..., _OUT + _VOID] + value[..., _OUT + _VOID + _RED],
            "red_count": count[..., _OUT + _RED],
            "red_cny": -value[..., _OUT + _RED],
            "sale_days": by_stretch(active),
        },
        {
            "since_sale": same(quiet[np.arange(n), HORIZON_DAYS - 1 - newest]),
            "longest_silence": largest(quiet[:, ::-1]),
        },
    )
    place = rows.app[sold].astype(np.int64) * HORIZON_DAYS + (HORIZON_DAYS - 1 - rows.age[sold])
    by_day = np.bincount(place, fen[sold], minlength=n * HORIZON_DAYS).astype(
        np.float64, copy=False
    )
    valid = ~void
    customers, suppliers = counterparties(
        rows.frame["counterparty_id"].filter(pl.Series(valid)),
        ~out[valid],
        rows.app[valid],
        rows.age[valid],
        fen[valid],
    )
    ticket = sold & (fen > 0)
    return (
        tax,
        by_day.reshape(n, HORIZON_DAYS).astype(np.float64, copy=False),
        {
            "tickets": table(
                {"age": rows.age[ticket], "ticket_fen": fen[ticket]}, rows.app[ticket]
            ),
            "customers": customers,
            "suppliers": suppliers,
        },
    )


def _electricity(rows: Rows, n: int) -> Days:
    cell = cells(rows.app, rows.age)
    peak, valley = measured(rows.frame, "kwh_peak"), measured(rows.frame, "kwh_valley")
    flat = column(rows.frame, "kwh_flat")
    kwh = np.nan_to_num(peak) + flat + np.nan_to_num(valley)
    days = Days(
        total(None, cell, n),
        {
            "kwh_peak": total(peak, cell, n),
            "kwh_flat": total(flat, cell, n),
            "kwh_valley": total(valley, cell, n),
            "kwh": total(kwh, cell, n),
            "kwh_square": total(kwh * kwh, cell, n),
        },
    )
    idle = kwh < _IDLE * best_month(days, "kwh")[rows.app]
    days.sums["idle"] = total(idle, cell, n)
    return days


def _logistics(rows: Rows, span: Span, n: int) -> Days:
    cell = cells(rows.app, rows.age)
    values = {name: measured(rows.frame, name) for name in TABLES["logistics"].columns[2:]}
    sent = values["parcels_out"] > 0
    sums = {name: total(value, cell, n) for name, value in values.items()}
    sums["parcel_days"] = total(sent, cell, n)
    since = same(_since(sent, rows, n))
    return Days(spanned(span.oldest, span.newest), sums, {"since_parcel": since})


def _ecommerce(rows: Rows, span: Span, n: int) -> tuple[Days, Floats]:
    """Days of online shops, and the orders of each day."""
    cell = cells(rows.app, rows.age)
    values = {
        name: measured(rows.frame, name)
        for name in TABLES["ecommerce"].columns[2:]
        if name != "rating_mean"
    }
    rating = rows.frame["rating_mean"].to_numpy()
    values["rated"] = np.where(np.isnan(rating), 0, values["reviews"])
    values["stars"] = np.where(np.isnan(rating), 0.0, rating * values["reviews"])
    sums = {name: total(value, cell, n) for name, value in values.items()}
    orders = scatter(values["orders"], rows.app, rows.age, n)
    sums["alarm"] = by_stretch(third_day_down(orders, span.oldest, span.newest))
    since = same(_since(values["orders"] > 0, rows, n))
    return Days(spanned(span.oldest, span.newest), sums, {"since_order": since}), orders


def _since(active: Bools, rows: Rows, n: int) -> Int32s:
    """Age of the newest active day, a year at most; shape (n,)."""
    since = np.full(n, _YEAR, dtype=np.int32)
    np.minimum.at(since, rows.app[active], rows.age[active])
    return since


def _coverage(days: Mapping[str, Days]) -> dict[str, Floats]:
    """Known days of each source."""
    return {
        f"{FRAMES[f'{name}_window'].source}_{window}": source.known[:, EDGES[1:] <= window].sum(
            axis=1
        )
        for name, source in days.items()
        for window in (180, HORIZON_DAYS)
    }


def _register(
    firms: pl.DataFrame, history: pl.DataFrame, applications: pl.DataFrame
) -> pl.DataFrame:
    """Columns of the register, the application and the credit history, a row per application."""
    app, register = point_in_time.attach(firms, applications)
    if not np.array_equal(app, np.arange(applications.height)):
        once = firms.unique("firm_id", keep="first", maintain_order=True)
        register = applications.select("firm_id").join(
            once, on="firm_id", how="left", maintain_order="left"
        )
    founded = point_in_time.days(register["founded_on"])
    old = point_in_time.days(applications["applied_on"]) - founded
    age = np.where(founded == point_in_time.MISSING, np.nan, old)
    return pl.DataFrame(
        [
            *(register[name] for name in register.columns if name != "firm_id"),
            *(
                applications[name]
                for name in TABLES["applications"].columns
                if name not in register.columns
            ),
            pl.Series("firm_age_days", age, nan_to_null=True),
            _instalment_share(applications),
            *_credit_history(history, applications),
        ]
    )


def _instalment_share(applications: pl.DataFrame) -> pl.Series:
    """Mean instalment of each request at the reference rate, as a share of the amount."""
    n = applications.height
    share = mean_instalment(
        np.ones(n),
        np.full(n, REFERENCE_RATE_PCT),
        applications["term_months"].cast(pl.Float64).to_numpy(),
        applications["plan"].to_numpy(),
    )
    return pl.Series("instalment_share", share, nan_to_null=True)


def _credit_history(history: pl.DataFrame, applications: pl.DataFrame) -> list[pl.Series]:
    """Columns of the credit history; unknown if its first loan lies after the application."""
    keys = applications.select("application_id", "firm_id", "applied_on")
    once = history.unique(["application_id", "firm_id"], keep="first", maintain_order=True)
    known = keys.join(
        once, on=["application_id", "firm_id"], how="left", maintain_order="left"
    ).with_columns(days=(pl.col("applied_on") - pl.col("first_loan_on")).dt.total_days())
    seen = pl.when(pl.col("days") >= 0)
    return known.select(
        *(seen.then(pl.col(name)).alias(name) for name in CREDIT_COLUMNS),
        credit_age_days=seen.then(pl.col("days")).cast(pl.Float64),
    ).get_columns()
