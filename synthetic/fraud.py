"""Bad actors with an answer key.

A shell has a meter that runs steadily and taxes that do not fit it (R190); an inflator invoices
fictitious sales in the last months before applying; a brushing seller orders from itself, so that
orders come without parcels. Each of them may never have meant to repay.
"""

from dataclasses import dataclass

import numpy as np

from synthetic.arrays import Float, Int
from synthetic.config import WorldConfig
from synthetic.population import Population
from synthetic.streams import stream


@dataclass(frozen=True)
class BadActors:
    """Arrays of bool, shape (n_firms,); `absconds` is the realised intent."""

    shell: Int
    inflator: Int
    brusher: Int
    absconds: Int

    @property
    def any(self) -> Int:
        """Whether the firm is a bad actor of any kind."""
        return np.asarray(self.shell | self.inflator | self.brusher)


def bad_actors(firms: Population, seed: int, bucket: int, config: WorldConfig) -> BadActors:
    """Draw the bad actors of a bucket; sellers only brush where they may sell online."""
    p = config.fraud
    n = len(firms)
    pick = stream(seed, "fraud.kind", bucket).random(n)
    shell = pick < p.shell_share
    inflator = ~shell & (pick < p.shell_share + p.inflation_share)
    brusher = ~shell & ~inflator & (pick < p.shell_share + p.inflation_share + p.brushing_share)
    bad = shell | inflator | brusher
    absconds = bad & (stream(seed, "fraud.intent", bucket).random(n) < p.intent)
    return BadActors(shell, inflator, brusher, absconds)


def inflated(intensity: Float, bad: BadActors, seed: int, bucket: int) -> Float:
    """Sales intensity as invoiced: shells and inflators invent the last months' sales."""
    rng = stream(seed, "fraud.invoices", bucket)
    n, n_days = intensity.shape
    months = rng.integers(60, 150, n)
    recent = np.arange(n_days) >= (n_days - months)[:, None]
    factor = np.where(bad.inflator[:, None] & recent, rng.uniform(1.6, 3.5, n)[:, None], 1.0)
    bursts = rng.random((n, n_days)) < 0.04
    shell = np.where(bursts, 18.0, 0.1)
    return np.asarray(np.where(bad.shell[:, None], shell, intensity * factor))


def steady(work: Float, bad: BadActors, seed: int, bucket: int) -> Float:
    """Work as the meter sees it: a shell's office runs the same every day."""
    rng = stream(seed, "fraud.meter", bucket)
    level = 0.25 + 0.02 * rng.standard_normal(work.shape, np.float32)
    return np.asarray(np.where(bad.shell[:, None], level, work))


def brushed(work: Float, bad: BadActors, seed: int, bucket: int) -> Float:
    """Work as the shop platform sees it: fake orders in the last months."""
    rng = stream(seed, "fraud.orders", bucket)
    n, n_days = work.shape
    recent = np.arange(n_days) >= (n_days - rng.integers(60, 200, n))[:, None]
    factor = np.where(bad.brusher[:, None] & recent, rng.uniform(1.5, 4.0, n)[:, None], 1.0)
    return np.asarray(work * factor)
