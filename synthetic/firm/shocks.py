"""Common shocks: province, industry cycles, core firms, late payment, floods.

Each is a mean-reverting (Ornstein-Uhlenbeck) path of log demand in weekly steps,

    x[w+1] = phi · x[w] + sd · sqrt(1 - phi²) · innovation[w],    phi = exp(-7 / days),

a flood and the failure of a core firm are drops that heal at the rate of their days, and a scenario
adds a drop of its own. `payment` is the part of all firms' cash surprises that is common: weeks in
which everybody is paid late. Nothing ties the paths to an average time: worlds differ as years do.

Common week 0 lies `EARLIER` weeks before the first signal of the earliest applicant.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.arrays import FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import EARLIER, FUTURE, WEEK, YEAR
from synthetic.setting.calendar import borrowing_season
from synthetic.setting.places import CITIES, COUNTIES
from synthetic.streams import stream


@dataclass(frozen=True)
class Common:
    """Realised common paths, one column a week; log demand where nothing else is said.

    Attributes
    ----------
    macro : ndarray of shape (1, n_weeks)
    cycle : ndarray of shape (n_trades, n_weeks)
    core, failure : ndarray of shape (n_core_firms, n_weeks)
        Swing of a core firm's orders, and the drop after it failed, <= 0.
    flood : ndarray of shape (n_counties, n_weeks), <= 0
    payment : ndarray of shape (1, n_weeks)
        Common part of the cash surprises, standard normal.
    struck : ndarray of shape (n_counties, n_weeks), 1 in the week in which a flood comes
    failed : ndarray of shape (n_core_firms, n_weeks), 1 in the week in which a core firm fails
    """

    macro: FloatArray
    cycle: FloatArray
    core: FloatArray
    failure: FloatArray
    flood: FloatArray
    payment: FloatArray
    struck: FloatArray
    failed: FloatArray


def weeks_of_world(config: WorldConfig) -> int:
    """Weeks from the first signal of the earliest applicant to the end of the latest loan."""
    c = config.calendar
    return (c.history_days + application_days(config)) // WEEK + FUTURE + 2


def application_days(config: WorldConfig) -> int:
    """Days on which applications are made."""
    return round(config.calendar.quarters * 365.25 / 4) - 1


def common_shocks(seed: int, config: WorldConfig, *, mirrored: bool = False) -> Common:
    """Draw the common paths of a world; every bucket sees the same.

    Parameters
    ----------
    mirrored : bool
        Whether to give the antithetic path: each innovation with its sign changed, and each flood
        and failure by the complement of its uniform number.
    """
    h, events = config.health, config.events
    n_weeks = EARLIER + weeks_of_world(config)
    sign = -1.0 if mirrored else 1.0

    def paths(name: str, rows: int, sd: FloatArray | float, days: float) -> FloatArray:
        normal = stream(seed, f"shocks.{name}").standard_normal((rows, n_weeks))
        return ou(sign * normal, sd, days)

    def uniform(name: str, shape: tuple[int, ...]) -> FloatArray:
        drawn = stream(seed, f"shocks.{name}").random(shape)
        return np.asarray(1 - drawn if mirrored else drawn)

    core_firms = config.population.core_firms
    cycle_sds = np.array(config.per_trade("cycle_sd"))[:, None]
    drop = _drop(config, n_weeks)
    drops = np.array([events.cycle_drops.get(name, 0.0) for name in config.trade_names])
    weekly = h.core_failures_per_year / YEAR
    failed = (uniform("core_failure", (core_firms, n_weeks)) < weekly).astype(float)
    struck = _floods(config, n_weeks, uniform)
    return Common(
        macro=paths("macro", 1, h.macro_sd, h.macro_days) - events.macro_drop * drop,
        cycle=_against_province(config) @ paths("cycle", len(drops), cycle_sds, h.cycle_days)
        - drops[:, None] * drop,
        core=paths("core", core_firms, h.core_sd, h.core_days),
        failure=-h.core_failure_size * heal(failed, h.core_failure_days),
        flood=-h.flood_size * heal(struck, h.flood_days),
        payment=sign * stream(seed, "shocks.payment").standard_normal((1, n_weeks)),
        struck=struck,
        failed=failed,
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
    """Common week in which a scenario's events begin."""
    c = config.calendar
    return EARLIER + (c.history_days + (config.events.start - c.first_application).days) // WEEK


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


def borrowing_weight(config: WorldConfig) -> FloatArray:
    """Chance of an application on each day from the first on; most come before a holiday (R048)."""
    c = config.calendar
    days = application_days(config)
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
    """Common weeks of mid-June, when the floods come; the last lie beyond the world's end."""
    c = config.calendar
    opening = c.history_days - (c.first_application.timetuple().tm_yday - 1)
    years = range(-3, 30)
    weeks = [
        EARLIER + round((opening + (year + config.health.flood_season) * 365.25) / WEEK)
        for year in years
    ]
    return [week for week in weeks if week >= 0]


def _floods(
    config: WorldConfig, n_weeks: int, uniform: Callable[[str, tuple[int, ...]], FloatArray]
) -> FloatArray:
    """Floods strike county by county in June, most of them in wet years."""
    h = config.health
    seasons = [week for week in flood_seasons(config) if week < n_weeks]
    wet = uniform("wet_year", (len(seasons),)) < h.wet_year_share
    hit = uniform("flood", (len(COUNTIES), len(seasons))) < h.flood_probability / h.wet_year_share
    hit &= wet
    begin = _scenario_week(config)
    forced = next((k for k, week in enumerate(seasons) if week >= begin), None)
    if forced is not None:
        hit[:, forced] |= np.isin(_city_of_county(), config.events.flooded_cities)
    struck = np.zeros((len(COUNTIES), n_weeks))
    struck[:, seasons] = hit
    return struck


def _city_of_county() -> list[str]:
    where = {u: c.name for c in CITIES for u in c.districts + c.outer + c.counties}
    return [where[name] for name in COUNTIES]
