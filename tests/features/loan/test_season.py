import datetime as dt

import numpy as np
import polars as pl
import pytest

from features.io.signal_reader import Signals
from features.loan.season import SCHEMA, Season, build_season

from .conftest import usual

EPOCH = dt.date(1970, 1, 1)


def number(day):
    return np.array([(day - EPOCH).days], dtype=np.int32)


def factor(season, day, sector="retail"):
    return float(season.usual("ecommerce", pl.Series([sector]), number(day), count=1)[0, 0])


@pytest.mark.parametrize(
    "day",
    [dt.date(2025, 11, 12), dt.date(2025, 6, 4), dt.date(2026, 2, 19), dt.date(2025, 6, 8)],
)
def test_the_season_of_other_years_is_that_of_the_training_records(season, day):
    """2026: its New Year lies 19 days later than that of 2025."""
    ratio = factor(season, day) / factor(season, dt.date(2025, 6, 4))
    assert ratio == pytest.approx(usual(day) / usual(dt.date(2025, 6, 4)), rel=0.12)


def test_a_trade_that_is_not_known_takes_the_mean_of_all(season):
    day = dt.date(2025, 11, 12)
    assert factor(season, day, "no such trade") == factor(season, day, None)
    assert factor(season, day, None) == pytest.approx(factor(season, day), rel=0.05)


def test_a_source_without_records_has_no_season(season):
    flat = season.usual("tax", pl.Series(["retail"]), number(dt.date(2025, 2, 1)), count=30)
    assert flat.tolist() == [[1.0] * 30]


def test_records_of_the_last_day_and_later_play_no_part(tables, signals):
    firms = tables["firms"]["firm_id"]
    until = (dt.date(2025, 1, 1) - EPOCH).days
    before = tables["ecommerce"].filter(pl.col("date") < dt.date(2025, 1, 1))
    cut = Signals.from_frames(tables | {"ecommerce": before})
    known = build_season(signals, firms, until=until)
    assert known.table.schema == SCHEMA
    assert known.table.equals(build_season(cut, firms, until=until).table)


def test_nothing_is_known_of_no_firms(signals):
    empty = build_season(signals, pl.Series([], dtype=pl.String), until=99_999)
    assert isinstance(empty, Season)
    assert empty.table.is_empty()
