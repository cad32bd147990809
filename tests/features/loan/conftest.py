"""Forty shops with two years of records: seasonal, closed around the lunar New Year."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from features.contract.tables import TABLES
from features.contract.validation import conform
from features.io.signal_reader import Signals
from features.loan.season import build_season
from features.lunar_calendar import days_from_new_year

FIRST, LAST = dt.date(2023, 7, 1), dt.date(2025, 9, 30)
DISBURSED = dt.date(2024, 10, 15)
FIRMS = 40
STOPPED = "F000"
"""Stops on STOPS and sells nothing more."""

STOPS = dt.date(2025, 3, 15)


def usual(day):
    """Orders of a usual day: twice as many in November, a fifth around the lunar New Year."""
    number = np.array([(day - dt.date(1970, 1, 1)).days], dtype=np.int32)
    away = int(days_from_new_year(number)[0])
    season = 2.0 if day.month == 11 else 1.0
    weekday = 0.7 if day.weekday() == 6 else 1.0
    return 100 * weekday * (0.2 if -5 <= away <= 10 else season)


@pytest.fixture(scope="package")
def tables():
    rng = np.random.default_rng(7)
    days = [FIRST + dt.timedelta(days=k) for k in range((LAST - FIRST).days + 1)]
    names = [f"F{k:03d}" for k in range(FIRMS)]
    shops = []
    for name in names:
        level = rng.lognormal(0, 0.5)
        for day in days:
            closed = name == STOPPED and day >= STOPS
            orders = 0 if closed else int(rng.poisson(level * usual(day)))
            shops.append({"firm_id": name, "date": day, "orders": orders, "gmv_cny": 50.0 * orders})
    silent = dict.fromkeys(TABLES["firms"].columns)
    firms = [silent | {"firm_id": name, "sector": "retail"} for name in names]
    covered = [
        {"firm_id": name, "source": "ecommerce", "covered_from": FIRST, "covered_to": None}
        for name in names
    ]
    loans = [
        {
            "loan_id": f"L{name}", "firm_id": name, "disbursed_on": DISBURSED, "limit_cny": 1e5,
            "rate_pct": 6.0, "term_months": 12, "plan": "equal",
        }
        for name in names
    ]  # fmt: skip
    months = []
    for loan in loans:
        for k, end in enumerate(month_ends()):
            late = loan["firm_id"] == STOPPED and end > STOPS
            months.append(
                {
                    "loan_id": loan["loan_id"], "firm_id": loan["firm_id"], "month_end": end,
                    "drawn_cny": 1e5 if k == 0 else 0.0,
                    "balance_cny": 1e5 * (1 - min(k, 5 if late else 12) / 12),
                    "due_cny": 9000.0, "paid_cny": 0.0 if late else 9000.0,
                    "dpd": min(30 * (k - 5), 120) if late else 0,
                    "status": ("default" if k >= 8 else "late") if late else "current",
                }
            )  # fmt: skip
    frames = {
        "firms": firms, "coverage": covered, "ecommerce": shops, "loans": loans,
        "loan_months": months,
    }  # fmt: skip
    return {
        name: conform(pl.DataFrame(rows, infer_schema_length=None), name)
        for name, rows in frames.items()
    }


def month_ends():
    firsts = [dt.date(2024, 11, 1), dt.date(2024, 12, 1)] + [
        dt.date(2025, month, 1) for month in range(1, 10)
    ]
    return [day - dt.timedelta(days=1) for day in firsts]


@pytest.fixture(scope="package")
def signals(tables):
    return Signals.from_frames(tables)


@pytest.fixture(scope="package")
def season(signals, tables):
    others = tables["firms"]["firm_id"].filter(tables["firms"]["firm_id"] != STOPPED)
    return build_season(signals, others, until=(dt.date(2025, 9, 1) - dt.date(1970, 1, 1)).days)
