"""What strikes many firms at once: the province, its industries, core firms, floods.

Each is a mean-reverting (Ornstein-Uhlenbeck) path of log demand in weekly steps,

    x[w+1] = phi · x[w] + sd · sqrt(1 - phi²) · innovation[w],    phi = exp(-7 / days),

and a flood is a drop that heals at rate phi_flood. A scenario adds a drop of its own.
"""

from dataclasses import dataclass

import numpy as np

from synthetic.arrays import Float, Int
from synthetic.config import WorldConfig
from synthetic.places import CITIES, COUNTIES
from synthetic.streams import stream

WEEK = 7


@dataclass(frozen=True)
class Common:
    """Realised common paths of log demand, one column a week from world day 0 on.

    Attributes
    ----------
    macro : ndarray of shape (1, n_weeks)
    cycle : ndarray of shape (n_trades, n_weeks)
    core : ndarray of shape (n_core_firms, n_weeks)
    flood : ndarray of shape (n_counties, n_weeks), <= 0
    struck : ndarray of shape (n_counties, n_weeks), 1 in the week in which a flood comes
    """

    macro: Float
    cycle: Float
    core: Float
    flood: Float
    struck: Float


def weeks_of_world(config: WorldConfig) -> int:
    """Weeks from the first signal of the earliest applicant to the last outcome."""
    c = config.calendar
    days = c.history_days + round(c.quarters * 365.25 / 4) + c.outcome_days + 60
    return days // WEEK + 2


def common_shocks(seed: int, config: WorldConfig) -> Common:
    """Draw the common paths of a world; every bucket sees the same."""
    h = config.health
    n_weeks = weeks_of_world(config)
    cycle_sd = np.array(config.per_trade("cycle_sd"))[:, None]

    def paths(name: str, rows: int) -> Float:
        return stream(seed, f"shocks.{name}").standard_normal((rows, n_weeks))

    struck = _floods(seed, config, n_weeks)
    return Common(
        macro=ou(paths("macro", 1), h.macro_sd, h.macro_days),
        cycle=ou(paths("cycle", len(config.trades)), cycle_sd, h.cycle_days),
        core=ou(paths("core", config.population.core_firms), h.core_sd, h.core_days),
        flood=-h.flood_size * heal(struck, h.flood_days),
        struck=struck,
    )


def decay(days: float) -> float:
    """Share of a deviation that is left after a week."""
    return float(np.exp(-WEEK / days))


def ou(innovations: Float, sd: Float | float, days: float) -> Float:
    """Stationary mean-reverting paths from standard normal innovations of shape (rows, weeks)."""
    phi = decay(days)
    path = np.empty_like(innovations)
    path[:, 0] = innovations[:, 0]
    for w in range(1, innovations.shape[1]):
        path[:, w] = phi * path[:, w - 1] + np.sqrt(1 - phi**2) * innovations[:, w]
    return path * sd


def heal(events: Float, days: float) -> Float:
    """Sum of past events (rows, weeks), each shrinking at the rate of `days`."""
    phi = decay(days)
    path = events.copy()
    for w in range(1, events.shape[1]):
        path[:, w] += phi * path[:, w - 1]
    return path


def flood_seasons(config: WorldConfig) -> list[int]:
    """World weeks of mid-June, when the floods come; the last lies beyond the world's end."""
    c = config.calendar
    opening = c.history_days - (c.first_application.timetuple().tm_yday - 1)
    weeks = [round((opening + (year + 0.46) * 365.25) / WEEK) for year in range(-3, 30)]
    n_weeks = weeks_of_world(config)
    return [w for w in weeks if 0 <= w < n_weeks + 53]


def _floods(seed: int, config: WorldConfig, n_weeks: int) -> Float:
    """Floods of a city strike its counties alike: one draw a city and year."""
    struck = np.zeros((len(COUNTIES), n_weeks))
    rng = stream(seed, "shocks.flood")
    for week in flood_seasons(config):
        hit = rng.random(len(CITIES)) < config.health.flood_probability
        if week < n_weeks:
            struck[hit[_city_of_county()], week] = 1.0
    return struck


def _city_of_county() -> Int:
    units = [(u, k) for k, c in enumerate(CITIES) for u in c.districts + c.outer + c.counties]
    where = dict(units)
    return np.array([where[name] for name in COUNTIES])
