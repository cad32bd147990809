"""Shape statistics of a firm's daily electricity."""

import warnings

import numpy as np
import polars as pl
from scipy.ndimage import median_filter
from scipy.stats import kurtosis

from synthetic.setting.calendar import build_calendar

DAYS = 455


def lag(x, k):
    d = x - x.mean(1, keepdims=True)
    return (d[:, k:] * d[:, :-k]).mean(1) / np.maximum(d.var(1), 1e-12)


def ratio(a, b):
    return np.where(b > 0, a / np.maximum(b, 1e-9), 0.0)


def longest(mask):
    run = np.zeros(len(mask))
    best = np.zeros(len(mask))
    for column in mask.T:
        run = np.where(column, run + 1, 0)
        best = np.maximum(best, run)
    return best


def moments(x):
    """Standard deviation, skewness and excess kurtosis of each row, NaN left out."""
    seen = np.isfinite(x)
    n = np.maximum(seen.sum(1), 1)
    d = np.where(seen, x - (np.nansum(x, 1) / n)[:, None], 0.0)
    two, three, four = ((d**k).sum(1) / n for k in (2, 3, 4))
    two = np.maximum(two, 1e-12)
    return np.sqrt(two), three / two**1.5, four / two**2 - 3


def electricity_shapes(kwh, first):
    """Shape statistics of daily use; kwh (n, DAYS), `first` the first day of each firm (n,)."""
    n = len(kwh)
    start = min(first)
    when = build_calendar(start, (max(first) - start).days + DAYS)
    day = np.array([(f - start).days for f in first])[:, None] + np.arange(DAYS)
    week_day, month, spring = when.weekday[day], when.month[day], when.spring[day]

    def mean_where(mask):
        return ratio((kwh * mask).sum(1), mask.sum(1))

    mean, middle = kwh.mean(1), np.median(kwh, axis=1)
    week = kwh.reshape(n, DAYS // 7, 7).sum(2)
    floor = np.maximum(week[:, :-1], week.mean(1, keepdims=True) * 0.1)
    step = (week[:, 1:] - week[:, :-1]) / floor
    local = median_filter(kwh, size=(1, 15))
    usable = (kwh > 0) & (local > 0)
    residual = np.where(
        usable, np.log(np.where(usable, kwh, 1)) - np.log(np.where(usable, local, 1)), np.nan
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        residual_mad = np.nan_to_num(1.48 * np.nanmedian(np.abs(residual), axis=1))
    residual_sd, residual_skew, residual_kurtosis = moments(residual)
    change = np.diff(kwh, axis=1)
    still = np.abs(change) <= 0.02 * np.maximum(kwh[:, 1:], 1e-9)
    low = kwh < 0.2 * middle[:, None]
    q = np.quantile(kwh, [0.1, 0.9], axis=1)
    workday = mean_where(week_day < 5)
    return pl.DataFrame(
        {
            "size": np.log(np.maximum(mean, 1e-6)),
            "cv": kwh.std(1) / np.maximum(mean, 1e-9),
            "zero_share": (kwh <= 0).mean(1),
            "low_share": low.mean(1),
            "saturday": ratio(mean_where(week_day == 5), workday),
            "sunday": ratio(mean_where(week_day == 6), workday),
            "lag_1": lag(kwh, 1),
            "lag_7": lag(kwh, 7),
            "lag_30": lag(kwh, 30),
            "week_cv": week.std(1) / np.maximum(week.mean(1), 1e-9),
            "week_lag_1": lag(week, 1),
            "week_lag_4": lag(week, 4),
            "spring_dip": ratio(
                mean_where((spring >= -5) & (spring <= 9)),
                mean_where((spring >= 20) & (spring <= 50)),
            ),
            "spring_days": ((kwh < 0.5 * middle[:, None]) & (np.abs(spring) <= 20)).sum(1) / 1.0,
            "summer": ratio(mean_where((month == 6) | (month == 7)), mean),
            "winter": ratio(
                mean_where(((month == 11) | (month == 0)) & (np.abs(spring) > 20)), mean
            ),
            "trend": np.log(
                np.maximum(kwh[:, -91:].mean(1), 1e-3) / np.maximum(kwh[:, :91].mean(1), 1e-3)
            ),
            "largest_fall": step.min(1),
            "largest_rise": step.max(1),
            "kurtosis_of_changes": kurtosis(change, axis=1),
            "residual_sd": residual_sd,
            "residual_mad": residual_mad,
            "residual_kurtosis": residual_kurtosis,
            "residual_skew": residual_skew,
            "peak_to_mean": ratio(kwh.max(1), mean),
            "spread": ratio(q[1], np.maximum(q[0], 1e-3)).clip(0, 1e4),
            "still_share": still.mean(1),
            "longest_low": longest(low),
        }
    )
