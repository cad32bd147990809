"""Metered electricity.

    kwh = usual · (standby + day · ((1 - standby) · pace^follow · machines
                   + cooling · max(temp - 26, 0) + heating · max(8 - temp, 0)))

`machines` is what runs for a given pace: it wanders over weeks and steps when a machine is bought
or sold. `day` is heavy-tailed: most days differ by a few percent, some by half. Use is split over
peak, flat and valley hours by the trade's working hours.
"""

import numpy as np

from synthetic.arrays import Float, Rng
from synthetic.population import Population
from synthetic.streams import Bucket

COOL_ABOVE, HEAT_BELOW = 26.0, 8.0
"""°C beyond which rooms are cooled or heated; public-building rule of 2007, and assumed."""


def electricity(
    firms: Population, pace: Float, own_sd: Float, temperature: Float, at: Bucket
) -> Float:
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
    p = at.config.electricity
    n = len(firms)
    traits = at.stream("electricity.traits")
    per_kcny = np.array(at.config.per_trade("kwh_per_kcny"))[firms.trade]
    usual = firms.sales_cny / 365_000 * per_kcny * np.exp(0.6 * traits.standard_normal(n))
    standby = p.standby_share * np.exp(1.0 * traits.standard_normal(n))
    standby = np.where(traits.random(n) < p.switched_off, 0.0, np.clip(standby, 0.005, 0.75))
    follow = np.clip(p.follow + 0.25 * traits.standard_normal(n), 0.2, 1.3)
    cooling = np.array(at.config.per_trade("cooling"))[firms.trade] * traits.gamma(0.6, 1 / 0.6, n)
    heating = p.heating_share * np.array(at.config.per_trade("cooling"))[firms.trade]
    heating = heating * traits.gamma(0.6, 1 / 0.6, n)
    running = machines(firms, own_sd, at) * pace ** _column(follow)
    running *= _column(1 - standby)
    running += _column(cooling) * np.maximum(temperature - COOL_ABOVE, 0)
    running += _column(heating) * np.maximum(HEAT_BELOW - temperature, 0)
    kwh = _column(usual) * (_column(standby) + running * day_noise(firms, own_sd, at))
    since = np.where(traits.random(n) < p.moved_share, traits.random(n) * pace.shape[1], 0)
    kwh[np.arange(pace.shape[1]) < since[:, None]] = 0  # before the firm moved in
    bands = np.array(at.config.per_trade("bands"))[firms.trade] * np.exp(
        0.15 * traits.standard_normal((n, 3))
    )
    return split_bands(
        kwh, bands / bands.sum(axis=1, keepdims=True), at.stream("electricity.bands")
    )


def machines(firms: Population, own_sd: Float, at: Bucket) -> Float:
    """Machines in use for a given pace, 1 on average, shape (n_firms, n_days).

    log = wander (mean-reverting) + steps (a machine bought or sold)
    """
    p = at.config.electricity
    rng = at.stream("electricity.machines")
    n, n_days = len(firms), at.config.calendar.history_days
    scale = np.array(at.config.per_trade("machines"))[firms.trade]
    sd = p.wander_sd * np.exp(p.wander_spread * rng.standard_normal(n))
    sd *= scale * (own_sd / at.config.health.own_sd) ** 0.6
    memory = np.exp(-1 / (p.wander_days * np.exp(0.6 * rng.standard_normal(n))))
    kick = np.sqrt(1 - memory**2)
    wander = np.empty((n_days, n), np.float32)
    wander[0] = rng.standard_normal(n)
    normal = rng.standard_normal((n_days, n), np.float32)
    for d in range(1, n_days):
        wander[d] = memory * wander[d - 1] + kick * normal[d]
    changed = rng.random((n, n_days), np.float32) < p.steps_per_year / 365.25
    steps = np.cumsum(changed * rng.laplace(0.0, p.step_size, (n, n_days)), axis=1)
    path = _column(sd) * wander.T + _column(scale) * steps.astype(np.float32)
    return np.asarray(np.exp(path - path.mean(axis=1, keepdims=True)), np.float32)


def day_noise(firms: Population, own_sd: Float, at: Bucket) -> Float:
    """A day's use against its expectation, shape (n_firms, n_days).

    Most days differ little; on wild days the noise is wider, on a few the power is off for hours.
    """
    p = at.config.electricity
    rng = at.stream("electricity.noise")
    n, n_days = len(firms), at.config.calendar.history_days
    sd = p.noise_sd * np.exp(p.noise_spread * rng.standard_normal(n))
    sd *= (own_sd / at.config.health.own_sd) ** 0.5
    wild = np.clip(p.wild_share * np.exp(0.8 * rng.standard_normal(n)), 0, 0.4)
    cut = np.clip(p.cut_share * np.exp(1.2 * rng.standard_normal(n)), 0, 0.2)
    draw = rng.random((n, n_days), np.float32)
    width = np.where(draw < _column(wild), np.float32(p.wild_factor), np.float32(1.0))
    noise = np.exp(
        np.clip(_column(sd) * width * rng.standard_normal((n, n_days), np.float32), -3, 1.0)
    )
    left = rng.random((n, n_days), np.float32)
    return np.asarray(np.where(draw > 1 - _column(cut), noise * left**2, noise), np.float32)


def split_bands(kwh: Float, bands: Float, rng: Rng) -> Float:
    """Split daily use (n_firms, n_days) by shares (n_firms, 3) that tilt from day to day."""
    tilt = 0.04 * rng.standard_normal(kwh.shape, np.float32)
    peak = np.clip(_column(bands[:, 0]) + tilt, 0.02, 0.9)
    flat = (1 - peak) * _column(bands[:, 1] / (bands[:, 1] + bands[:, 2]))
    return np.stack([kwh * peak, kwh * flat, kwh * (1 - peak - flat)]).astype(np.float32)


def _column(values: Float) -> Float:
    return np.asarray(values, np.float32)[:, None]
