"""Backdrop of a world: the common shocks, calendar and weather that all its buckets share."""

import datetime as dt
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from features.arrays import FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import WEEK
from synthetic.firm.shocks import Common, common_shocks, weeks_of_world
from synthetic.setting.calendar import Calendar, build_calendar
from synthetic.setting.weather import temperature
from synthetic.streams import replay_seed


@dataclass(frozen=True)
class Backdrop:
    """Common inputs of all buckets of a world."""

    seed: int
    common_seed: int
    config: WorldConfig
    calendar: Calendar
    common: Common
    temperature: FloatArray


def one_thread() -> threadpool_limits:
    """Keep linear algebra on one thread.

    Its matrices are small: threads of one bucket would only wait for those of another.
    """
    return threadpool_limits(limits=1, user_api="blas")


def backdrop(seed: int, config: WorldConfig, *, paths: int | None = None) -> Backdrop:
    """Draw the common shocks, calendar and weather of a world.

    Parameters
    ----------
    paths : int, optional
        Replay the firms of the world on other common paths: 2k and 2k + 1 are an antithetic pair.
    """
    start = config.calendar.first_application - dt.timedelta(days=config.calendar.history_days)
    calendar = build_calendar(start, weeks_of_world(config) * WEEK)
    pair, mirrored = (None, 0) if paths is None else divmod(paths, 2)
    common_seed = seed if pair is None else replay_seed(seed, pair)
    return Backdrop(
        seed,
        common_seed,
        config,
        calendar,
        common_shocks(common_seed, config, mirrored=bool(mirrored)),
        temperature(seed, calendar, config.weather),
    )
