"""Metered electricity.

    kwh = usual · (standby + (1 - standby) · work + cooling · max(temp - 26, 0)) · noise

split over peak, flat and valley hours by the trade's working hours.
"""

import numpy as np

from synthetic.arrays import Float
from synthetic.config import WorldConfig
from synthetic.population import Population
from synthetic.streams import stream

COMFORT = 26.0
"""°C above which rooms are cooled; public-building rule of 2007."""


def electricity(
    firms: Population, work: Float, temperature: Float, seed: int, bucket: int, config: WorldConfig
) -> Float:
    """Daily metered use of each firm by tariff band.

    Parameters
    ----------
    work, temperature : ndarray of shape (n_firms, n_days), usual days of work and °C

    Returns
    -------
    ndarray of shape (3, n_firms, n_days), kWh at peak, flat and valley hours, >= 0
    """
    p = config.electricity
    n = len(firms)
    traits = stream(seed, "electricity.traits", bucket)
    per_kcny = np.array(config.per_trade("kwh_per_kcny"))[firms.trade]
    usual = firms.sales_cny / 365_000 * per_kcny * np.exp(0.5 * traits.standard_normal(n))
    standby = np.clip(p.standby_share * np.exp(0.5 * traits.standard_normal(n)), 0.02, 0.8)
    cooling = np.array(config.per_trade("cooling"))[firms.trade] * traits.gamma(2.0, 0.5, n)
    heat = np.maximum(temperature - COMFORT, 0)
    need = standby[:, None] + (1 - standby)[:, None] * work + cooling[:, None] * heat
    rng = stream(seed, "electricity.noise", bucket)
    noise = np.exp(p.noise_sd * rng.standard_normal(work.shape, np.float32))
    kwh = (usual[:, None] * need * noise).astype(np.float32)
    bands = np.array(config.per_trade("bands"))[firms.trade] * np.exp(
        0.15 * traits.standard_normal((n, 3))
    )
    bands /= bands.sum(axis=1, keepdims=True)
    tilt = 0.05 * rng.standard_normal(work.shape, np.float32)
    peak = np.clip(bands[:, :1] + tilt, 0.02, 0.9).astype(np.float32)
    rest = (1 - peak) * (bands[:, 1:2] / (bands[:, 1:2] + bands[:, 2:])).astype(np.float32)
    return np.stack([kwh * peak, kwh * rest, kwh * (1 - peak - rest)])
