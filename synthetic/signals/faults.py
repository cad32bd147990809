"""Data faults: gaps, late arrival, corrected estimates, replaced meters.

A run of faulty days begins with a small chance on any day and lasts some days. Faults know nothing
of the firm's health, so they carry no information about default.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.work import Days
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


def meter_faults(days: Days, bucket: Bucket) -> MeterFaults:
    """Draw the faults of a bucket's meters."""
    p, n = bucket.config.faults, days.shape[0]
    rng = bucket.stream("faults.meter")

    def begun(name: str, per_year: float, mean_days: float) -> Array:
        def draw(rng: Rng, d: int) -> Array:
            return runs((n, d), per_year, mean_days, p.longest_run_days, rng)

        return bucket.by_time(f"faults.{name}", days.steps, draw, rng=rng)

    lost = begun("lost", p.gaps_per_year, p.run_days)
    late = begun("late", p.late_per_year, p.run_days) & ~lost
    estimated = begun("estimated", p.estimates_per_year, 1.0) & ~lost
    delay = bucket.by_time(
        "faults.delay",
        days.steps,
        lambda rng, d: rng.integers(2, p.longest_delay_days + 1, (n, d), np.int16),
        rng=rng,
    )
    luck = bucket.by_time(
        "faults.guess", days.steps, lambda rng, d: rng.standard_normal((n, d), np.float32), rng=rng
    )
    guess = np.exp(p.estimate_sd * luck)
    swapped = begun("swapped", p.swaps_per_year, 1.0)
    swapped[:, [days.history - 1, -1]] = False
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


def courier_delay(days: Days, bucket: Bucket) -> Array:
    """Days by which couriers' files are late, shape (n_firms, n_days); 0 for most."""
    p, n = bucket.config.faults, days.shape[0]

    def draw(rng: Rng, d: int) -> Array:
        late = runs((n, d), p.late_per_year, p.run_days, p.longest_run_days, rng)
        return np.where(late, rng.integers(1, p.longest_delay_days + 1, (n, d)), NOT_LATE)

    return bucket.by_time("faults.courier", days.steps, draw)


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
