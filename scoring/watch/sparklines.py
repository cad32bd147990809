"""Season-adjusted activity by week of some loans' firms, as sparklines of the page."""

import datetime as dt

import numpy as np
import polars as pl

from features.arrays import Floats
from features.contract.tables import TABLES
from features.io.signal_reader import Signals
from features.loan.build import build_activity
from features.loan.season import Season

WIDTH, HEIGHT = 130, 32
_TOP = 2.0
"""Level at the upper edge, times the level before disbursement."""


def activity_by_week(
    signals: Signals, loans: pl.DataFrame, as_of: dt.date, season: Season | None
) -> dict[str, Floats]:
    """Activity of each week against the year before disbursement, the mean of the sources.

    Returns
    -------
    dict of loan_id to ndarray of shape (65,)
        The oldest week first; NaN where nothing is known. Empty without a season.
    """
    if season is None or loans.is_empty():
        return {}
    snapshots = loans.select("loan_id", "firm_id", as_of=pl.lit(as_of))
    terms = loans.select(*TABLES["loans"].columns)
    series = build_activity(signals, snapshots, terms, season=season)
    return dict(zip(loans["loan_id"], series, strict=True))


def polylines(series: Floats) -> list[str]:
    """Points of the lines through the known weeks, in the units of an SVG `WIDTH` by `HEIGHT`."""
    step = WIDTH / (len(series) - 1)
    height = HEIGHT * (1 - np.clip(series, 0, _TOP) / _TOP)
    lines: list[str] = []
    current: list[str] = []
    for week, y in enumerate(height):
        if np.isnan(y):
            lines.append(" ".join(current))
            current = []
        else:
            current.append(f"{week * step:.1f},{y:.1f}")
    lines.append(" ".join(current))
    return [line for line in lines if line]
