"""Real work of each firm and day, from which every signal follows.

    pace = exp(health + growth) · season[trade, month] · own season
           · weekday · spring · holiday · open
    work = pace · lumps

relative to the firm's usual day (1). Pace is what the firm can see coming; orders come in lumps
around it. A firm is closed on its rest days, around Spring Festival and in idle spells, which
come the more often the fewer orders it has.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import DAYS_A_MONTH, EARLIER, HISTORY, WEEK, WEEKS
from synthetic.firm.population import Population
from synthetic.setting.calendar import SATURDAY, SUNDAY, Calendar
from synthetic.streams import Bucket


@dataclass(frozen=True)
class Days:
    """The days of each firm's history.

    Attributes
    ----------
    index : ndarray of shape (n_firms, n_days)
        World days.
    week, share : ndarray of shape (n_firms, n_days)
        Week of the firm's own path, and how far the day is into it (0 to 1).
    history : int
        Days before the application; those after it follow.
    """

    index: Array
    week: Array
    share: FloatArray
    history: int

    @property
    def shape(self) -> tuple[int, int]:
        """Firms and days."""
        n, days = self.index.shape
        return n, days

    @property
    def steps(self) -> tuple[int, int]:
        """Days of the history, and in all."""
        return self.history, self.shape[1]

    @property
    def after(self) -> Array:
        """Whether each day comes after the application, shape (n_days,)."""
        return np.asarray(np.arange(self.shape[1]) >= self.history)


def days_of(firms: Population, config: WorldConfig, *, after: int = 0) -> Days:
    """The `history_days` days before each application, and so many after it."""
    history = config.calendar.history_days
    first = firms.applied - history
    index = (first[:, None] + np.arange(history + after)).astype(np.int32)
    since = index - (first // WEEK * WEEK)[:, None].astype(np.int32)
    share = ((since % WEEK) / WEEK).astype(np.float32)
    return Days(index, EARLIER + since // WEEK, share, history)


def daily(path: FloatArray, days: Days) -> FloatArray:
    """Interpolate a weekly path (n_firms, n_weeks) to days (n_firms, n_days).

    No day of the history looks beyond the week of the application.
    """
    path = path.astype(np.float32)
    last = np.where(days.after, WEEKS - 1, HISTORY)
    before = np.take_along_axis(path, days.week, axis=1)
    after = np.take_along_axis(path, np.minimum(days.week + 1, last), axis=1)
    return np.asarray(before + days.share * (after - before))


def pace(
    firms: Population, health: FloatArray, days: Days, calendar: Calendar, bucket: Bucket
) -> FloatArray:
    """Planned work of each firm and day, 1 on a usual day.

    Parameters
    ----------
    health : ndarray of shape (n_firms, n_weeks), log units

    Returns
    -------
    ndarray of shape (n_firms, n_days), >= 0
    """
    since = (days.index - days.index[:, days.history - 1, None]) / np.float32(365.25)
    health_daily = daily(health, days)
    season = np.array(bucket.config.per_trade("season"), np.float32)
    month = calendar.month[days.index]
    shift = daily_season(season, firms.trade, month, calendar.year_day[days.index])
    rhythm = shift * own_season(len(firms), calendar.year_day[days.index], bucket)
    rhythm *= week(firms, days, calendar, bucket)
    rhythm *= spring(firms, health_daily, days, calendar, bucket)
    rhythm *= 1 - closed_on_holidays(firms, bucket)[:, None] * calendar.holiday[days.index]
    rhythm *= ~idle(health_daily, days, bucket)
    return np.asarray(
        np.exp(health_daily + bucket.config.health.growth_per_year * since) * rhythm, np.float32
    )


def continuity(n: int, bucket: Bucket) -> FloatArray:
    """How continuously each firm works, standard normal, shape (n_firms,).

    A kiln, a cold store or an office runs on; a workshop works by the job and closes for weeks.
    """
    return np.asarray(bucket.stream("work.continuity").standard_normal(n))


def lumps(firms: Population, own_sd: FloatArray, days: Days, bucket: Bucket) -> FloatArray:
    """Orders of a day against its plan, shape (n_firms, n_days), mean 1.

    Gamma with a firm's own evenness: one with uneven orders over the months has uneven ones over
    the days.
    """
    p = bucket.config.work
    luck = bucket.stream("work.evenness").standard_normal(len(firms))
    sd = np.clip(
        p.lump_sd
        * (own_sd / bucket.config.health.own_sd) ** p.lump_own
        * np.exp(p.lump_spread * luck),
        *p.lump_limits,
    )
    shape = (1 / sd**2).astype(np.float32)[:, None]
    draws = bucket.by_time(
        "work.lumps",
        days.steps,
        lambda rng, d: rng.standard_gamma(shape, (len(shape), d), np.float32),
    )
    return np.asarray(draws / shape, np.float32)


def daily_season(season: FloatArray, trade: Array, month: Array, year_day: Array) -> FloatArray:
    """Season index of each day, blended into the neighbouring month's.

    Parameters
    ----------
    season : ndarray of shape (n_trades, 12)
    trade : ndarray of shape (n_firms,)
    month, year_day : ndarray of shape (n_firms, n_days)

    Returns
    -------
    ndarray of shape (n_firms, n_days)
    """
    into = (year_day % DAYS_A_MONTH) / DAYS_A_MONTH - 0.5
    towards = np.where(into > 0, (month + 1) % 12, (month - 1) % 12)
    near, far = season[trade[:, None], month], season[trade[:, None], towards]
    return np.asarray(near + np.abs(into).astype(np.float32) * (far - near), np.float32)


def own_season(n: int, year_day: Array, bucket: Bucket) -> FloatArray:
    """Season of the firm itself beside its trade's, shape (n_firms, n_days).

    exp(swing · cos(2π (day - best) / 365))
    """
    rng = bucket.stream("work.season")
    swing = bucket.config.work.season_sd * rng.standard_normal(n)
    best = 365.25 * rng.random(n)
    turn = (year_day - best[:, None]).astype(np.float32) * np.float32(2 * np.pi / 365.25)
    return np.asarray(np.exp(swing.astype(np.float32)[:, None] * np.cos(turn)))


def week(firms: Population, days: Days, calendar: Calendar, bucket: Bucket) -> FloatArray:
    """Share of a usual day's work on each day of the week.

    Some firms close on Sundays, always or now and then; the others keep their trade's weekend.
    """
    p = bucket.config.work
    rng = bucket.stream("work.weekday")
    n = len(firms)
    weekend = np.array(bucket.config.per_trade("weekend"))[firms.trade]  # (n_firms, 2)
    calm = weekend * np.exp(p.weekend_sd * rng.standard_normal((n, 2)))
    rests = rng.random(n) < np.clip(p.sunday_rest * (p.rest_weekend - weekend[:, 1]), 0, 1)
    saturdays = rests & (rng.random(n) < p.saturday_rest)
    always = rng.random(n)
    open_share = rng.beta(*p.rest_open, n)
    table = np.ones((n, 7), np.float32)
    table[:, 5:] = np.where(rests[:, None], 1.0, calm)
    index = calendar.weekday[days.index]
    rhythm = np.take_along_axis(table, index, axis=1)
    drawn = bucket.by_time(
        "work.weekday", days.steps, lambda rng, d: rng.random((n, d), np.float32), rng=rng
    )
    free = drawn < np.maximum(always, p.rest_least)[:, None].astype(np.float32)
    closed = free & (
        (rests[:, None] & (index == SUNDAY)) | (saturdays[:, None] & (index == SATURDAY))
    )
    return np.where(closed, open_share[:, None].astype(np.float32), rhythm)


def spring(
    firms: Population, health_daily: FloatArray, days: Days, calendar: Calendar, bucket: Bucket
) -> FloatArray:
    """Closure around the lunar New Year, then a slow return; a few trades are busy instead.

    A firm short of orders sends its workers home earlier and calls them back later.

    Parameters
    ----------
    health_daily : ndarray of shape (n_firms, n_days)
        Health of the day, log units.

    Returns
    -------
    ndarray of shape (n_firms, n_days), share of a usual day's work
    """
    p = bucket.config.work
    rng = bucket.stream("work.spring")
    n = len(firms)
    usual = np.array(bucket.config.per_trade("spring"), np.float64)[firms.trade]
    steady = continuity(n, bucket)
    length = np.abs(usual) * p.spring_scale * np.exp(p.spring_spread * rng.standard_normal(n))
    length *= np.exp(-p.steady_spring * steady)
    luck = np.sqrt(1 - p.steady_open**2) * rng.standard_normal(n)
    stays = (luck - p.steady_open * steady < ndtri(p.spring_open)) & (usual > 0)
    early = length * rng.beta(*p.spring_before, n)
    slow = rng.gamma(p.return_shape, p.return_days / p.return_shape, n)
    away = calendar.spring[days.index].astype(np.float32)
    closure_factor = np.exp(-p.spring_health * health_daily)
    before, after = early[:, None] * closure_factor, (length - early)[:, None] * closure_factor
    shut = (away >= -before) & (away <= after)
    ramp = np.clip((away - after) / np.maximum(slow, 1)[:, None], p.return_least, 1)
    back = np.where((away > after) & (away < p.returned_days), ramp, 1.0)
    quiet = np.where(shut, 0.0, back)
    busy = np.where(shut, p.spring_busy, 1.0)
    kept = np.where(usual > 0, 1.0, 0.0)[:, None]
    chosen = kept * quiet + (1 - kept) * busy
    return np.where(stays[:, None], 1.0, chosen).astype(np.float32)


def closed_on_holidays(firms: Population, bucket: Bucket) -> FloatArray:
    """Share of work that a public holiday takes; shops and inns work, shape (n_firms,)."""
    p = bucket.config.work
    weekend = np.array(bucket.config.per_trade("weekend"))[firms.trade, 1]
    usual = np.clip(p.holiday_weekend - weekend, 0, 1) * p.holiday_rest
    return np.asarray(
        np.clip(
            usual
            * bucket.stream("work.holiday").gamma(p.holiday_shape, 1 / p.holiday_shape, len(firms)),
            0,
            p.holiday_most,
        ),
        np.float32,
    )


def idle(health_daily: FloatArray, days: Days, bucket: Bucket) -> Array:
    """Idle spells: no orders, a repair, a trip home; bool of shape (n_firms, n_days).

    rate = base · exp(-rise · health),    length ~ lognormal
    """
    p = bucket.config.work
    rng = bucket.stream("work.idle")
    n, n_days = health_daily.shape
    base = p.idle_per_year * np.exp(p.idle_spread * rng.standard_normal(n) - p.idle_spread**2 / 2)
    base *= np.exp(-p.steady_idle * continuity(n, bucket))
    drawn = bucket.by_time(
        "work.idle", days.steps, lambda rng, d: rng.random((n, d), np.float32), rng=rng
    )
    starts = drawn < (base[:, None] / 365.25) * np.exp(-p.idle_health * health_daily)
    luck = bucket.by_time(
        "work.idle_days",
        days.steps,
        lambda rng, d: rng.standard_normal((n, d), np.float32),
        rng=rng,
    )
    length = np.ceil(p.idle_days * np.exp(p.idle_days_sd * luck))
    column = np.arange(n_days, dtype=np.float32)
    ends = np.maximum.accumulate(np.where(starts, column + length, -1), axis=1)
    return np.asarray(column < ends)
