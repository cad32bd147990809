"""Metered electricity.

    kwh  = usual · (standby · calm + running · calm)
    running = (1 - standby) · within_capacity(pace^follow · machines · batches · day)
              + cooling · max(temp - warm, 0) + heating · max(cold - temp, 0)

`machines` is what runs for a given pace: it drifts over weeks and steps when a machine is bought
or sold. `batches` stops most of it on days between two batches, the more often the fewer the
orders. `day` is heavy-tailed: most days differ by a few percent, some by half. No load exceeds
what the machines can take. How continuously a firm works decides several of these at once: a kiln
or an office has much standby, little noise and a short Spring Festival, a workshop the opposite.
Use is split over peak, flat and valley hours by the trade's working hours.
"""

import numpy as np
from scipy.special import ndtri

from features.arrays import FloatArray
from synthetic.firm.population import CNY_A_YEAR_PER_KCNY_A_DAY, Population
from synthetic.firm.work import Days, continuity
from synthetic.streams import Bucket, Rng


def electricity(
    firms: Population,
    pace: FloatArray,
    own_sd: FloatArray,
    temperature: FloatArray,
    *,
    days: Days,
    bucket: Bucket,
) -> FloatArray:
    """Daily metered use of each firm by tariff band.

    Parameters
    ----------
    pace, temperature : ndarray of shape (n_firms, n_days), usual days of work and °C
    own_sd : ndarray of shape (n_firms,)
        Volatility of the firm's own orders; machines run as unevenly.

    Returns
    -------
    ndarray of shape (3, n_firms, n_days), kWh at peak, flat and valley hours, >= 0
    """
    p = bucket.config.electricity
    n = len(firms)
    traits = bucket.stream("electricity.traits")
    per_kcny = np.array(bucket.config.per_trade("kwh_per_kcny"))[firms.trade]
    usual = firms.sales_cny / CNY_A_YEAR_PER_KCNY_A_DAY * per_kcny
    usual = usual * np.exp(p.use_sd * traits.standard_normal(n))
    steady = continuity(n, bucket)
    standby = p.standby_share * np.exp(p.standby_spread * traits.standard_normal(n))
    standby *= np.exp(p.steady_standby * steady)
    standby = np.where(traits.random(n) < p.switched_off, 0.0, np.clip(standby, *p.standby_limits))
    follow = np.clip(p.follow + p.follow_sd * traits.standard_normal(n), *p.follow_limits)
    follow = np.clip(follow - p.steady_follow * steady, p.follow_least, p.follow_limits[1])
    cooling = np.array(bucket.config.per_trade("cooling"))[firms.trade] * p.cooling_scale
    heating = p.heating_share * cooling
    shape = p.weather_shape
    cooling = cooling * traits.gamma(shape, 1 / shape, n)
    heating = heating * traits.gamma(shape, 1 / shape, n)
    load = machines(firms, own_sd, days, bucket) * pace ** _column(follow)
    load *= batches(firms, pace, own_sd, days, bucket) * day_noise(firms, own_sd, days, bucket)
    running = _column(1 - standby) * within_capacity(load, bucket)
    running += _column(cooling) * np.maximum(temperature - p.cool_above_c, 0)
    running += _column(heating) * np.maximum(p.heat_below_c - temperature, 0)
    running *= calm("electricity.meter", p.meter_sd, days, bucket)
    rest = calm("electricity.standby", p.standby_sd, days, bucket)
    kwh = _column(usual) * (_column(standby) * rest + running)
    since = np.where(traits.random(n) < p.moved_share, traits.random(n) * days.history, 0)
    kwh[np.arange(pace.shape[1]) < since[:, None]] = 0  # before the firm moved in
    bands = np.array(bucket.config.per_trade("bands"))[firms.trade] * np.exp(
        p.bands_sd * traits.standard_normal((n, 3))
    )
    return split_bands(kwh, bands / bands.sum(axis=1, keepdims=True), days, bucket)


def machines(firms: Population, own_sd: FloatArray, days: Days, bucket: Bucket) -> FloatArray:
    """Machines in use for a given pace, 1 on average, shape (n_firms, n_days).

    log = drift (mean-reverting) + steps (a machine bought or sold)
    """
    p = bucket.config.electricity
    rng = bucket.stream("electricity.machines")
    n = len(firms)
    scale = np.array(bucket.config.per_trade("machines"))[firms.trade]
    sd = p.wander_sd * np.exp(p.wander_spread * rng.standard_normal(n))
    sd *= scale * (own_sd / bucket.config.health.own_sd) ** p.wander_own
    reverts = p.wander_days * np.exp(p.wander_days_spread * rng.standard_normal(n))
    memory = np.exp(-1 / (reverts * np.exp(p.steady_days * continuity(n, bucket))))
    drift = mean_reverting("electricity.drift", memory, days, bucket, rng)
    changed = bucket.by_time(
        "electricity.step",
        days.steps,
        lambda rng, d: rng.random((n, d), np.float32) < p.steps_per_year / 365.25,
        rng=rng,
    )
    size = bucket.by_time(
        "electricity.step_size",
        days.steps,
        lambda rng, d: rng.laplace(0.0, p.step_size, (n, d)),
        rng=rng,
    )
    steps = np.cumsum(changed * size, axis=1)
    path = _column(sd) * drift.T + _column(scale) * steps.astype(np.float32)
    usual = path[:, : days.history].mean(axis=1, keepdims=True)
    return np.asarray(np.exp(path - usual), np.float32)


