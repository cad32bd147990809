"""Temperature of each city, day by day.

temp = mean + swing · cos(2π (day - hottest) / 365) + AR(1) noise
"""

import numpy as np

from features.arrays import FloatArray
from synthetic.setting.calendar import Calendar
from synthetic.setting.places import CITIES
from synthetic.streams import stream

MEAN, SWING, HOTTEST = 18.3, 11.5, 205  # °C, °C, day of the year; climate of Nanchang 1991-2020
NOISE_SD, MEMORY = 3.4, 0.75  # °C, correlation of a day with the next; assumed


def temperature(seed: int, calendar: Calendar) -> FloatArray:
    """Mean temperature in °C, shape (n_cities, n_days)."""
    n_days = len(calendar.weekday)
    rng = stream(seed, "weather")
    shared = rng.standard_normal(n_days)
    local = rng.standard_normal((len(CITIES), n_days))
    kick = NOISE_SD * np.sqrt(1 - MEMORY**2) * (0.9 * shared + np.sqrt(1 - 0.81) * local)
    noise = np.zeros((len(CITIES), n_days))
    for d in range(1, n_days):
        noise[:, d] = MEMORY * noise[:, d - 1] + kick[:, d]
    base = MEAN + SWING * np.cos(2 * np.pi * (calendar.year_day - HOTTEST) / 365.25)
    return np.asarray(base + noise, np.float32)
