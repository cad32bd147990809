"""Data faults: gaps, late arrival, corrected estimates, replaced meters.

A run of faulty days begins with a small chance on any day and lasts some days. Faults know nothing
of the firm's health, so they carry no information about default.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.streams import Bucket, Rng

NOT_LATE = 0


@dataclass(frozen=True)
class MeterFaults:
    """Faults of meter readings; arrays of shape (n_firms, n_days).

    `lost` readings never arrive, `delay` is the number of days by which one is late, `estimate`
    the factor of a first, estimated reading that is corrected `delay` days later (1: none),
    `swapped` marks days on which a new meter counts nothing and leaves the day to the next.
    """

    lost: Array
    delay: Array
    estimate: FloatArray
    swapped: Array


def meter_faults(shape: tuple[int, int], bucket: Bucket) -> MeterFaults:
    """Draw the faults of a bucket's meters."""
    p = bucket.config.faults
    rng = bucket.stream("faults.meter")
    lost = runs(shape, p.gaps_per_year, p.run_days, p.longest_run_days, rng)
    late = runs(shape, p.late_per_year, p.run_days, p.longest_run_days, rng) & ~lost
    estimated = runs(shape, p.estimates_per_year, 1.0, p.longest_run_days, rng) & ~lost
    delay = rng.integers(2, p.longest_delay_days + 1, shape, np.int16)
    guess = np.exp(p.estimate_sd * rng.standard_normal(shape, np.float32))
    swapped = runs(shape, p.swaps_per_year, 1.0, p.longest_run_days, rng)
    swapped[:, -1] = False
    return MeterFaults(
        lost=lost,
        delay=np.where(late | estimated, delay, NOT_LATE),
        estimate=np.where(estimated, guess, 1.0),
        swapped=swapped,
    )


def swap_meters(kwh: FloatArray, swapped: Array) -> FloatArray:
    """Move the use of a swapped day to the next, kwh of shape (3, n_firms, n_days)."""
    moved = np.where(swapped, kwh, 0)
    kept = kwh - moved
    kept[:, :, 1:] += moved[:, :, :-1]
    return np.asarray(kept)


def courier_delay(shape: tuple[int, int], bucket: Bucket) -> Array:
    """Days by which couriers' files are late, shape (n_firms, n_days); 0 for most."""
    p = bucket.config.faults
    rng = bucket.stream("faults.courier")
    late = runs(shape, p.late_per_year, p.run_days, p.longest_run_days, rng)
    return np.where(late, rng.integers(1, p.longest_delay_days + 1, shape), NOT_LATE)


def invoice_delay(sizes: Array, direction: int, bucket: Bucket) -> Array:
    """Days by which invoices reach the tax platform late, shape (n_invoices,); 0 for most.

    Parameters
    ----------
    sizes : ndarray of shape (n_firms,)
        Number of each firm's invoices.
    """
    p = bucket.config.faults
    late = bucket.by_firm(f"faults.invoices.{direction}").uniform(sizes) < p.late_invoices
    wait = bucket.by_firm(f"faults.invoice_days.{direction}").exponential(sizes)
    wait = 1 + p.longest_delay_days / 3 * wait
    return np.where(late, wait.astype(np.int32), NOT_LATE)


def runs(
    shape: tuple[int, int], per_year: float, mean_days: float, longest: int, rng: Rng
) -> Array:
    """Mark runs of days that begin `per_year` times a year and last `mean_days` on average."""
    begins = rng.random(shape, np.float32) < per_year / 365.25
    length = np.minimum(rng.geometric(1 / mean_days, begins.sum()), longest)
    firm, day = np.nonzero(begins)
    marked = begins.copy()
    for step in range(1, longest):
        on = (length > step) & (day + step < shape[1])
        marked[firm[on], day[on] + step] = True
    return marked
