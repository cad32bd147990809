"""Bad actors with an answer key.

A shell has a meter that runs steadily and taxes that do not fit it (R190); an inflator invoices
fictitious sales in the last months before applying; a brushing seller orders from itself, so that
orders come without parcels. Each of them may never have meant to repay.
"""

from dataclasses import dataclass

import numpy as np

from synthetic.arrays import Float, Int
from synthetic.population import Population
from synthetic.streams import Bucket

BURSTS = 0.04
"""Share of days on which a shell invents sales; assumed."""


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


def bad_actors(firms: Population, at: Bucket) -> BadActors:
    """Draw the bad actors of a bucket; sellers only brush where they may sell online."""
    p = at.config.fraud
    n = len(firms)
    pick = at.stream("fraud.kind").random(n)
    shell = pick < p.shell_share
    inflator = ~shell & (pick < p.shell_share + p.inflation_share)
    brusher = ~shell & ~inflator & (pick < p.shell_share + p.inflation_share + p.brushing_share)
    bad = shell | inflator | brusher
    absconds = bad & (at.stream("fraud.intent").random(n) < p.intent)
    return BadActors(shell, inflator, brusher, absconds)


def inflated(intensity: Float, bad: BadActors, at: Bucket) -> Float:
    """Sales intensity as invoiced: shells and inflators invent the last months' sales."""
    rng = at.stream("fraud.invoices")
    n, n_days = intensity.shape
    months = rng.integers(60, 150, n)
    recent = np.arange(n_days) >= (n_days - months)[:, None]
    factor = np.where(bad.inflator[:, None] & recent, rng.uniform(1.6, 3.5, (n, 1)), 1.0)
    bursts = rng.random((n, n_days)) < BURSTS
    shell = np.where(bursts, 18.0, 0.1)
    return np.asarray(np.where(bad.shell[:, None], shell, intensity * factor), np.float32)


def steady(work: Float, bad: BadActors, at: Bucket) -> Float:
    """Work as the meter sees it: a shell's office runs the same every day."""
    rng = at.stream("fraud.meter")
    level = 0.25 + 0.02 * rng.standard_normal(work.shape, np.float32)
    return np.asarray(np.where(bad.shell[:, None], level, work))


def brushed(work: Float, bad: BadActors, at: Bucket) -> Float:
    """Work as the shop platform sees it: fake orders in the last months."""
    rng = at.stream("fraud.orders")
    n, n_days = work.shape
    recent = np.arange(n_days) >= (n_days - rng.integers(60, 200, n))[:, None]
    factor = np.where(bad.brusher[:, None] & recent, rng.uniform(1.5, 4.0, (n, 1)), 1.0)
    return np.asarray(work * factor)
