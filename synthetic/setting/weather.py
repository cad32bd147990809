"""Temperature of each city, day by day.

temp = mean + swing · cos(2π (day - hottest) / 365) + AR(1) noise
"""

import numpy as np

from features.arrays import FloatArray
from synthetic.config.schema import WeatherConfig
from synthetic.setting.calendar import Calendar
from synthetic.setting.places import CITIES
from synthetic.streams import stream


def temperature(seed: int, calendar: Calendar, p: WeatherConfig) -> FloatArray:
    """Mean temperature in °C, shape (n_cities, n_days)."""
    n_days = len(calendar.weekday)
    rng = stream(seed, "weather")
    shared = rng.standard_normal(n_days)
    local = rng.standard_normal((len(CITIES), n_days))
    kick = (
        p.noise_sd_c
        * np.sqrt(1 - p.memory**2)
        * (p.shared * shared + np.sqrt(1 - p.shared**2) * local)
    )
    noise = np.zeros((len(CITIES), n_days))
    for d in range(1, n_days):
        noise[:, d] = p.memory * noise[:, d - 1] + kick[:, d]
    base = p.mean_c + p.swing_c * np.cos(2 * np.pi * (calendar.year_day - p.hottest_day) / 365.25)
    return np.asarray(base + noise, np.float32)
