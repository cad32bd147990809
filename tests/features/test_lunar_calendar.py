import datetime as dt

import numpy as np
import pytest

from features.lunar_calendar import days_from_new_year


@pytest.mark.parametrize(
    ("day", "away"),
    [
        (dt.date(2025, 1, 29), 0),
        (dt.date(2025, 1, 28), -1),
        (dt.date(2025, 2, 28), 30),
        (dt.date(2024, 2, 10), 0),
        (dt.date(2026, 2, 10), -7),
        (dt.date(2023, 1, 1), -21),
    ],
)
def test_days_are_counted_from_the_nearest_lunar_new_year(day, away):
    number = np.array([(day - dt.date(1970, 1, 1)).days], dtype=np.int32)
    assert days_from_new_year(number).tolist() == [away]
