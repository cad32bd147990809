"""What was known on the day of application: every knowledge date is applied here and nowhere else.

A row is seen from the day after its event (design.md section 2), or from `known_on` where the
table carries one; of several rows with one key the latest version known counts. Dates inside a
row that lay ahead (a void, a filing, a payment) are seen as not having happened.

Ages count back from the last day that a source can know: age 0 is yesterday for most sources and
the day before for logistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.tables import TABLES, Table

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]

LAG_DAYS: Mapping[str, int] = MappingProxyType(
    {
        "invoices": 1,
        "tax_filings": 1,
        "electricity": 1,
        "electricity_bills": 1,
        "logistics": 2,
        "ecommerce": 1,
    }
)
"""Days between an event and its being known, by table (design.md section 2)."""

SOURCE_LAG_DAYS: Mapping[str, int] = MappingProxyType(
    {"tax": 1, "electricity": 1, "logistics": 2, "ecommerce": 1}
)
"""Days between today and the last day that a source can know."""

EVENT: Mapping[str, str] = MappingProxyType(
    {
        "invoices": "issued_on",
        "tax_filings": "period_end",
        "electricity": "date",
        "electricity_bills": "billed_on",
        "logistics": "date",
        "ecommerce": "date",
    }
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
    app: Ints
    age: Ints
    as_of: Ints

    def where(self, mask: Bools) -> "Rows":
        """Keep the rows where `mask` holds."""
        if mask.all():
            return self
        return Rows(
            self.frame.filter(pl.Series(mask)), self.app[mask], self.age[mask], self.as_of[mask]
        )

    def known(self, column: str, *, by_event: bool) -> Ints:
        """Days of a date column; `MISSING` where it is empty or lay ahead on the day."""
        day = days(self.frame[column])
        if by_event:
            return day
        return np.where(day + 1 <= self.as_of, day, np.int32(MISSING))


def days(column: pl.Series) -> Ints:
    """Dates as days since 1970; `MISSING` where empty."""
    physical = column.to_physical()
    if physical.null_count():
        physical = physical.fill_null(MISSING)
    return physical.to_numpy()


def as_known(
    raw: pl.DataFrame, table: str, applications: pl.DataFrame, *, by_event: bool = False
) -> Rows:
    """Give each application the rows of its firm that were known on its day.

    Parameters
    ----------
    raw : polars.DataFrame
        Rows of `table`, contract columns, in any order.
    table : str
    applications : polars.DataFrame
        firm_id, app (position, Int32), as_of_day (Int32), sorted by app.
    by_event : bool
        See a row from the day of its event, in its final form. This is the leak that knowledge
        dates prevent; it serves to measure what the leak is worth.
    """
    lag = np.int32(0 if by_event else SOURCE_LAG_DAYS[TABLES[table].source or ""])
    rows = _attach(raw, table, applications, lag)
    if not len(rows.app):
        return rows
    event = rows.as_of - lag - rows.age
    if by_event:
        seen = event <= rows.as_of
        order = days(rows.frame[Table.KNOWN_ON]) if Table.KNOWN_ON in raw.columns else event
        return _latest(rows.where(seen), order[seen], table)
    first = _known_day(rows, table, event)
    seen = first <= rows.as_of
    if table == "tax_filings":
        # that nothing came is known once the return is overdue, whoever files it later
        seen |= days(rows.frame["due_on"]) + 1 <= rows.as_of
        first = np.where(first <= rows.as_of, first, np.int32(-1))
    return _latest(rows.where(seen), first[seen], table)


def by_application(app: Ints, columns: Mapping[str, object]) -> pl.DataFrame:
    """Make a frame of rows that are sorted by application."""
    frame = pl.DataFrame({"app": app, **columns})
    return frame.with_columns(pl.col("app").set_sorted())


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
    is_void: Bools = (rows.frame["status"] == "void").to_numpy()
    if by_event or not is_void.any():
        return is_void
    day = days(rows.frame["voided_on"])
    past: Bools = (day == MISSING) | (day + 1 <= rows.as_of)
    return is_void & past


def _known_day(rows: Rows, table: str, event: Ints) -> Ints:
    """First day on which the row's content may be used."""
    day = days(rows.frame["filed_on"]) if table == "tax_filings" else event
    default = np.where(day == MISSING, np.int32(MISSING), day + np.int32(LAG_DAYS[table]))
    if Table.KNOWN_ON not in rows.frame.columns:
        return default
    own = days(rows.frame[Table.KNOWN_ON])
    return np.where(own == MISSING, default, own)


def _attach(raw: pl.DataFrame, table: str, applications: pl.DataFrame, lag: np.int32) -> Rows:
    """Join rows to applications by firm: runs of one firm are joined, not single rows."""
    runs = raw["firm_id"].rle().struct.unnest().rename({"value": "firm_id"})
    runs = runs.with_columns(start=pl.col("len").cum_sum() - pl.col("len"))
    pairs = runs.join(applications, on="firm_id", how="inner").sort("app", "start")
    length = pairs["len"].to_numpy().astype(np.int64)
    start = pairs["start"].to_numpy().astype(np.int64)
    total = int(length.sum())
    app = np.repeat(pairs["app"].to_numpy(), length)
    as_of = np.repeat(pairs["as_of_day"].to_numpy(), length)
    position = np.repeat(start - (np.cumsum(length) - length), length) + np.arange(total)
    if total == raw.height and (total == 0 or bool((np.diff(position) == 1).all())):
        frame = raw
    else:
        frame = raw[position]
    age = as_of - lag - days(frame[EVENT[table]])
    return Rows(frame, app, age, as_of)


def _latest(rows: Rows, known: Ints, table: str) -> Rows:
    """Of several versions of one row keep the one known last; ties go by content."""
    key = [c for c in TABLES[table].key if c != "firm_id"]
    keys = rows.frame.select(pl.Series("app", rows.app), *key)
    if not _has_twins(keys, key, rows):
        return rows
    twin = keys.is_duplicated().to_numpy()
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


def _has_twins(keys: pl.DataFrame, key: list[str], rows: Rows) -> bool:
    if key == ["date"]:
        # sorted days that grow within each application cannot repeat
        same = rows.app[1:] == rows.app[:-1]
        if not bool((same & (rows.age[1:] >= rows.age[:-1])).any()):
            return False
    # unequal hashes prove unequal keys, and cost a third
    hashes = np.sort(keys.hash_rows().to_numpy())
    if bool((hashes[1:] != hashes[:-1]).all()):
        return False
    return keys.n_unique() < keys.height
