"""Real work: what a firm does each day, from which every signal follows.

    work = exp(health + growth) · season[trade, month] · weekday · spring · holiday · day

relative to the firm's usual day (1). The day's own noise is heavy-tailed: orders come in lumps.
"""

from dataclasses import dataclass

import numpy as np

from synthetic.almanac import Almanac
from synthetic.arrays import Float, Int
from synthetic.config import WorldConfig
from synthetic.health import HISTORY
from synthetic.population import Population
from synthetic.shocks import WEEK
from synthetic.streams import stream


@dataclass(frozen=True)
class Days:
    """The days of each firm's history.

    Attributes
    ----------
    index : ndarray of shape (n_firms, n_days)
        World days.
    week, share : ndarray of shape (n_firms, n_days)
        Week of the firm's own path, and how far the day is into it (0 to 1).
    """

    index: Int
    week: Int
    share: Float

    @property
    def shape(self) -> tuple[int, int]:
        """Firms and days."""
        n, days = self.index.shape
        return n, days


def days_of(firms: Population, config: WorldConfig) -> Days:
    """The `history_days` days before each application."""
    first = firms.applied - config.calendar.history_days
    index = (first[:, None] + np.arange(config.calendar.history_days)).astype(np.int32)
    since = index - (first // WEEK * WEEK)[:, None].astype(np.int32)
    return Days(index, since // WEEK, ((since % WEEK) / WEEK).astype(np.float32))


def daily(path: Float, days: Days) -> Float:
    """Interpolate a weekly path (n_firms, n_weeks) to days (n_firms, n_days)."""
    path = path.astype(np.float32)
    before = np.take_along_axis(path, days.week, axis=1)
    after = np.take_along_axis(path, np.minimum(days.week + 1, HISTORY), axis=1)
    return np.asarray(before + days.share * (after - before))


def work(
    firms: Population, health: Float, days: Days, when: Almanac, seed: int, bucket: int,
    config: WorldConfig,
) -> Float:  # fmt: skip
    """Work of each firm and day, 1 on a usual day.

    Parameters
    ----------
    health : ndarray of shape (n_firms, n_weeks), log units

    Returns
    -------
    ndarray of shape (n_firms, n_days), >= 0
    """
    since = (days.index - days.index[:, -1:]) / 365.25
    level = daily(health, days) + config.health.growth_per_year * since
    season = np.array(config.per_trade("season"), np.float32)
    month = when.month[days.index]
    rhythm = season[firms.trade[:, None], month] * weekday(firms, days, when, seed, bucket, config)
    rhythm *= spring_break(firms, days, when, seed, bucket, config)
    rhythm *= 1 - 0.35 * when.holiday[days.index]
    rng = stream(seed, "work.day", bucket)
    lumps = rng.standard_gamma(3.0, days.shape, np.float32) / 3.0
    return np.asarray(np.exp(level) * rhythm * lumps, np.float32)


def weekday(
    firms: Population, days: Days, when: Almanac, seed: int, bucket: int, config: WorldConfig
) -> Float:
    """Share of a usual day's work on each day of the week; some firms close on Sundays."""
    rng = stream(seed, "work.weekday", bucket)
    weekend = np.array(config.per_trade("weekend"))[firms.trade]  # (n_firms, 2)
    own = weekend * np.exp(0.15 * rng.standard_normal((len(firms), 2)))
    closed = rng.random(len(firms)) < np.clip(0.9 - weekend[:, 1], 0.03, 0.8) * 0.6
    own[closed, 1] *= 0.1
    table = np.ones((len(firms), 7), np.float32)
    table[:, 5:] = own
    return np.take_along_axis(table, when.weekday[days.index], axis=1)


def spring_break(
    firms: Population, days: Days, when: Almanac, seed: int, bucket: int, config: WorldConfig
) -> Float:
    """Closure around the lunar New Year, longer where workers come from afar; some are busy."""
    rng = stream(seed, "work.spring", bucket)
    usual = np.array(config.per_trade("spring"), np.float32)[firms.trade]
    length = np.abs(usual) * np.exp(0.5 * rng.standard_normal(len(firms)))
    away = when.spring[days.index]
    off = (away >= -(length * 0.4)[:, None]) & (away <= (length * 0.6)[:, None])
    quiet = np.where(off, np.where(usual > 0, 0.05, 1.5)[:, None], 1.0)
    return np.asarray(quiet, np.float32)
