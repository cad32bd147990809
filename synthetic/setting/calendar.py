"""Chinese calendar: weekdays, months, public and lunar holidays."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from features.lunar_calendar import NEW_YEARS

EPOCH = dt.date(1970, 1, 1)

SATURDAY, SUNDAY = 5, 6
"""Codes of the weekend, Monday being 0."""

DRAGON_BOATS = {  # Hong Kong Observatory's conversion tables
    2015: (6, 20), 2016: (6, 9), 2017: (5, 30), 2018: (6, 18), 2019: (6, 7), 2020: (6, 25),
    2021: (6, 14), 2022: (6, 3), 2023: (6, 22), 2024: (6, 10), 2025: (5, 31), 2026: (6, 19),
    2027: (6, 9), 2028: (5, 28), 2029: (6, 16), 2030: (6, 5), 2031: (6, 24),
}  # fmt: skip
MID_AUTUMNS = {
    2015: (9, 27), 2016: (9, 15), 2017: (10, 4), 2018: (9, 24), 2019: (9, 13), 2020: (10, 1),
    2021: (9, 21), 2022: (9, 10), 2023: (9, 29), 2024: (9, 17), 2025: (10, 6), 2026: (9, 25),
    2027: (9, 15), 2028: (10, 3), 2029: (9, 22), 2030: (9, 12), 2031: (10, 1),
}  # fmt: skip


@dataclass(frozen=True)
class Calendar:
    """Facts about each day from `start` on; arrays of shape (n_days,).

    Attributes
    ----------
    start : datetime.date
        Day 0.
    weekday : ndarray of int, 0 is Monday
    month : ndarray of int, 0 is January
    year_day : ndarray of int, 0 is 1 January
    day_of_month : ndarray of int, 0 is the first
    spring : ndarray of int
        Days from the nearest lunar New Year's Day, negative before it.
    holiday : ndarray of float
        1 on the public holidays other than Spring Festival.
    """

    start: dt.date
    weekday: Array
    month: Array
    year_day: Array
    day_of_month: Array
    spring: Array
    holiday: FloatArray

    def day(self, date: dt.date) -> int:
        """World day of a date."""
        return (date - self.start).days

    @property
    def epoch_offset(self) -> int:
        """Days from 1970-01-01 to day 0; added to a world day it gives a Polars date."""
        return (self.start - EPOCH).days


def build_calendar(start: dt.date, n_days: int) -> Calendar:
    """Describe `n_days` days from `start` on."""
    dates = [start + dt.timedelta(days=k) for k in range(n_days)]
    years = range(start.year - 1, dates[-1].year + 2)
    springs = [dt.date(y, *NEW_YEARS[y]) for y in years if y in NEW_YEARS]
    spring = [min(((d - s).days for s in springs), key=abs) for d in dates]
    free = {d for first, length in _public_holidays(years) for d in _run(first, length)}
    return Calendar(
        start=start,
        weekday=np.array([d.weekday() for d in dates], np.int32),
        month=np.array([d.month - 1 for d in dates], np.int32),
        year_day=np.array([d.timetuple().tm_yday - 1 for d in dates], np.int32),
        day_of_month=np.array([d.day - 1 for d in dates], np.int32),
        spring=np.array(spring, np.int32),
        holiday=np.array([d in free for d in dates], np.float32),
    )


def borrowing_season(start: dt.date, n_days: int, *, days_before: int) -> Array:
    """Mark the days at a quarter's end or shortly before a holiday (R048).

    Returns
    -------
    ndarray of bool, shape (n_days,)
    """
    dates = [start + dt.timedelta(days=k) for k in range(n_days)]
    years = range(start.year - 1, dates[-1].year + 2)
    anchors = [dt.date(y, m, 1) for y in years for m in (1, 4, 7, 10)]
    anchors += [first for first, _ in _public_holidays(years)]
    anchors += [dt.date(y, *NEW_YEARS[y]) for y in years if y in NEW_YEARS]
    return np.array(
        [any(0 < (a - d).days <= days_before for a in anchors) for d in dates], np.bool_
    )


def _public_holidays(years: range) -> list[tuple[dt.date, int]]:
    """First day and length of the holidays of the State Council's list, Spring Festival aside."""
    holidays = []
    for year in years:
        holidays += [(dt.date(year, 1, 1), 1), (dt.date(year, 4, 4), 3)]
        holidays += [(dt.date(year, 5, 1), 5), (dt.date(year, 10, 1), 7)]
        for table in (DRAGON_BOATS, MID_AUTUMNS):
            if year in table:
                holidays.append((dt.date(year, *table[year]), 3 if table is DRAGON_BOATS else 1))
    return holidays


def _run(first: dt.date, length: int) -> list[dt.date]:
    return [first + dt.timedelta(days=k) for k in range(length)]
