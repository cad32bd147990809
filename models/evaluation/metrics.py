"""Metrics of discrimination, calibration and stability, as functions on arrays.

Where nothing else is said, `score`, `pd` and `bad` have the shape (n_samples,); `bad` is 1 for
default, `pd` lies between 0 and 1, and a higher `score` is riskier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from scipy.special import betaincinv, expit, logit, ndtri

from models.evaluation.logistic import fit_laplace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.arrays import Array

Z95 = float(ndtri(0.975))
SMALL_SHARE = 1e-4  # an empty bin counts as this share, so that the PSI stays finite (usual)


class Interval(NamedTuple):
    """An estimate with its 95 % interval; NaN bounds where the data allow none."""

    value: float
    low: float
    high: float


def auc(score: Array, bad: Array, firms: Array | None = None) -> Interval:
    """Area under the ROC curve, interval by DeLong, DeLong and Clarke-Pearson (1988) on the logit.

    Where firms have several rows the variance is that of clustered data (Obuchowski 1997).

    Parameters
    ----------
    score : ndarray of shape (n_samples,), higher is riskier
    bad : ndarray of shape (n_samples,), 1 for default
    firms : ndarray of int, shape (n_samples,), optional
        Number of each row's firm, from 0; without it rows are independent.

    Returns
    -------
    Interval
    """
    if not 0 < bad.sum() < len(bad):
        return Interval(np.nan, np.nan, np.nan)
    value, over_bads, over_goods = _placements(score, bad == 1)
    if value in (0, 1):
        # No pair is out of order, so nothing can be learnt of the variance: the exact binomial
        # bound instead, for as many independent trials as the rarer class has rows.
        reach = 0.025 ** (1 / min(len(over_bads), len(over_goods)))
        return Interval(value, reach, 1.0) if value == 1 else Interval(value, 0.0, 1 - reach)
    if min(len(over_bads), len(over_goods)) < 2:  # noqa: PLR2004 (no variance from one)
        return Interval(value, np.nan, np.nan)
    half = Z95 * np.sqrt(_delong(over_bads, over_goods, bad, firms)) / (value * (1 - value))
    centre = logit(value)
    return Interval(value, float(expit(centre - half)), float(expit(centre + half)))


def _delong(over_bads: Array, over_goods: Array, bad: Array, firms: Array | None) -> float:
    """Variance of an AUC, or of a difference of two, by placements."""
    if firms is None:
        by_bads, by_goods = over_bads.var(ddof=1), over_goods.var(ddof=1)
        return float(by_bads / len(over_bads) + by_goods / len(over_goods))
    own = (bad == 1, over_bads), (bad != 1, over_goods)
    count = int(firms.max()) + 1
    summed, total = [], 0.0
    for rows, placed in own:
        apart = (placed - placed.mean()) / len(placed)
        summed.append(np.bincount(firms[rows], apart, minlength=count))
        clusters = len(np.unique(firms[rows]))
        total += clusters / max(clusters - 1, 1) * float((summed[-1] ** 2).sum())
    return total + 2 * float((summed[0] * summed[1]).sum()) * count / max(count - 1, 1)


def firms_of(ids: pl.Series) -> Array | None:
    """Number of each row's firm; None where every firm has one row."""
    if ids.n_unique() == len(ids):
        return None
    return (ids.rank("dense") - 1).cast(pl.Int64).to_numpy()


def auc_difference(score: Array, other: Array, bad: Array, firms: Array | None = None) -> Interval:
    """AUC of `score` less that of `other` on the same rows, by paired DeLong.

    Parameters
    ----------
    score, other : ndarray of shape (n_samples,), higher is riskier
    bad : ndarray of shape (n_samples,), 1 for default
    firms : ndarray of int, shape (n_samples,), optional
        As of `auc`.

    Returns
    -------
    Interval
    """
    first, bads_1, goods_1 = _placements(score, bad == 1)
    second, bads_2, goods_2 = _placements(other, bad == 1)
    over_bads, over_goods = bads_1 - bads_2, goods_1 - goods_2
    half = Z95 * float(np.sqrt(_delong(over_bads, over_goods, bad, firms)))
    return Interval(first - second, first - second - half, first - second + half)


def _placements(score: Array, bad: Array) -> tuple[float, Array, Array]:
    """AUC and each row's placement among the other class, by midranks (Sun and Xu, 2014)."""
    bads, goods = score[bad], score[~bad]
    from scipy.stats import rankdata  # noqa: PLC0415 (a second that scoring need not pay)

    among_all = rankdata(np.concatenate([bads, goods]))
    m, n = len(bads), len(goods)
    over_bads = (among_all[:m] - rankdata(bads)) / n
    over_goods = 1.0 - (among_all[m:] - rankdata(goods)) / m
    return float(over_bads.mean()), over_bads, over_goods


def ks(score: Array, bad: Array) -> float:
    """Kolmogorov-Smirnov distance between the scores of bads and goods, 0 to 1."""
    from sklearn.metrics import roc_curve  # noqa: PLC0415 (a second that scoring need not pay)

    false_positive, true_positive, _ = roc_curve(bad, score)
    return float(np.abs(true_positive - false_positive).max())


def brier(pd: Array, bad: Array) -> float:
    """Brier score: mean squared error of the probability."""
    from sklearn.metrics import brier_score_loss  # noqa: PLC0415 (as above)

    return float(brier_score_loss(bad, pd, labels=[0, 1], pos_label=1))


