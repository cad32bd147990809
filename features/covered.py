"""Which days of which source a firm's record covers (design.md section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.known import MISSING, SOURCE_LAG_DAYS, Bools, Ints, Rows, attach, days
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

    def holds(self, app: Ints, age: Ints) -> Bools:
        """Tell which pairs of application and age, each of shape (n_rows,), are covered."""
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
    if coverage is None:
        found = {s: Span(_first_known(known[s], len(as_of)), np.zeros_like(as_of)) for s in SOURCES}
    else:
        found = _declared(applications, coverage, by_event=by_event)
    return {
        source: Span(np.where(refused, np.int32(_LONG_AGO), span.oldest), span.newest)
        for source, span in found.items()
    }


def _first_known(tables: tuple[Rows, ...], n: int) -> Ints:
    oldest = np.full(n, _LONG_AGO, dtype=np.int32)
    for rows in tables:
        np.maximum.at(oldest, rows.app, rows.age)
    return oldest


def _declared(
    applications: pl.DataFrame, coverage: pl.DataFrame, *, by_event: bool
) -> dict[str, Span]:
    app, own = attach(coverage, applications)
    as_of = applications["as_of_day"].to_numpy()
    start, end = days(own["covered_from"]), days(own["covered_to"])
    found = {}
    for source in SOURCES:
        mine = (own["source"] == source).to_numpy()
        last = as_of - np.int32(0 if by_event else SOURCE_LAG_DAYS[source])
        oldest = np.full(len(as_of), _LONG_AGO, dtype=np.int32)
        newest = np.zeros_like(oldest)
        who, first, final = app[mine], start[mine], end[mine]
        oldest[who] = np.where(first == MISSING, np.int32(_LONG_AGO), last[who] - first)
        newest[who] = np.where(final == MISSING, 0, np.maximum(last[who] - final, 0))
        found[source] = Span(oldest, newest)
    return found
