"""Table, CSV and page of a rehearsal."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from features.arrays import Floats
from laboratory.rehearsal.layers import LAYERS, left_to_lender, waterfall
from laboratory.rehearsal.policies import BEST
from laboratory.rehearsal.rehearse import TITLES, Rehearsal
from laboratory.rehearsal.results import Rehearsed
from laboratory.rehearsal.search import Found
from scoring.pages.render import render

_TEMPLATES = Path(str(resources.files("laboratory.rehearsal") / "templates"))
_WIDTH, _HEIGHT = 1000.0, 300.0
_MILLION = 1e6
_NOTHING = "–"

COLUMNS: Sequence[tuple[str, str, float, int]] = (
    ("offers", "offers", 1, 0),
    ("taken", "accepted", 1, 0),
    ("volume", "volume_cny", _MILLION, 1),
    ("rate", "mean_rate_pct", 1, 2),
    ("default", "default_by_balance_pct", 1, 2),
    ("loss", "loss_cny", _MILLION, 2),
    ("profit", "profit_cny", _MILLION, 2),
    ("return", "return_pct", 1, 2),
)
"""Columns in the terminal: head, figure, unit, decimals."""

SERVED: Sequence[tuple[str, str, float, int]] = (
    ("number", "default_by_number_pct", 1, 2),
    ("year", "default_12m_pct", 1, 2),
    ("first", "first_time_served", 1, 0),
    ("rural", "rural_served", 1, 0),
    ("refused", "good_refused_pct", 1, 1),
    ("gain", "borrower_gain_cny", _MILLION, 2),
    ("expected", "estimated_profit_cny", _MILLION, 2),
)
"""Columns of the second table."""


def written(each: Rehearsed, columns: Sequence[tuple[str, str, float, int]]) -> list[str]:
    """Figures of one policy as text, a dash where nothing can be said."""
    return [
        _NOTHING
        if np.isnan(value := each.figures[figure])
        else f"{value / unit:,.{digits}f}".replace("-", "−")
        for _, figure, unit, digits in columns
    ]


def as_table(rehearsal: Rehearsal) -> pl.DataFrame:
    """All figures, a row for each policy."""
    return pl.DataFrame(
        [
            {
                "policy": each.name,
                "judged_by": "truth" if rehearsal.by_truth else "estimates",
                "share_of_best": rehearsal.best_share.get(each.name),
            }
            | {k: None if np.isnan(v) else round(v, 4) for k, v in each.figures.items()}
            for each in rehearsal.rehearsed
        ],
        infer_schema_length=None,
    )


def page(rehearsal: Rehearsal, found: Found | None = None) -> str:
    """One offline page of a rehearsal."""
    first = rehearsal.rehearsed[0]
    loss = first.figures["loss_cny"]
    expected = first.figures["estimated_loss_cny"]
    return render(
        "rehearsal.html",
        folder=_TEMPLATES,
        rehearsal=rehearsal,
        columns=COLUMNS,
        served=SERVED,
        rows=[
            {
                "title": each.title,
                "figures": written(each, COLUMNS),
                "served": written(each, SERVED),
                "share": f"{100 * rehearsal.best_share[each.name]:.0f} %".replace("-", "−")
                if each.name in rehearsal.best_share
                else _NOTHING,
            }
            for each in rehearsal.rehearsed
        ],
        best_title=TITLES[BEST],
        profits=_profits(rehearsal),
        curves=_curves(rehearsal),
        first=first,
        layers=[
            {
                "name": layer.name,
                "share": f"{100 * LAYERS[layer.name]:.0f} %",
                "borne": _cny(layer.borne_cny),
                "exhausted": _cny(layer.exhausted_at_cny),
            }
            for layer in waterfall(loss, expected)
        ],
        cut_for=_cny(expected),
        loss=_cny(loss),
        support=[(name, _cny(left)) for name, left in left_to_lender(loss).items()],
        found=found,
        cny=_cny,
    )


def _cny(value: float) -> str:
    if np.isinf(value):
        return "never"
    return f"{value:,.0f}".replace("-", "−")


def _profits(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """Bars of the profits, from a common zero."""
    values = [each.figures["profit_cny"] for each in rehearsal.rehearsed]
    low, high = min(0.0, *values), max(0.0, *values)
    span = (high - low) or 1.0
    return [
        {
            "name": each.title,
            "left": round(100 * (min(value, 0.0) - low) / span, 2),
            "width": round(100 * abs(value) / span, 2),
            "tone": "good" if value >= 0 else "bad",
            "figure": f"{value / _MILLION:,.2f} m".replace("-", "−"),
        }
        for each, value in zip(rehearsal.rehearsed, values, strict=True)
    ]


def _curves(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """Approval against default rate, and profit against cut-off."""
    curve = rehearsal.curve
    if not len(curve.approval):
        return []
    return [
        _curve(
            100 * curve.approval,
            100 * curve.default,
            title=("Default rate by approval", "通过率与违约率"),
            across="% of applicants with an offer",
            up="% default over the loans' lives",
        ),
        _curve(
            100 * curve.cut_off,
            curve.profit_cny / _MILLION,
            title=("Profit by cut-off", "截断点与利润"),
            across="% PD on the terms offered",
            up="CNY million",
        ),
    ]


def _curve(x: Floats, y: Floats, *, title: tuple[str, str], across: str, up: str) -> dict[str, Any]:
    """A line as an SVG path, with round ticks on both axes."""
    x_ticks, y_ticks = _ticks(0.0, float(x.max())), _ticks(min(0.0, float(y.min())), float(y.max()))
    x_low, x_high, y_low, y_high = x_ticks[0], x_ticks[-1], y_ticks[0], y_ticks[-1]

    def place(a: float, b: float) -> tuple[float, float]:
        return (
            round(_WIDTH * (a - x_low) / (x_high - x_low), 1),
            round(_HEIGHT * (1 - (b - y_low) / (y_high - y_low)), 1),
        )

    points = [place(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    return {
        "title": title,
        "across": across,
        "up": up,
        "path": "M" + " L".join(f"{a} {b}" for a, b in points),
        "x": [
            {"name": f"{tick:g}", "left": round(place(tick, y_low)[0] / _WIDTH * 100, 1)}
            for tick in x_ticks
        ],
        "y": [
            {"name": f"{tick:g}".replace("-", "−"), "y": place(x_low, tick)[1]} for tick in y_ticks
        ],
    }


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that hold a span, five or so."""
    span = (high - low) or 1.0
    rough = span / 5
    size = 10 ** np.floor(np.log10(rough))
    step = size * next(k for k in (1, 2, 5, 10) if k * size >= rough)
    first, last = np.floor(low / step), np.ceil(high / step)
    return [round(float(k * step), 10) for k in np.arange(first, last + 1)]
