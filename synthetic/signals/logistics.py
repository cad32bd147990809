"""Parcels.

out ~ Poisson(parcels per CNY · sales · work),    in ~ Poisson(share · out rate)
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.population import Population
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
    firms: Population, work: FloatArray, short: FloatArray, seen: Array, bucket: Bucket
) -> Parcels:
    """Count each day's parcels.

    Parameters
    ----------
    work : ndarray of shape (n_firms, n_days), usual days of work
    short : ndarray of shape (n_firms, n_days), strain
    seen : ndarray of bool, shape (n_firms,)
        Firms that a courier reports on; the others' counts are left at 0.
    """
    p = bucket.config.logistics
    n = len(firms)
    traits = bucket.stream("logistics.traits")
    per_kcny = np.array(bucket.config.per_trade("parcels_per_kcny"))[firms.trade]
    rate = firms.sales_cny / 365_000 * per_kcny * np.exp(0.5 * traits.standard_normal(n))
    inward_share = np.clip(traits.gamma(2.0, 0.12, n), 0.01, 2.0)
    kilos = p.weight_kg * np.exp(0.6 * traits.standard_normal(n))
    reach = traits.uniform(0.5, 0.95, n)
    late_rate = np.clip(p.late_rate * np.exp(0.4 * traits.standard_normal(n)), 0, 1)
    rate = np.where(seen, np.minimum(rate, 2_000), 0.0)
    expected = (rate[:, None] * work, (rate * inward_share)[:, None] * np.sqrt(work))
    parcels = bucket.by_firm("logistics.count").poisson(np.stack(expected, axis=-1))
    out, inward = np.ascontiguousarray(np.moveaxis(parcels, -1, 0))
    noise = np.exp(0.15 * bucket.stream("logistics.noise").standard_normal(work.shape, np.float32))
    return Parcels(
        out=out,
        inward=inward,
        weight_kg=np.round(kilos[:, None] * (out + inward) * noise, 2),
        destinations=np.ceil(np.minimum(out, 340) ** reach[:, None]).astype(np.int64),
        late=bucket.by_firm("logistics.late").binomial(
            out, np.clip(late_rate[:, None] * np.exp(1.4 * short), 0, 0.9)
        ),
    )
