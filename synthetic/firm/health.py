"""Latent business health: log orders against the firm's usual level, week by week.

    health = own + accident + macro + cycle[trade] + load · core[buyer] + exposure · flood[county]

`own` is a mean-reverting path of the firm alone; an accident (illness, fire, a lost customer) is
a drop that heals. The week of the application is week `HISTORY`; the weeks after it are the
realised future.
"""

from dataclasses import dataclass, fields

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.population import Population
from synthetic.firm.shocks import WEEK, Common, heal, ou
from synthetic.streams import Bucket, Rng

HISTORY = 65
"""Weeks of signals before the application: 455 days."""

FUTURE = 52
"""Weeks from the application to the end of the year in which a default counts."""


@dataclass(frozen=True)
class Health:
    """Components of health, each of shape (n_firms, HISTORY + FUTURE + 1), log units.

    `strikes` holds the sizes of accidents in the week in which they come, `own_sd` (n_firms,)
    the standard deviation of each firm's own path.
    """

    own: FloatArray
    accident: FloatArray
    macro: FloatArray
    cycle: FloatArray
    core: FloatArray
    flood: FloatArray
    strikes: FloatArray
    own_sd: FloatArray

    COMPONENTS = ("own", "accident", "macro", "cycle", "core", "flood")

    @property
    def total(self) -> FloatArray:
        """Health, the sum of its components."""
        return sum((getattr(self, name) for name in self.COMPONENTS), np.zeros(1))

    def rows(self, keep: Array) -> "Health":
        """The same for some of the firms."""
        return Health(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})


def health(firms: Population, common: Common, bucket: Bucket, *, name: str) -> Health:
    """Draw the realised health of each firm, past and future.

    Parameters
    ----------
    name : str
        Prefix of the streams; a second name gives an independent copy.
    """
    h = bucket.config.health
    n, n_weeks = len(firms), HISTORY + FUTURE + 1
    own_sd = own_volatility(firms, bucket)
    own = ou(
        bucket.stream(f"{name}.own").standard_normal((n, n_weeks)),
        own_sd[:, None],
        h.own_days,
    )
    strikes = accidents(n, bucket.config, bucket.stream(f"{name}.accident"))
    weeks = first_week(firms, bucket.config)[:, None] + np.arange(n_weeks)
    load = np.where(firms.core >= 0, h.core_load, 0.0)[:, None]
    exposure = np.take(bucket.config.per_trade("weather"), firms.trade)[:, None]
    return Health(
        own=own,
        accident=-heal(strikes, h.accident_days),
        macro=common.macro[0, weeks],
        cycle=common.cycle[firms.trade[:, None], weeks],
        core=load * common.core[firms.core[:, None], weeks],
        flood=exposure * common.flood[firms.county[:, None], weeks],
        strikes=strikes,
        own_sd=own_sd,
    )


def first_week(firms: Population, config: WorldConfig) -> Array:
    """World week in which each firm's history begins."""
    return np.asarray((firms.applied - config.calendar.history_days) // WEEK)


def own_volatility(firms: Population, bucket: Bucket) -> FloatArray:
    """Standard deviation of each firm's own orders: trade, age, management and luck."""
    h = bucket.config.health
    luck = bucket.stream("health.volatility").standard_normal(len(firms))
    trade = np.take(bucket.config.per_trade("volatility"), firms.trade)
    typical_age = bucket.config.population.typical_age_years
    age = np.clip(firms.age_years / typical_age, *h.own_sd_age_limits) ** h.own_sd_age
    return np.asarray(
        h.own_sd * trade * age * np.exp(h.own_spread * luck + h.own_sd_quality * firms.quality)
    )


def accidents(n: int, config: WorldConfig, rng: Rng) -> FloatArray:
    """Sizes of accidents by week, shape (n, weeks): any number before applying, at most one after.

    At most one, because `true_pd` integrates over one; a second within a year is one in a hundred.
    """
    h = config.health
    rate = h.accidents_per_year * WEEK / 365.25
    past = rng.random((n, HISTORY)) < rate
    sizes = rng.exponential(h.accident_size, (n, HISTORY + FUTURE + 1))
    strikes = rng.random(n) < accident_probability(config)
    week = (rng.random(n) * FUTURE).astype(np.int64)
    future = np.zeros((n, FUTURE + 1), np.bool_)
    future[np.arange(n), week] = strikes
    return sizes * np.hstack([past, future])


def accident_probability(config: WorldConfig) -> float:
    """Probability of an accident in the year after the application."""
    return float(1 - np.exp(-config.health.accidents_per_year * FUTURE * WEEK / 365.25))
