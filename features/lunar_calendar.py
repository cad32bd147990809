"""Dates of the lunar New Year, by which activity around Spring Festival is compared."""

import numpy as np

from features.arrays import Int32s

NEW_YEARS = {
    2015: (2, 19), 2016: (2, 8), 2017: (1, 28), 2018: (2, 16), 2019: (2, 5), 2020: (1, 25),
    2021: (2, 12), 2022: (2, 1), 2023: (1, 22), 2024: (2, 10), 2025: (1, 29), 2026: (2, 17),
    2027: (2, 6), 2028: (1, 26), 2029: (2, 13), 2030: (2, 3), 2031: (1, 23),
}  # fmt: skip
"""Month and day by year; Hong Kong Observatory's conversion tables."""

_DAYS = np.array(
    [np.datetime64(f"{year}-{month:02}-{day:02}", "D") for year, (month, day) in NEW_YEARS.items()]
).astype(np.int32)


def days_from_new_year(days: Int32s) -> Int32s:
    """Days from the nearest lunar New Year's Day, negative before it.

    Parameters
    ----------
    days : ndarray of int32
        Days since 1970.
    """
    after = np.searchsorted(_DAYS, days).clip(1, len(_DAYS) - 1)
    before = days - _DAYS[after - 1]
    ahead = days - _DAYS[after]
    nearest: Int32s = np.where(before <= -ahead, before, ahead).astype(np.int32)
    return nearest
