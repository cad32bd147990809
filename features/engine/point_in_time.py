"""Point-in-time filter: the only place where knowledge dates are applied.

A row is seen from the day after its event (docs/design.md, Point in time), or from `known_on` where
the table carries one; of several rows with one key the latest version known counts. Dates inside a
row that lay ahead (a void, a filing, a payment) are seen as not having happened.

Ages count back from the last day that a source can know: age 0 is yesterday for most sources and
the day before for logistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl

from features.arrays import Bools, Int32s
from features.contract.tables import SOURCES, TABLES, Table

LAG_DAYS: Mapping[str, int] = MappingProxyType(
    {name: table.lag_days for name, table in TABLES.items() if table.source}
)
"""Days between an event and its being known, by table."""

SOURCE_LAG_DAYS: Mapping[str, int] = MappingProxyType(
    {
        source: min(table.lag_days for table in TABLES.values() if table.source == source)
        for source in SOURCES
    }
)
"""Days between today and the last day that a source can know."""

EVENT: Mapping[str, str] = MappingProxyType(
    {name: table.event for name, table in TABLES.items() if table.source}
)
"""Column with the day on which a row's event happened."""

MISSING = np.iinfo(np.int32).max // 2
"""A date that is empty, or lay ahead; far from overflow when a day is added."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one table as known by the applications that may use them.

    Attributes
    ----------
    frame : polars.DataFrame
        Contract columns, one row per (application, known row), sorted by application.
    app : ndarray of shape (n_rows,)
        Position of the application.
    age : ndarray of shape (n_rows,)
        Days from the event to the last day that can be known; may be negative (filed early).
    as_of : ndarray of shape (n_rows,)
        Day of application, as days since 1970.
    """

    frame: pl.DataFrame
    app: Int32s
    age: Int32s
    as_of: Int32s

    def where(self, mask: Bools) -> "Rows":
        """Keep the rows where `mask` holds."""
        if mask.all():
            return self
        return Rows(
            self.frame.filter(pl.Series(mask)), self.app[mask], self.age[mask], self.as_of[mask]
        )

    def known(self, column: str, *, by_event: bool) -> Int32s:
        """Days of a date column; `MISSING` where it is empty or lay ahead on the day."""
        day = days(self.frame[column])
        if by_event:
            return day
        return np.where(day + 1 <= self.as_of, day, np.int32(MISSING))


def days(column: pl.Series) -> Int32s:
    """Dates as days since 1970; `MISSING` where empty."""
    if column.null_count() == len(column):
        return np.full(len(column), MISSING, dtype=np.int32)
    numbers = column.cast(pl.Int32).to_numpy()
    if column.null_count():
        return np.where(np.isnan(numbers), np.float64(MISSING), numbers).astype(np.int32)
    return numbers


def as_known(
    raw: pl.DataFrame, table: str, applications: pl.DataFrame, *, by_event: bool = False
) -> Rows:
    """Give each application the rows of its firm that were known on its day.

    Parameters
    ----------
    raw : polars.DataFrame
        Rows of `table`, contract columns, in any order. Without the invoice's id no versions
        are looked for: see `features.io.signal_reader.Signals.read`.
    table : str
    applications : polars.DataFrame
        firm_id, app (position, Int32), as_of_day (Int32), sorted by app.
    by_event : bool
        See a row from the day of its event, in its final form. This is the leak that knowledge
        dates prevent; it serves to measure what the leak is worth.

    Returns
    -------
    Rows
        By application; those of one application by date where the table has one row per date.
    """
    lag = np.int32(0 if by_event else SOURCE_LAG_DAYS[TABLES[table].source or ""])
    app, frame = attach(raw, applications)
    as_of = applications["as_of_day"].to_numpy()[app]
    event = days(frame[EVENT[table]])
    rows = Rows(frame, app, as_of - lag - event, as_of)
    if by_event:
        first = days(frame[Table.KNOWN_ON]) if Table.KNOWN_ON in frame.columns else event
        seen = event <= as_of
    else:
        first = _known_day(rows, table, event)
        seen = first <= as_of
        if table == "tax_filings":
            # that nothing came is known once the return is overdue, whoever files it later
            seen |= days(frame["due_on"]) + 1 <= as_of
            first = np.where(first <= as_of, first, np.int32(-1))
    if not seen.all():
        rows, first = rows.where(seen), first[seen]
    return _latest(rows, first, table)