def day_noise(firms: Population, own_sd: FloatArray, days: Days, bucket: Bucket) -> FloatArray:
    """A day's use against its expectation, shape (n_firms, n_days).

    Most days differ little; on wild days the noise is wider, on a few the power is off for hours.
    """
    p = bucket.config.electricity
    rng = bucket.stream("electricity.noise")
    n = len(firms)
    sd = p.noise_sd * np.exp(p.noise_spread * rng.standard_normal(n))
    sd *= np.exp(-p.steady_noise * continuity(n, bucket))
    sd *= (own_sd / bucket.config.health.own_sd) ** p.noise_own
    wild = np.clip(p.wild_share * np.exp(p.wild_spread * rng.standard_normal(n)), 0, p.wild_most)
    cut = np.clip(p.cut_share * np.exp(p.cut_spread * rng.standard_normal(n)), 0, p.cut_most)
    draw = bucket.by_time(
        "electricity.wild", days.steps, lambda rng, d: rng.random((n, d), np.float32), rng=rng
    )
    width = np.where(draw < _column(wild), np.float32(p.wild_factor), np.float32(1.0))
    luck = bucket.by_time(
        "electricity.noise",
        days.steps,
        lambda rng, d: rng.standard_normal((n, d), np.float32),
        rng=rng,
    )
    noise = np.exp(np.clip(_column(sd) * width * luck, *p.noise_limits))
    left = bucket.by_time(
        "electricity.cut", days.steps, lambda rng, d: rng.random((n, d), np.float32), rng=rng
    )
    return np.asarray(
        np.where(draw > 1 - _column(cut), noise * left**p.cut_power, noise), np.float32
    )


def batches(
    firms: Population, pace: FloatArray, own_sd: FloatArray, days: Days, bucket: Bucket
) -> FloatArray:
    """Share of the machines that batches leave running, shape (n_firms, n_days), 0 to 1.

        off where AR(1) < quantile(idle share) - lean · log pace

    A firm that makes batches is off between them, the more often the fewer orders it has.
    """
    p = bucket.config.electricity
    rng = bucket.stream("electricity.batches")
    n = len(firms)
    uneven = (own_sd / bucket.config.health.own_sd) ** p.batch_own
    share = p.batch_off * uneven * np.exp(p.batch_spread * rng.standard_normal(n))
    share *= np.exp(-p.steady_batch * continuity(n, bucket))
    share *= np.array(bucket.config.per_trade("machines"))[firms.trade]
    memory = np.exp(-1 / (p.batch_days * np.exp(p.batch_days_spread * rng.standard_normal(n))))
    left = np.asarray(rng.beta(*p.batch_left, n))
    level = ndtri(np.clip(share, *p.batch_limits)).astype(np.float32)
    threshold = _column(level) - p.batch_lean * np.log(np.maximum(pace, p.batch_least_pace))
    off = threshold > mean_reverting("electricity.batch", memory, days, bucket, rng).T
    return np.where(off, _column(left), np.float32(1.0))


def within_capacity(load: FloatArray, bucket: Bucket) -> FloatArray:
    """Squeeze the load under what the machines can take, shape (n_firms, n_days).

    load / (1 + (load / capacity)^h)^(1/h)
    """
    p = bucket.config.electricity
    rng = bucket.stream("electricity.capacity")
    n = len(load)
    spread = np.exp(p.capacity_spread * rng.standard_normal(n))
    capacity = _column(np.asarray(p.capacity * spread))
    h = np.float32(p.hardness)
    # the smaller of the two leads: no power of a large ratio, which could overflow
    small, large = np.minimum(load, capacity), np.maximum(load, capacity)
    return np.asarray(small / (1 + (small / large) ** h) ** (1 / h), np.float32)


def calm(name: str, sd: float, days: Days, bucket: Bucket) -> FloatArray:
    """Small lognormal noise whose size differs by firm, shape (n_firms, n_days)."""
    p, n, rng = bucket.config.electricity, days.shape[0], bucket.stream(name)
    width = _column(np.asarray(sd * np.exp(p.meter_spread * rng.standard_normal(n))))
    luck = bucket.by_time(
        name, days.steps, lambda rng, d: rng.standard_normal((n, d), np.float32), rng=rng
    )
    return np.asarray(np.exp(np.clip(width * luck, *p.calm_limits)))


def mean_reverting(
    name: str, memory: FloatArray, days: Days, bucket: Bucket, rng: Rng
) -> FloatArray:
    """Standard normal AR(1) paths, one column a firm, shape (n_days, n_firms)."""
    memory = memory.astype(np.float32)
    kick = np.sqrt(1 - memory**2)
    path = bucket.by_time(
        name,
        days.steps,
        lambda rng, d: rng.standard_normal((d, len(memory)), np.float32).T,
        rng=rng,
    )
    path = np.ascontiguousarray(path.T)
    for d in range(1, len(path)):
        path[d] = memory * path[d - 1] + kick * path[d]
    return path


def split_bands(kwh: FloatArray, bands: FloatArray, days: Days, bucket: Bucket) -> FloatArray:
    """Split daily use (n_firms, n_days) by shares (n_firms, 3) that tilt from day to day."""
    p, n = bucket.config.electricity, len(kwh)
    tilt = p.bands_tilt_sd * bucket.by_time(
        "electricity.bands", days.steps, lambda rng, d: rng.standard_normal((n, d), np.float32)
    )
    peak = np.clip(_column(bands[:, 0]) + tilt, *p.peak_limits)
    flat = (1 - peak) * _column(bands[:, 1] / (bands[:, 1] + bands[:, 2]))
    return np.stack([kwh * peak, kwh * flat, kwh * (1 - peak - flat)]).astype(np.float32)


def _column(values: FloatArray) -> FloatArray:
    return np.asarray(values, np.float32)[:, None]
