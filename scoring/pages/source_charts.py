"""Weekly charts of each source for one applicant, with the windows of the reasons."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from features.arrays import Floats
from features.contract.tables import SOURCE_NAMES, SOURCES
from features.engine.point_in_time import SOURCE_LAG_DAYS, as_known
from features.loan.catalogue import OPEN_LOAN_FEATURES

WEEKS = 65
"""Weeks shown: the 455 days that features look at."""

_WIDTH, _HEIGHT = 1000.0, 100.0
_HEADROOM = 0.84
_GRID = (1.0, 0.5)
_CLEAR = 8.0
"""Percent of the width that a label needs on either side."""
_LATE = 70.0
"""Beyond it a label has no room on a phone, beside that of the last day."""

_SEEN = 7
"""Days without coverage that a line of weeks can show."""

_FEATURES = {feature.name: feature for feature in OPEN_LOAN_FEATURES}


@dataclass(frozen=True)
class _Line:
    table: str
    value: pl.Expr
    rows: pl.Expr
    english: str
    chinese: str
    written: str


_VALID = pl.col("status") == "valid"
_KWH = pl.sum_horizontal("kwh_peak", "kwh_flat", "kwh_valley")
_ALL = pl.lit(value=True)

_LINES: Mapping[str, tuple[_Line, ...]] = MappingProxyType(
    {
        "tax": (
            _Line("invoices", pl.col("amount_cny"), _VALID & (pl.col("direction") == "output"),
                  "sales", "销项", "CNY {:,.0f}"),
            _Line("invoices", pl.col("amount_cny"), _VALID & (pl.col("direction") == "input"),
                  "purchases", "进项", "CNY {:,.0f}"),
        ),
        "electricity": (_Line("electricity", _KWH, _ALL, "electricity", "用电", "{:,.0f} kWh"),),
        "logistics": (
            _Line("logistics", pl.col("parcels_out"), _ALL, "parcels sent", "发件", "{:,.0f}"),
            _Line("logistics", pl.col("parcels_in"), _ALL, "parcels received", "收件", "{:,.0f}"),
        ),
        "ecommerce": (
            _Line("ecommerce", pl.col("orders"), _ALL, "orders", "订单", "{:,.0f}"),
            _Line("ecommerce", pl.col("refunds"), _ALL, "refunds", "退款", "{:,.0f}"),
        ),
    }
)  # fmt: skip


def source_charts(
    frames: Mapping[str, pl.DataFrame],
    *,
    firm_id: str,
    as_of: dt.date,
    coverage: Mapping[str, float],
    reasons: Sequence[tuple[int, str]],
) -> list[dict[str, Any]]:
    """Draw the four sources as known on the day of the application.

    Parameters
    ----------
    frames : mapping of table name to polars.DataFrame
        Rows of the applicant's firm.
    firm_id : str
    as_of : datetime.date
    coverage : mapping of source to float
        Known share of the last half year.
    reasons : sequence of (rank, feature)
        Whose windows are shaded in the chart of their source.

    Returns
    -------
    list of dict
        What the template needs for each source; `lines` is empty where nothing is known.
    """
    return [
        {
            "english": SOURCE_NAMES[source][0].capitalize(),
            "chinese": SOURCE_NAMES[source][1],
            "coverage": f"{coverage[source]:.0%}",
            "ticks": _ticks(as_of),
            **_lines(frames, source, firm_id=firm_id, as_of=as_of),
            "windows": _windows(source, reasons),
            "blanks": _blanks(frames, source, as_of=as_of),
        }
        for source in SOURCES
    ]


def _lines(
    frames: Mapping[str, pl.DataFrame], source: str, *, firm_id: str, as_of: dt.date
) -> dict[str, list[dict[str, Any]]]:
    """Draw the lines of one source on one scale, with the levels of its grid."""
    drawn = []
    for line, style in zip(_LINES[source], ("first", "second"), strict=False):
        raw = frames.get(line.table)
        weeks = None if raw is None else _weekly(raw, line, firm_id=firm_id, as_of=as_of)
        if weeks is None:
            continue
        drawn.append((line, style, weeks))
    top = max([float(weeks.max()) for _, _, weeks in drawn], default=0.0) or 1.0
    written = _LINES[source][0].written
    return {
        "lines": [
            {
                "style": style,
                "english": line.english,
                "chinese": line.chinese,
                "path": _path(weeks / top),
                "most": line.written.format(weeks.max()),
            }
            for line, style, weeks in drawn
        ],
        "grid": [
            {"y": round(_HEIGHT * (1 - _HEADROOM * share), 1), "name": written.format(share * top)}
            for share in _GRID
        ],
    }


def _ticks(as_of: dt.date) -> list[dict[str, Any]]:
    """First days of quarters of the calendar, and the last day, as percent of the width."""
    total = 7 * WEEKS
    first = as_of - dt.timedelta(days=total)
    ticks = []
    for month in range(first.year * 12 + first.month, as_of.year * 12 + as_of.month):
        day = dt.date(month // 12, month % 12 + 1, 1)
        left = 100 * (day - first).days / total
        if month % 3 == 0 and _CLEAR < left < 100 - 2 * _CLEAR:
            ticks.append({"name": f"{day:%Y-%m}", "left": round(left, 1), "late": left > _LATE})
    return [*ticks, {"name": as_of.isoformat(), "left": 100.0, "late": False}]


def _weekly(raw: pl.DataFrame, line: _Line, *, firm_id: str, as_of: dt.date) -> Floats | None:
    """Sums by week, oldest first, shape (WEEKS,); None if nothing is known."""
    day = (as_of - dt.date(1970, 1, 1)).days
    applicant = pl.DataFrame(
        {"firm_id": [firm_id], "app": [0], "as_of_day": [day]},
        schema={"firm_id": pl.String, "app": pl.Int32, "as_of_day": pl.Int32},
    )
    rows = as_known(raw, line.table, applicant)
    kept = rows.frame.with_columns(week=pl.Series(rows.age // 7)).filter(
        line.rows, pl.col("week").is_between(0, WEEKS - 1)
    )
    if kept.is_empty():
        return None
    sums = kept.group_by("week").agg(line.value.sum().alias("sum"))
    weeks = np.zeros(WEEKS)
    weeks[WEEKS - 1 - sums["week"].to_numpy()] = sums["sum"].to_numpy()
    return np.maximum(weeks, 0.0)


def _path(heights: Floats) -> str:
    """An SVG path through the middle of each week."""
    step = _WIDTH / len(heights)
    points = [
        f"{(k + 0.5) * step:.1f} {_HEIGHT * (1 - _HEADROOM * height):.1f}"
        for k, height in enumerate(heights)
    ]
    return "M" + " L".join(points)


def _windows(source: str, reasons: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    """Shaded spans, one for each length of window among the reasons of this source."""
    by_days: dict[int, list[str]] = {}
    for rank, name in reasons:
        if source in _sources_of(name) and (days := _FEATURES[name].days):
            by_days.setdefault(days, []).append(str(rank))
    windows = []
    for days, ranks in sorted(by_days.items()):
        width = min(days / (7 * WEEKS), 1.0) * _WIDTH
        windows.append(
            {
                "days": days,
                "ranks": ", ".join(ranks),
                "left": round(_WIDTH - width, 1),
                "width": round(width, 1),
            }
        )
    return windows


@cache
def _sources_of(name: str) -> frozenset[str]:
    """Sources that a feature is made of, through the features that it reads."""
    feature = _FEATURES.get(name)
    if feature is None:
        return frozenset()
    if feature.source in SOURCES:
        return frozenset([feature.source])
    # a coverage feature reads columns such as tax_180
    direct = {source for source in SOURCES for read in feature.inputs if read.startswith(source)}
    return frozenset(direct).union(*map(_sources_of, feature.inputs))


def _blanks(
    frames: Mapping[str, pl.DataFrame], source: str, *, as_of: dt.date
) -> list[tuple[float, float]]:
    """Spans without coverage, as (left, width); none where there is no coverage table."""
    table = frames.get("coverage")
    if table is None or table.is_empty():
        return []
    end = as_of - dt.timedelta(days=SOURCE_LAG_DAYS[source])
    total = 7 * WEEKS
    dark = np.ones(total, dtype=np.bool_)
    for row in table.filter(pl.col("source") == source).iter_rows(named=True):
        first = max(total - 1 - (end - row["covered_from"]).days, 0)
        last = total - 1 - max((end - (row["covered_to"] or end)).days, 0)
        dark[first : last + 1] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[False], dark, [False]]).astype(np.int8)))
    scale = _WIDTH / total
    return [
        (round(float(a * scale), 1), round(float((b - a) * scale), 1))
        for a, b in edges.reshape(-1, 2)
        if b - a >= _SEEN
    ]
