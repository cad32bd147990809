"""Which days of which source a firm's record covers (docs/design.md, Coverage)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.arrays import Bools, Int32s
from features.contract.tables import SOURCES
from features.engine.point_in_time import MISSING, SOURCE_LAG_DAYS, Rows, attach, days

_LONG_AGO = -MISSING


@dataclass(frozen=True, eq=False)
class Span:
    """Covered days of one source, as ages; empty where `oldest < newest`.

    Attributes
    ----------
    oldest, newest : ndarray of shape (n_applications,)
        Ages of the first and of the last covered day, both included.
    """

    oldest: Int32s
    newest: Int32s

    def holds(self, app: Int32s, age: Int32s) -> Bools:
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
        See `features.engine.point_in_time.as_known`.
    """
    as_of = applications["as_of_day"].to_numpy()
    consent = days(applications["consent_on"])
    refused = (consent != MISSING) & (consent > as_of)
    if coverage is None:
        by_source = {
            s: Span(_first_known(known[s], len(as_of)), np.zeros_like(as_of)) for s in SOURCES
        }
    else:
        by_source = _declared(applications, coverage, by_event=by_event)
    return {
        source: Span(np.where(refused, np.int32(_LONG_AGO), span.oldest), span.newest)
        for source, span in by_source.items()
    }


def _first_known(tables: tuple[Rows, ...], n: int) -> Int32s:
    oldest = np.full(n, _LONG_AGO, dtype=np.int32)
    for rows in tables:
        np.maximum.at(oldest, rows.app, rows.age)
    return oldest


def _declared(
    applications: pl.DataFrame, coverage: pl.DataFrame, *, by_event: bool
) -> dict[str, Span]:
    app, rows = attach(coverage, applications)
    as_of = applications["as_of_day"].to_numpy()
    start, end = days(rows["covered_from"]), days(rows["covered_to"])
    by_source = {}
    for source in SOURCES:
        of_source = (rows["source"] == source).to_numpy()
        last = as_of - np.int32(0 if by_event else SOURCE_LAG_DAYS[source])
        oldest = np.full(len(as_of), _LONG_AGO, dtype=np.int32)
        newest = np.zeros_like(oldest)
        who, first, final = app[of_source], start[of_source], end[of_source]
        oldest[who] = np.where(first == MISSING, np.int32(_LONG_AGO), last[who] - first)
        newest[who] = np.where(final == MISSING, 0, np.maximum(last[who] - final, 0))
        by_source[source] = Span(oldest, newest)
    return by_source
