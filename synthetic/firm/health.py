"""Latent business health: log orders against the firm's usual level, week by week.

    health = own + accident + macro + cycle[trade] + exposure · flood[county]
           + load · (core[buyer] + failure[buyer])

`own` is a mean-reverting path of the firm alone; an accident (illness, fire, a lost customer) is
a drop that heals. The week of the application is week `HISTORY`; the weeks after it are the
realised future. Accidents, floods and failures of core firms also take cash, in the week after.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import FUTURE, HISTORY, WEEK, WEEKS, YEAR
from synthetic.firm.population import Population
from synthetic.firm.shocks import Common, heal, ou
from synthetic.streams import Bucket, Rng


@dataclass(frozen=True)
class Health:
    """Components of health, each of shape (n_firms, WEEKS), log units.

    `strikes` holds the sizes of accidents in the week in which they come, `struck` the exposure to
    a flood in its week, `failed` a supplier's load in the week in which its core firm fails;
    `own_sd` (n_firms,) is the standard deviation of each firm's own path.
    """

    own: FloatArray
    accident: FloatArray
    macro: FloatArray
    cycle: FloatArray
    core: FloatArray
    failure: FloatArray
    flood: FloatArray
    strikes: FloatArray
    struck: FloatArray
    failed: FloatArray
    own_sd: FloatArray

    COMPONENTS = ("own", "accident", "macro", "cycle", "core", "failure", "flood")
    TOGETHER: ClassVar = {
        "accident": ("accident", "strikes"),
        "core": ("core", "failure", "failed"),
        "flood": ("flood", "struck"),
    }

    @property
    def total(self) -> FloatArray:
        """Health, the sum of its components."""
        return sum((getattr(self, name) for name in self.COMPONENTS), np.zeros(1))

    def cash_taken(self, config: WorldConfig) -> FloatArray:
        """Months of turnover that events take from cash, shape (n_firms, WEEKS)."""
        c = config.cash
        taken = c.accident_cash * self.strikes + c.flood_cash * self.struck
        return np.asarray(taken + c.core_failure_cash * self.failed)

    def without(self, component: str) -> "Health":
        """Counterfactual health without one component and the events that belong to it."""
        parts = self.TOGETHER.get(component, (component,))
        return replace(self, **dict.fromkeys(parts, np.zeros_like(self.own)))


def health(firms: Population, common: Common, bucket: Bucket, *, name: str) -> Health:
    """Draw the realised health of each firm, past and future.

    Parameters
    ----------
    name : str
        Prefix of the streams; a second name gives an independent copy.
    """
    h = bucket.config.health
    n = len(firms)
    own_sd = own_volatility(firms, bucket)
    own = ou(
        bucket.stream(f"{name}.own").standard_normal((n, WEEKS)),
        own_sd[:, None],
        h.own_days,
    )
    strikes = accidents(n, bucket.config, bucket.stream(f"{name}.accident"))
    weeks = first_week(firms, bucket.config)[:, None] + np.arange(WEEKS)
    load = np.where(firms.core >= 0, h.core_load, 0.0)[:, None]
    exposure = np.take(bucket.config.per_trade("weather"), firms.trade)[:, None]
    return Health(
        own=own,
        accident=-heal(strikes, h.accident_days),
        macro=common.macro[0, weeks],
        cycle=common.cycle[firms.trade[:, None], weeks],
        core=load * common.core[firms.core[:, None], weeks],
        failure=load * common.failure[firms.core[:, None], weeks],
        flood=exposure * common.flood[firms.county[:, None], weeks],
        strikes=strikes,
        struck=exposure * common.struck[firms.county[:, None], weeks],
        failed=load * common.failed[firms.core[:, None], weeks],
        own_sd=own_sd,
    )


def first_week(firms: Population, config: WorldConfig) -> Array:
    """Common week in which each firm's latent path begins."""
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
    """Sizes of accidents by week, shape (n, WEEKS): any number up to the application's own week.

    Afterwards at most one in the first year and one later, because `true_pd` integrates over one
    each; a second within a year is one in a hundred.
    """
    h = config.health
    past = rng.random((n, HISTORY + 1)) < h.accidents_per_year / YEAR
    sizes = rng.exponential(h.accident_size, (n, WEEKS))
    future = np.zeros((n, FUTURE), np.bool_)
    for first, weeks in ((0, YEAR), (YEAR, FUTURE - YEAR)):
        strikes = rng.random(n) < accident_probability(config, weeks)
        week = first + (rng.random(n) * weeks).astype(np.int64)
        future[np.arange(n), week] = strikes
    return sizes * np.hstack([past, future])


def accident_probability(config: WorldConfig, weeks: int) -> float:
    """Probability of an accident within so many weeks."""
    return float(1 - np.exp(-config.health.accidents_per_year * weeks / YEAR))