def log_loss(pd: Array, bad: Array) -> float:
    """Log loss: mean negative log-likelihood, nats per row."""
    from sklearn.metrics import log_loss as sklearn_log_loss  # noqa: PLC0415 (as above)

    return float(sklearn_log_loss(bad, pd, labels=[0, 1]))


def ece(pd: Array, bad: Array, *, bins: int = 10) -> float:
    """Expected calibration error: mean |default rate - mean PD| over bins of equal numbers."""
    order = np.argsort(pd, kind="stable")
    gaps = [part.size * abs(bad[part].mean() - pd[part].mean()) for part in _parts(order, bins)]
    return float(sum(gaps) / len(pd))


def ece_of_truth(pd: Array, *, bins: int = 10, draws: int = 500, seed: int = 0) -> float:
    """95th percentile of the expected calibration error of a perfectly calibrated model."""
    rng = np.random.Generator(np.random.SFC64(seed))
    order = np.argsort(pd, kind="stable")
    total = np.zeros(draws)
    for part in _parts(order, bins):
        rate = (rng.random((draws, part.size)) < pd[part]).mean(axis=1)
        total += part.size * np.abs(rate - pd[part].mean())
    return float(np.quantile(total / len(pd), 0.95))


def _parts(order: Array, bins: int) -> list[Array]:
    return [part for part in np.array_split(order, bins) if part.size]


def calibration_slope(pd: Array, bad: Array, firms: Array | None = None) -> Interval:
    """Slope of a logistic regression of default on the log-odds of the PD; 1 is calibrated.

    Where firms have several rows (`firms`, as of `auc`), the covariance is the clustered one.
    """
    x = logit(pd)
    if not 0 < bad.sum() < len(bad) or x.std() == 0 or _separated(x, bad):
        return Interval(np.nan, np.nan, np.nan)
    # the PD is the offset, so that both coefficients are deviations from perfect calibration
    design = np.column_stack([np.ones_like(x), x])
    deviation, covariance = _logistic(design, bad, offset=x, firms=firms)
    return _wald(1 + deviation[1], covariance[1, 1])


def _separated(x: Array, bad: Array) -> bool:
    """Whether a threshold parts bads and goods, so that no finite slope fits best."""
    bads, goods = x[bad == 1], x[bad != 1]
    return bool(bads.min() >= goods.max() or bads.max() <= goods.min())


def calibration_intercept(pd: Array, bad: Array, firms: Array | None = None) -> Interval:
    """Log-odds by which all PDs are too low (slope held at 1); 0 is calibrated in the large."""
    if not 0 < bad.sum() < len(bad):
        return Interval(np.nan, np.nan, np.nan)
    design = np.ones((len(pd), 1))
    deviation, covariance = _logistic(design, bad, offset=logit(pd), firms=firms)
    return _wald(deviation[0], covariance[0, 0])


def _logistic(
    design: Array, bad: Array, *, offset: Array, firms: Array | None
) -> tuple[Array, Array]:
    """Maximum-likelihood coefficients and their covariance, clustered by firm where asked."""
    estimate, information = fit_laplace(
        design,
        offset,
        rows=np.ones_like(bad),
        bads=bad,
        precision=np.zeros(design.shape[1]),
        tolerance=1e-10,
    )
    inverse = np.linalg.inv(information)
    if firms is None:
        return estimate, inverse
    score = design * (bad - expit(offset + design @ estimate))[:, None]
    summed = np.column_stack([np.bincount(firms, column) for column in score.T])
    clusters = len(np.unique(firms))
    return estimate, inverse @ (summed.T @ summed) @ inverse * clusters / max(clusters - 1, 1)


def _wald(value: float, variance: float) -> Interval:
    half = Z95 * float(np.sqrt(variance))
    return Interval(float(value), float(value - half), float(value + half))


def psi(expected: Sequence[float] | Array, actual: Sequence[float] | Array) -> float:
    """Population stability index between two lists of bin shares, 0 is the same.

    Parameters
    ----------
    expected : shares of the development sample, its bins frozen
    actual : shares of the new sample in the same bins
    """
    e = np.maximum(np.asarray(expected, dtype=float), SMALL_SHARE)
    a = np.maximum(np.asarray(actual, dtype=float), SMALL_SHARE)
    return float(np.sum((a - e) * np.log(a / e)))


def psi_by_chance(bins: int, applicants: int) -> float:
    """Mean index of a sample from the development population itself.

    That population taken as known, PSI times the sample's size is about chi-squared with
    `bins - 1` degrees of freedom (Yurdakul & Naranjo 2020, Statistical properties of the
    population stability index).
    """
    return (bins - 1) / applicants


def jeffreys(bads: Array, rows: Array, q: float) -> Array:
    """Quantile of a default rate by Jeffreys' prior, 0.025 and 0.975 for a 95 % interval.

    Parameters
    ----------
    bads, rows : ndarray of shape (n,)
    q : float

    Returns
    -------
    ndarray of shape (n,)
    """
    return np.asarray(betaincinv(bads + 0.5, rows - bads + 0.5, q))


def shares(values: Array, edges: Sequence[float] | Array, *, missing: bool = False) -> Array:
    """Share of the values in each bin of `edges` (inner, ascending); the missing last if asked."""
    absent = np.isnan(values)
    bins = np.searchsorted(np.asarray(edges, dtype=float), values[~absent], side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1).astype(float)
    if missing:
        counts = np.append(counts, absent.sum())
    total: float = max(float(counts.sum()), 1.0)
    return np.asarray(counts / total)