def attach(raw: pl.DataFrame, applications: pl.DataFrame) -> tuple[Int32s, pl.DataFrame]:
    """Join rows to the applications of their firm; rows of other firms are left out.

    Parameters
    ----------
    raw : polars.DataFrame
        With `firm_id`, in any order.
    applications : polars.DataFrame
        firm_id, app; sorted by app.

    Returns
    -------
    app : ndarray of shape (n_rows,)
        Ascending.
    frame : polars.DataFrame of n_rows
        Within an application in the order of `raw`.
    """
    if applications.height == 1:
        of_firm = raw["firm_id"] == applications["firm_id"][0]
        frame = raw if of_firm.all() else raw.filter(of_firm)
        return np.zeros(frame.height, dtype=np.int32), frame
    # runs of one firm are joined, not single rows
    runs = raw["firm_id"].rle().struct.unnest().rename({"value": "firm_id"})
    runs = runs.with_columns(start=pl.col("len").cum_sum() - pl.col("len"))
    pairs = runs.join(applications.select("firm_id", "app"), on="firm_id").sort("app", "start")
    length = pairs["len"].to_numpy().astype(np.int64)
    start = pairs["start"].to_numpy().astype(np.int64)
    app = np.repeat(pairs["app"].to_numpy(), length)
    if len(app) == raw.height and bool((start[1:] == start[:-1] + length[:-1]).all()):
        return app, raw
    shift = start - (np.cumsum(length) - length)
    return app, raw[np.repeat(shift, length) + np.arange(len(app))]


def filed(rows: Rows, *, by_event: bool) -> Bools:
    """Tell which returns are known to have been filed, contents and all."""
    day = rows.known("filed_on", by_event=by_event)
    seen: Bools = day != MISSING
    if not by_event and Table.KNOWN_ON in rows.frame.columns:
        late = days(rows.frame[Table.KNOWN_ON])
        seen &= (late == MISSING) | (late <= rows.as_of)
    return seen


def void(rows: Rows, *, by_event: bool) -> Bools:
    """Tell which invoices are known to be void; without a date of voiding, from their issue."""
    is_void: Bools = (rows.frame["status"] == "void").to_numpy(writable=True)
    if by_event or not is_void.any():
        return is_void
    day = days(rows.frame["voided_on"].filter(pl.Series(is_void)))
    is_void[is_void] = (day == MISSING) | (day + 1 <= rows.as_of[is_void])
    return is_void


def _known_day(rows: Rows, table: str, event: Int32s) -> Int32s:
    """First day on which the row's content may be used."""
    day = days(rows.frame["filed_on"]) if table == "tax_filings" else event
    default = np.where(day == MISSING, np.int32(MISSING), day + np.int32(LAG_DAYS[table]))
    if Table.KNOWN_ON not in rows.frame.columns:
        return default
    stated = days(rows.frame[Table.KNOWN_ON])
    return np.where(stated == MISSING, default, stated)


def _by_date(rows: Rows, known: Int32s) -> tuple[Rows, Int32s, Bools]:
    """Sort the rows of each application by date, if they are not.

    Also gives the knowledge dates in that order, and whether a row is followed by one of its date.
    """
    app, age = rows.app, rows.age
    if bool(((age[1:] < age[:-1]) | (app[1:] != app[:-1])).all()):
        return rows, known, np.zeros(len(app), dtype=np.bool_)
    order = np.lexsort((-age, app))
    app, age = app[order], age[order]
    followed = np.zeros(len(app), dtype=np.bool_)
    followed[:-1] = (app[1:] == app[:-1]) & (age[1:] == age[:-1])
    known = known[order]
    if bool((~followed[:-1] | (known[1:] > known[:-1])).all()):
        # versions stand in the order in which they became known: each date's last row counts
        order, known = order[~followed], known[~followed]
        followed = np.zeros(len(order), dtype=np.bool_)
    return (
        Rows(rows.frame[order], rows.app[order], rows.age[order], rows.as_of[order]),
        known,
        followed,
    )


def _latest(rows: Rows, known: Int32s, table: str) -> Rows:
    """Of several versions of one row keep the one known last; ties go by content."""
    key = [c for c in TABLES[table].key if c != "firm_id"]
    if key == [EVENT[table]]:
        rows, known, twin = _by_date(rows, known)
        twin[1:] |= twin[:-1].copy()
    elif set(key) <= set(rows.frame.columns) and rows.frame.height:
        # unequal hashes prove unequal keys, and cost a third
        keys = rows.frame[key].hash_rows().to_numpy() ^ (rows.app.astype(np.uint64) << 32)
        ordered = np.sort(keys)
        if bool((ordered[1:] != ordered[:-1]).all()):
            return rows
        twin = rows.frame.select(pl.Series("app", rows.app), *key).is_duplicated().to_numpy()
    else:
        return rows
    if not twin.any():
        return rows
    content = [c for c in rows.frame.columns if c not in key and c != "firm_id"]
    versions = rows.frame.filter(pl.Series(twin)).with_columns(
        pl.Series("app", rows.app[twin]),
        pl.Series("known", known[twin]),
        pl.Series("position", np.flatnonzero(twin)),
    )
    last = versions.sort("known", *content, nulls_last=False).unique(
        ["app", *key], keep="last", maintain_order=True
    )
    keep = ~twin
    keep[last["position"].to_numpy()] = True
    return rows.where(keep)
