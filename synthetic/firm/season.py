"""Free cash of each trade through the year.

    season[trade, week] = amplitude · (index[trade, month]^sharpness - 1) - year end

`index` is the trade's work by month; the power is scaled to mean 1. Farms live on their harvest, so
their season is sharper. In the weeks before Spring Festival wages and bills of the year are
settled; what they take is put by in the rest of the year.
"""

import datetime as dt

import numpy as np

from features.arrays import Array, FloatArray
from features.lunar_calendar import NEW_YEARS
from synthetic.config.schema import WorldConfig
from synthetic.firm.health import first_week
from synthetic.firm.horizon import EARLIER, STEP, WEEK, WEEKS, YEAR
from synthetic.firm.population import Population
from synthetic.firm.shocks import weeks_of_world


def season_index(config: WorldConfig) -> FloatArray:
    """Work of each trade by month against its mean, shape (n_trades, 12)."""
    index = np.array(config.per_trade("season"))
    return np.asarray(index / index.mean(axis=1, keepdims=True))


def cash_index(config: WorldConfig) -> FloatArray:
    """Free cash of each trade by month against its mean, shape (n_trades, 12)."""
    farms = np.array(config.per_trade("weather")) >= config.population.farm_weather
    sharp = season_index(config) ** np.where(farms, config.cash.harvest_sharpness, 1.0)[:, None]
    return np.asarray(sharp / sharp.mean(axis=1, keepdims=True))


def first_day(config: WorldConfig) -> dt.date:
    """First day of common week 0."""
    c = config.calendar
    return c.first_application - dt.timedelta(days=c.history_days + EARLIER * WEEK)


def months_of_weeks(config: WorldConfig) -> Array:
    """Calendar month (0 is January) of the middle of each common week, shape (n_weeks,)."""
    middle = np.datetime64(first_day(config)) + WEEK * np.arange(_weeks(config)) + WEEK // 2
    return np.asarray(middle.astype("datetime64[M]").astype(np.int64) % 12)


def season_of_trades(config: WorldConfig) -> FloatArray:
    """Free cash by trade and common week against an average week, months of turnover a month."""
    c = config.cash
    work = c.season_months * (cash_index(config)[:, months_of_weeks(config)] - 1)
    settled = _before_new_year(config)
    rest = c.year_end_weeks / (YEAR - c.year_end_weeks)
    year_end = c.year_end_months / (c.year_end_weeks * STEP) * np.where(settled, 1, -rest)
    return np.asarray(work - year_end)


def season_flows(firms: Population, config: WorldConfig) -> FloatArray:
    """Months of turnover that the season brings each firm in each week, shape (n_firms, WEEKS)."""
    weeks = first_week(firms, config)[:, None] + np.arange(WEEKS)
    return np.asarray(STEP * season_of_trades(config)[firms.trade[:, None], weeks])


def _before_new_year(config: WorldConfig) -> Array:
    """Mark the common weeks that lie within `year_end_weeks` before the lunar New Year."""
    since = [(dt.date(year, *day) - first_day(config)).days for year, day in NEW_YEARS.items()]
    ahead = np.subtract.outer(np.array(since) // WEEK, np.arange(_weeks(config)))
    return np.asarray(((ahead > 0) & (ahead <= config.cash.year_end_weeks)).any(axis=0))


def _weeks(config: WorldConfig) -> int:
    return EARLIER + weeks_of_world(config)
