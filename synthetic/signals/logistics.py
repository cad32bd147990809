"""Parcels.

out ~ Poisson(parcels per CNY · sales · work),    in ~ Poisson(share · out rate)
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.population import CNY_A_YEAR_PER_KCNY_A_DAY, Population
from synthetic.firm.work import Days
from synthetic.streams import Bucket


@dataclass(frozen=True)
class Parcels:
    """Arrays of shape (n_firms, n_days)."""

    out: Array
    inward: Array
    weight_kg: FloatArray
    destinations: Array
    late: Array


def logistics(
    firms: Population,
    work: FloatArray,
    short: FloatArray,
    seen: Array,
    *,
    days: Days,
    bucket: Bucket,
) -> Parcels:
    """Count each day's parcels.

    Parameters
    ----------
    work : ndarray of shape (n_firms, n_days), usual days of work
    short : ndarray of shape (n_firms, n_days), cash shortfall
    seen : ndarray of bool, shape (n_firms,)
        Firms that a courier reports on; the others' counts are left at 0.
    """
    p = bucket.config.logistics
    n = len(firms)
    traits = bucket.stream("logistics.traits")
    per_kcny = np.array(bucket.config.per_trade("parcels_per_kcny"))[firms.trade]
    rate = firms.sales_cny / CNY_A_YEAR_PER_KCNY_A_DAY * per_kcny
    rate *= np.exp(p.volume_sd * traits.standard_normal(n))
    inward_share = np.clip(traits.gamma(*p.inward, n), *p.inward_limits)
    kilos = p.weight_kg * np.exp(p.weight_sd * traits.standard_normal(n))
    reach = traits.uniform(*p.reach, n)
    late_rate = np.clip(p.late_rate * np.exp(p.late_sd * traits.standard_normal(n)), 0, 1)
    rate = np.where(seen, np.minimum(rate, p.most_parcels), 0.0)
    expected = (rate[:, None] * work, (rate * inward_share)[:, None] * np.sqrt(work))
    parcels = bucket.by_firm("logistics.count").poisson(np.stack(expected, axis=-1))
    out, inward = np.ascontiguousarray(np.moveaxis(parcels, -1, 0))
    noise = bucket.by_time(
        "logistics.noise", days.steps, lambda rng, d: rng.standard_normal((n, d), np.float32)
    )
    noise = np.exp(p.weight_noise_sd * noise)
    return Parcels(
        out=out,
        inward=inward,
        weight_kg=np.round(kilos[:, None] * (out + inward) * noise, 2),
        destinations=np.ceil(np.minimum(out, p.places) ** reach[:, None]).astype(np.int64),
        late=bucket.by_firm("logistics.late").binomial(
            out, np.clip(late_rate[:, None] * np.exp(p.late_shortfall * short), 0, p.most_late)
        ),
    )
