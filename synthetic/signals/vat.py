"""Who pays VAT: general payers by month, small-scale payers by quarter, the smallest not at all."""

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.population import Population
from synthetic.setting.calendar import Calendar
from synthetic.streams import Bucket


def general_payers(firms: Population, bucket: Bucket) -> Array:
    """Draw who is a general VAT payer, shape (n_firms,); all others are small-scale."""
    drawn = bucket.stream("tax.general").random(len(firms))
    return np.asarray(drawn < np.take(bucket.config.tax.general_share, firms.form))


def exempt_cny(ends: Array, calendar: Calendar, config: WorldConfig) -> FloatArray:
    """Sales of a month up to which a small-scale payer owes no VAT, by the day the period ends.

    Parameters
    ----------
    ends : ndarray of int
        World days.
    """
    p = config.tax
    since = np.array([calendar.day(date) for date in p.exempt_since])
    limits = np.array([0.0, *p.exempt_monthly_cny])
    return np.asarray(limits[np.searchsorted(since, ends, side="right")])


def quarter_ends(ends: Array, calendar: Calendar) -> Array:
    """Mark the months that end a quarter."""
    return np.asarray((calendar.month[ends] + 1) % 3 == 0)
