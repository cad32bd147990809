"""Payment and filing delays: tax returns and electricity bills, as known on the day."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.arrays import Bools, Floats, Int32s
from features.engine import point_in_time
from features.engine.coverage import Span
from features.engine.period_sums import table
from features.engine.point_in_time import MISSING, Rows
from features.table.frames import FEN, HORIZON_DAYS

_LONGEST_PERIOD = 100
"""Days of a quarterly period, with some slack; filings further apart leave a gap between."""


def filings(rows: Rows, span: Span, sales: Floats, *, by_event: bool) -> pl.DataFrame:
    """Build the frame `filings`: one row per return that was filed or overdue.

    Parameters
    ----------
    rows : Rows
        Known returns, contents still as in the table.
    span : Span
        Covered days of the tax source.
    sales : ndarray of shape (n_applications, HORIZON_DAYS)
        Invoiced sales by day in fen, oldest day first, to compare declared sales with.
    by_event : bool
        See `features.engine.point_in_time.as_known`.
    """
    rows = rows.where((rows.age < HORIZON_DAYS) & span.holds(rows.app, np.maximum(rows.age, 0)))
    filed = point_in_time.filed(rows, by_event=by_event)
    due = point_in_time.days(rows.frame["due_on"])
    end = point_in_time.days(rows.frame["period_end"])
    filed_on = np.where(filed, point_in_time.days(rows.frame["filed_on"]), rows.as_of)
    paid_on = rows.known("paid_on", by_event=by_event)
    paid = filed & (paid_on != MISSING)
    declared, tax_due = (
        _where(filed, rows.frame[name].to_numpy()) for name in ("declared_sales_cny", "tax_due_cny")
    )
    owed = np.nan_to_num(tax_due) > 0
    settled = np.where(paid, paid_on, rows.as_of)
    age = np.maximum(rows.age, 0)
    return table(
        {
            "age": age,
            "declared_sales_cny": declared,
            "tax_due_cny": tax_due,
            "unfiled": _number(~filed),
            "file_days": _number(filed_on - end),
            "late_days": _number(np.maximum(filed_on - due, 0)),
            "unpaid": _number(owed & ~paid & (due < rows.as_of)),
            "pay_days": _where(owed & (paid | (due < rows.as_of)), settled - filed_on),
            "pay_late_days": _number(np.where(owed, np.maximum(settled - due, 0), 0)),
            "invoiced_cny": _invoiced(rows, age, sales, span),
        },
        rows.app,
    )


def bills(rows: Rows, span: Span, *, by_event: bool) -> pl.DataFrame:
    """Build the frame `bills`: one row per electricity bill; parameters as of `filings`."""
    rows = rows.where((rows.age < HORIZON_DAYS) & span.holds(rows.app, np.maximum(rows.age, 0)))
    billed = point_in_time.days(rows.frame["billed_on"])
    due = point_in_time.days(rows.frame["due_on"])
    paid_on = rows.known("paid_on", by_event=by_event)
    paid = paid_on != MISSING
    overdue = ~paid & (due < rows.as_of)
    settled = np.where(paid, paid_on, rows.as_of)
    amount = np.nan_to_num(rows.frame["amount_cny"].to_numpy())
    return table(
        {
            "age": np.maximum(rows.age, 0),
            "amount_cny": amount,
            "overdue": _number(overdue),
            "pay_days": _where(paid | overdue, settled - billed),
            "late_days": _number(np.maximum(settled - due, 0)),
            "arrears_cny": np.where(overdue, amount, 0.0),
        },
        rows.app,
    )


def _invoiced(rows: Rows, age: Int32s, sales: Floats, span: Span) -> Floats:
    """Sales invoiced between the period's end and the end before; NaN where not covered."""
    sums = np.zeros((len(sales), HORIZON_DAYS + 1))
    np.cumsum(sales, axis=1, out=sums[:, 1:])
    end = HORIZON_DAYS - age
    same = np.zeros(len(age), dtype=np.bool_)
    same[1:] = rows.app[1:] == rows.app[:-1]
    start = np.where(same, np.roll(end, 1), 0)
    length = end - start
    oldest, newest = span.oldest[rows.app], span.newest[rows.app]
    fully = (HORIZON_DAYS - 1 - start <= oldest) & (age >= newest)
    whole = same & (length > 0) & (length <= _LONGEST_PERIOD) & fully & (rows.age >= 0)
    return _where(whole, (sums[rows.app, end] - sums[rows.app, start]) / FEN)


def _number(values: NDArray[np.generic]) -> Floats:
    return values.astype(np.float64)


def _where(mask: Bools, values: NDArray[np.generic]) -> Floats:
    """Values where the mask holds, NaN elsewhere."""
    return np.where(mask, values, np.nan)
