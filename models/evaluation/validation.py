"""Validation tests of a rating: PD by grade, calibration overall, population stability.

Binomial and Jeffreys as in the ECB's instructions for reporting validation results (2019, 2.5.3.1);
Hosmer and Lemeshow (1980); Spiegelhalter (1986). `pd` and `bad` have the shape (n_samples,).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import stats

from models.evaluation import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from features.arrays import Array
    from models.estimators.model import Model

GROUPS = 10  # of Hosmer and Lemeshow


def grade(pd: Array, bounds: Sequence[float]) -> Array:
    """Letter of each PD: A below the first bound, B from it on, and so on.

    Parameters
    ----------
    pd : ndarray of shape (n_samples,)
    bounds : sequence of float, ascending
    """
    letters = np.array([chr(ord("A") + k) for k in range(len(bounds) + 1)])
    return np.asarray(letters[np.searchsorted(np.asarray(bounds), pd, side="right")])


def grade_tests(pd: Array, bad: Array, bounds: Sequence[float]) -> pl.DataFrame:
    """Predicted and realised default rate by grade, with binomial and Jeffreys tests.

    Parameters
    ----------
    pd, bad : ndarray of shape (n_samples,)
    bounds : sequence of float

    Returns
    -------
    DataFrame
        grade, rows, bads, mean_pd, default_rate, low, high (95 % Jeffreys interval of the rate),
        binomial_p (chance of so many bads or more if the PD is right), jeffreys_p (belief that the
        true rate is not above the PD); both small when the PD is too low.
    """
    letters = grade(pd, bounds)
    rows = []
    for letter in np.unique(letters):
        inside = letters == letter
        n, bads, mean = int(inside.sum()), int(bad[inside].sum()), float(pd[inside].mean())
        posterior = stats.beta(bads + 0.5, n - bads + 0.5)
        rows.append(
            {
                "grade": str(letter),
                "rows": n,
                "bads": bads,
                "mean_pd": mean,
                "default_rate": bads / n,
                "low": float(posterior.ppf(0.025)),
                "high": float(posterior.ppf(0.975)),
                "binomial_p": float(stats.binom.sf(bads - 1, n, mean)),
                "jeffreys_p": float(posterior.cdf(mean)),
            }
        )
    return pl.DataFrame(rows)


def hosmer_lemeshow(pd: Array, bad: Array) -> dict[str, float]:
    """Chi-square of observed against expected bads in ten groups of equal numbers.

    The groups are of new data, on which nothing was fitted: as many degrees of freedom as groups.
    """
    order = np.argsort(pd, kind="stable")
    groups = [part for part in np.array_split(order, GROUPS) if part.size]
    total = 0.0
    for part in groups:
        mean = pd[part].mean()
        total += (bad[part].sum() - part.size * mean) ** 2 / (part.size * mean * (1 - mean))
    return {
        "statistic": float(total),
        "degrees_of_freedom": len(groups),
        "p": float(stats.chi2.sf(total, len(groups))),
    }


def spiegelhalter(pd: Array, bad: Array) -> dict[str, float]:
    """Z of the Brier score against what it would be if every PD were right."""
    weight = 1 - 2 * pd
    z = np.sum((bad - pd) * weight) / np.sqrt(np.sum(weight**2 * pd * (1 - pd)))
    return {"z": float(z), "p": float(2 * stats.norm.sf(abs(z)))}


def characteristic_stability(model: Model, rows: pl.DataFrame) -> pl.DataFrame:
    """PSI of each feature on the bins frozen at development.

    Parameters
    ----------
    model : Model
    rows : DataFrame of the applicants to compare

    Returns
    -------
    DataFrame
        feature, csi, missing_before, missing_now; the most moved first.
    """
    bins: Mapping[str, Any] = model.development["features"]
    rows_by_feature = []
    for name in model.feature_names:
        values = rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        now = metrics.shares(values, bins[name]["edges"], missing=True)
        before = bins[name]["share"]
        rows_by_feature.append(
            {
                "feature": name,
                "csi": metrics.psi(before, now),
                "missing_before": float(before[-1]),
                "missing_now": float(now[-1]),
            }
        )
    return pl.DataFrame(rows_by_feature).sort("csi", descending=True)


def migration(before: Array, now: Array, bounds: Sequence[float]) -> pl.DataFrame:
    """Migration matrix of grades under two PDs.

    Parameters
    ----------
    before, now : ndarray of shape (n_samples,)
        PDs of the same applicants.
    bounds : sequence of float

    Returns
    -------
    DataFrame
        One row per grade before, one column per grade now, rows counted.
    """
    letters = [chr(ord("A") + k) for k in range(len(bounds) + 1)]
    pairs = pl.DataFrame({"before": grade(before, bounds), "now": grade(now, bounds)})
    return pl.DataFrame(
        {
            "grade_before": letters,
            **{
                f"now_{letter}": [pairs.filter(before=old, now=letter).height for old in letters]
                for letter in letters
            },
        }
    )


def gini_stability(ginis: Sequence[float]) -> dict[str, float]:
    """Gini stability: mean of monthly Ginis less penalties for decline and volatility.

    After the Home Credit competition of 2024, mean + weight * min(0, slope) - 0.5 * sd(residual);
    there the weight was the number of weeks, here it is the number of months, so that the second
    part is the fall over the whole period.

    Parameters
    ----------
    ginis : sequence of float, one per month, in order

    Returns
    -------
    dict
        Empty with fewer than three months.
    """
    if len(ginis) < 3:  # noqa: PLR2004 (a line through two points says nothing)
        return {}
    months = np.arange(len(ginis))
    slope, level = np.polyfit(months, ginis, 1)
    spread = float(np.std(np.asarray(ginis) - (level + slope * months)))
    mean = float(np.mean(ginis))
    return {
        "gini_stability": mean + len(ginis) * min(0.0, float(slope)) - 0.5 * spread,
        "gini_month_mean": mean,
        "gini_month_slope": float(slope),
        "gini_month_residual_sd": spread,
    }
