"""Common shocks: province, industry cycles, core firms, floods.

Each is a mean-reverting (Ornstein-Uhlenbeck) path of log demand in weekly steps,

    x[w+1] = phi · x[w] + sd · sqrt(1 - phi²) · innovation[w],    phi = exp(-7 / days),

and a flood is a drop that heals at rate phi_flood. A scenario adds a drop of its own.

The report describes an average time, so the province and each industry are drawn given that, over
the outcome years of all applicants, what they did to cash adds up to nothing:

    x | weight · x = 0   =   x - C weight (weight · x) / (weight · C weight),

`C` the covariance of the path. Quarters differ, worlds agree. Futures (`true_pd`) know nothing of
this, nor do a scenario's drops.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.setting.calendar import borrowing_season
from synthetic.setting.places import CITIES, COUNTIES
from synthetic.streams import stream

WEEK = 7
DAYS_A_MONTH = 365.25 / 12


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

    macro: FloatArray
    cycle: FloatArray
    core: FloatArray
    flood: FloatArray
    struck: FloatArray


def weeks_of_world(config: WorldConfig) -> int:
    """Weeks from the first signal of the earliest applicant to the last outcome."""
    c = config.calendar
    days = c.history_days + round(c.quarters * 365.25 / 4) + c.outcome_days + 60
    return days // WEEK + 2


def common_shocks(seed: int, config: WorldConfig) -> Common:
    """Draw the common paths of a world; every bucket sees the same."""
    h, events = config.health, config.events
    n_weeks = weeks_of_world(config)

    def paths(name: str, rows: int) -> FloatArray:
        return stream(seed, f"shocks.{name}").standard_normal((rows, n_weeks))

    weight = burden(config)
    cycle = typical(paths("cycle", len(config.trades)), weight, h.cycle_days)
    cycle *= np.array(config.per_trade("cycle_sd"))[:, None]
    drop = _drop(config, n_weeks)
    drops = np.array([events.cycle_drops.get(name, 0.0) for name in config.trade_names])
    struck = _floods(seed, config, n_weeks)
    return Common(
        macro=h.macro_sd * typical(paths("macro", 1), weight, h.macro_days)
        - events.macro_drop * drop,
        cycle=_against_province(config) @ cycle - drops[:, None] * drop,
        core=ou(paths("core", config.population.core_firms), h.core_sd, h.core_days),
        flood=-h.flood_size * heal(struck, h.flood_days),
        struck=struck,
    )


def cycle_sd(config: WorldConfig) -> FloatArray:
    """Stationary standard deviation of each trade's cycle, shape (n_trades,)."""
    mix = _against_province(config) * np.array(config.per_trade("cycle_sd"))
    return np.asarray(np.sqrt((mix**2).sum(axis=1)))


def _against_province(config: WorldConfig) -> FloatArray:
    """Matrix (n_trades, n_trades) that takes from each cycle the mean over firms.

    A trade's cycle is its fortune against the province's; what moves all is macro.
    """
    p = config.population
    areas = np.array([p.urban_share, p.county_share, p.rural_share])
    shares = np.array(config.per_trade("share"))
    # a firm with a thin buffer counts for more where defaults are concerned
    thin = np.exp(-np.array(config.per_trade("buffer")) / config.health.thin_months)
    weight = ((shares / shares.sum(axis=0)) @ areas) * thin
    return np.asarray(np.eye(len(weight)) - weight / weight.sum())


def _scenario_week(config: WorldConfig) -> int:
    """World week in which a scenario's events begin."""
    c = config.calendar
    return (c.history_days + (config.events.start - c.first_application).days) // WEEK


def _drop(config: WorldConfig, n_weeks: int) -> FloatArray:
    """Course of a scenario's drop: 1 when it begins, healing afterwards, shape (n_weeks,)."""
    begin = _scenario_week(config)
    event = np.zeros((1, n_weeks))
    if 0 <= begin < n_weeks:
        event[0, begin] = 1.0
    return np.asarray(heal(event, config.events.days)[0])


def decay(days: float) -> float:
    """Share of a deviation that is left after a week."""
    return float(np.exp(-WEEK / days))


def ou(innovations: FloatArray, sd: FloatArray | float, days: float) -> FloatArray:
    """Stationary mean-reverting paths from standard normal innovations of shape (rows, weeks)."""
    phi = decay(days)
    path = np.empty_like(innovations)
    path[:, 0] = innovations[:, 0]
    for w in range(1, innovations.shape[1]):
        path[:, w] = phi * path[:, w - 1] + np.sqrt(1 - phi**2) * innovations[:, w]
    return path * sd


def typical(innovations: FloatArray, weight: FloatArray, days: float) -> FloatArray:
    """Mean-reverting paths of variance 1, drawn given that their weighted sum is zero.

    Parameters
    ----------
    innovations : ndarray of shape (rows, weeks), standard normal
    weight : ndarray of shape (weeks,)
    """
    path = ou(innovations, 1.0, days)
    week = np.arange(len(weight))
    toward = decay(days) ** np.abs(np.subtract.outer(week, week)) @ weight
    return np.asarray(path - np.outer(path @ weight, toward / (weight @ toward)))


def burden(config: WorldConfig) -> FloatArray:
    """How much the demand of each world week bears on cash in the outcome years, (n_weeks,).

    The share of applicants whose outcome year a week belongs to, carried back in time by the
    memory of cash: orders lost before the year, or early in it, are still missing later.
    """
    c = config.calendar
    applied = borrowing_weight(config)
    weeks = np.arange(weeks_of_world(config))
    first = (np.arange(len(applied)) + c.history_days) // WEEK
    ends = first + c.outcome_days // WEEK
    watched = (weeks >= first[:, None]) & (weeks < ends[:, None])
    exposed = applied @ watched
    memory = config.cash.reversion_months * DAYS_A_MONTH
    return np.asarray(heal(exposed[None, ::-1], memory)[0, ::-1])


def borrowing_weight(config: WorldConfig) -> FloatArray:
    """Chance of an application on each day from the first on; most come before a holiday (R048)."""
    c = config.calendar
    days = round(c.quarters * 365.25 / 4) - 1
    busy = borrowing_season(c.first_application, days, days_before=c.season_days)
    return np.asarray(
        np.where(busy, c.season_share / busy.sum(), (1 - c.season_share) / (~busy).sum())
    )


def heal(events: FloatArray, days: float) -> FloatArray:
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
    weeks = [
        round((opening + (year + config.health.flood_season) * 365.25) / WEEK)
        for year in range(-3, 30)
    ]
    n_weeks = weeks_of_world(config)
    return [w for w in weeks if 0 <= w < n_weeks + 53]


def _floods(seed: int, config: WorldConfig, n_weeks: int) -> FloatArray:
    """Floods strike county by county, in June."""
    struck = np.zeros((len(COUNTIES), n_weeks))
    begin = _scenario_week(config)
    forced = next((week for week in flood_seasons(config) if week >= begin), None)
    rng = stream(seed, "shocks.flood")
    for week in flood_seasons(config):
        # as many counties as a usual year has, which ones is chance
        rank = rng.permutation(len(COUNTIES)) + rng.random()
        hit = rank < config.health.flood_probability * len(COUNTIES)
        if week == forced:
            hit |= np.isin(_city_of_county(), config.events.flooded_cities)
        if week < n_weeks:
            struck[hit, week] = 1.0
    return struck


def _city_of_county() -> list[str]:
    where = {u: c.name for c in CITIES for u in c.districts + c.outer + c.counties}
    return [where[name] for name in COUNTIES]
