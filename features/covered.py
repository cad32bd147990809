"""Which days of which source a firm's record covers (design.md section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.frames import HORIZON_DAYS
from features.known import MISSING, SOURCE_LAG_DAYS, Bools, Ints, Rows, days
from features.tables import SOURCES

_LONG_AGO = -MISSING


@dataclass(frozen=True, eq=False)
class Span:
    """Covered days of one source, as ages; empty where `oldest < newest`.

    Attributes
    ----------
    oldest, newest : ndarray of shape (n_applications,)
        Ages of the first and of the last covered day, both included.
    """

    oldest: Ints
    newest: Ints

    def days(self) -> Bools:
        """Covered days, oldest first, shape (n_applications, HORIZON_DAYS)."""
        age = np.arange(HORIZON_DAYS - 1, -1, -1, dtype=np.int32)
        return (age <= self.oldest[:, None]) & (age >= self.newest[:, None])

    def holds(self, app: Ints, age: Ints) -> Bools:
        """Tell which (application, age) pairs are covered."""
        return (age <= self.oldest[app]) & (age >= self.newest[app])


def spans(
    applications: pl.DataFrame,
    coverage: pl.DataFrame | None,
    known: Mapping[str, tuple[Rows, ...]],
    *,
    by_event: bool = False,
) -> dict[str, Span]:
    """Find the covered span of every source.

    Parameters
    ----------
    applications : polars.DataFrame
        firm_id, app, as_of_day, consent_on, sorted by app.
    coverage : polars.DataFrame or None
        The contract's table; None where there is none, and coverage then runs from the firm's
        first known row to as_of.
    known : mapping of source to its known rows
    by_event : bool
        See `features.known.as_known`.
    """
    as_of = applications["as_of_day"].to_numpy()
    consent = days(applications["consent_on"])
    refused = (consent != MISSING) & (consent > as_of)
    found = {}
    for source in SOURCES:
        if coverage is None:
            oldest = _first_known(known.get(source, ()), len(as_of))
            newest = np.zeros_like(oldest)
        else:
            oldest, newest = _declared(applications, coverage, source, by_event=by_event)
        found[source] = Span(np.where(refused, np.int32(_LONG_AGO), oldest), newest)
    return found


def _first_known(tables: tuple[Rows, ...], n: int) -> Ints:
    oldest = np.full(n, _LONG_AGO, dtype=np.int32)
    for rows in tables:
        np.maximum.at(oldest, rows.app, rows.age)
    return oldest


def _declared(
    applications: pl.DataFrame, coverage: pl.DataFrame, source: str, *, by_event: bool
) -> tuple[Ints, Ints]:
    own = coverage.filter(pl.col("source") == source).unique("firm_id", keep="last")
    joined = applications.select("firm_id", "as_of_day").join(
        own, on="firm_id", how="left", maintain_order="left"
    )
    lag = np.int32(0 if by_event else SOURCE_LAG_DAYS[source])
    last = joined["as_of_day"].to_numpy() - lag
    start, end = days(joined["covered_from"]), days(joined["covered_to"])
    oldest = np.where(start == MISSING, np.int32(_LONG_AGO), last - start)
    newest = np.where(end == MISSING, np.int32(0), np.maximum(last - end, 0))
    return oldest.astype(np.int32), newest.astype(np.int32)
