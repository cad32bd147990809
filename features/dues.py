"""What was due and when it came: tax returns and electricity bills, as known on the day."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features import known
from features.covered import Span
from features.frames import HORIZON_DAYS
from features.grid import Grid
from features.known import MISSING, Ints, Rows, by_application

_LONGEST_PERIOD = 100
"""Days of a quarterly period, with some slack; filings further apart leave a gap between."""


def filings(rows: Rows, span: Span, days: Grid, *, by_event: bool) -> pl.DataFrame:
    """Build the frame `filings`: one row per return that was filed or overdue.

    Parameters
    ----------
    rows : Rows
        Known returns, contents still as in the table.
    span : Span
        Covered days of the tax source.
    days : Grid
        Invoices by day, to compare declared sales with.
    by_event : bool
        See `features.known.as_known`.
    """
    rows = _oldest_first(
        rows.where((rows.age < HORIZON_DAYS) & span.holds(rows.app, np.maximum(rows.age, 0)))
    )
    filed = known.filed(rows, by_event=by_event)
    due = known.days(rows.frame["due_on"])
    end = known.days(rows.frame["period_end"])
    filed_on = np.where(filed, known.days(rows.frame["filed_on"]), rows.as_of)
    paid_on = rows.known("paid_on", by_event=by_event)
    paid = filed & (paid_on != MISSING)
    content = rows.frame.select(
        pl.when(pl.Series(filed)).then(pl.col("declared_sales_cny", "tax_due_cny")),
    )
    owed = (content["tax_due_cny"].fill_null(0.0) > 0).to_numpy()
    settled = np.where(paid, paid_on, rows.as_of)
    age = np.maximum(rows.age, 0)
    return by_application(
        rows.app,
        {
            "age": age,
            "unfiled": _number(~filed),
            "file_days": _number(filed_on - end),
            "late_days": _number(np.maximum(filed_on - due, 0)),
            "unpaid": _number(owed & ~paid & (due < rows.as_of)),
            "pay_days": _where(owed & (paid | (due < rows.as_of)), settled - filed_on),
            "pay_late_days": _number(np.where(owed, np.maximum(settled - due, 0), 0)),
            "invoiced_cny": _invoiced(rows, age, days),
        },
    ).with_columns(content)


def bills(rows: Rows, span: Span, *, by_event: bool) -> pl.DataFrame:
    """Build the frame `bills`: one row per electricity bill; parameters as of `filings`."""
    rows = _oldest_first(
        rows.where((rows.age < HORIZON_DAYS) & span.holds(rows.app, np.maximum(rows.age, 0)))
    )
    billed = known.days(rows.frame["billed_on"])
    due = known.days(rows.frame["due_on"])
    paid_on = rows.known("paid_on", by_event=by_event)
    paid = paid_on != MISSING
    overdue = ~paid & (due < rows.as_of)
    settled = np.where(paid, paid_on, rows.as_of)
    amount = rows.frame["amount_cny"].fill_null(0.0).to_numpy()
    return by_application(
        rows.app,
        {
            "age": np.maximum(rows.age, 0),
            "amount_cny": amount,
            "overdue": _number(overdue),
            "pay_days": _where(paid | overdue, settled - billed),
            "late_days": _number(np.maximum(settled - due, 0)),
            "arrears_cny": np.where(overdue, amount, 0.0),
        },
    )


def _invoiced(rows: Rows, age: Ints, days: Grid) -> pl.Series:
    """Sales invoiced between the period's end and the end before; missing where not covered."""
    n = len(days.known)
    edge = np.zeros((n, 1))
    sales = np.hstack([edge, np.cumsum(days.values["sales_cny"], axis=1)])
    seen = np.hstack([edge, np.cumsum(days.known, axis=1)])
    end = HORIZON_DAYS - age
    same = np.zeros(len(age), dtype=np.bool_)
    same[1:] = rows.app[1:] == rows.app[:-1]
    start = np.where(same, np.roll(end, 1), 0)
    length = end - start
    fully = seen[rows.app, end] - seen[rows.app, start] == length
    whole = same & (length > 0) & (length <= _LONGEST_PERIOD) & fully & (rows.age >= 0)
    return _where(whole, sales[rows.app, end] - sales[rows.app, start])


def _oldest_first(rows: Rows) -> Rows:
    order = np.lexsort((-rows.age, rows.app))
    return Rows(rows.frame[order], rows.app[order], rows.age[order], rows.as_of[order])


def _number(values: NDArray[np.generic]) -> NDArray[np.float64]:
    return values.astype(np.float64)


def _where(mask: NDArray[np.bool_], values: NDArray[np.generic]) -> pl.Series:
    """Values where the mask holds, missing elsewhere."""
    return pl.Series(np.where(mask, values, np.nan), nan_to_null=True)
