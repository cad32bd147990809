"""Bins of features: counts, default rates, weight of evidence, information value, trend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from features.parallel.executor import each
from models.estimators.scorecard_fit import optimal_edges
from models.evaluation.metrics import Interval, auc
from models.inspection.binning_statistics import information_value, weight_of_evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.arrays import Array, Bools, Int64s
    from features.parallel.executor import Progress
    from models.data.training_data import Sample
    from models.settings import ScorecardConfig

UNLABELLED_BINS = 10
"""Bins of equal size where no outcome is known."""

_CHANCE = 0.95


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureBins:
    """Bins of one feature over labelled rows, the missing last.

    Attributes
    ----------
    name : str
    edges : ndarray of shape (n_bins - 2,)
        Inner edges; bin k holds edges[k-1] <= x < edges[k].
    rows, bads : ndarray of shape (n_bins,)
    auc : Interval
        Area under the ROC curve of the known values alone, with its 95 % interval; above 0.5 where
        larger values are riskier.
    separated_bads : int
        Bads beyond the values of all goods, at one end or among the missing. No optimal bin holds
        bads alone, so that the information value does not see them.
    """

    name: str
    edges: Array
    rows: Int64s
    bads: Int64s
    auc: Interval
    separated_bads: int = 0

    @property
    def woe(self) -> Array:
        """Weight of evidence of each bin, NaN without goods or bads."""
        return weight_of_evidence(self.rows, self.bads)

    @property
    def iv(self) -> Array:
        """Information value of each bin."""
        return information_value(self.rows, self.bads)

    @property
    def chance_iv(self) -> float:
        """Information value that a feature without any stays below 19 times of 20.

        For fixed bins the information value times goods * bads / rows is about chi-squared with one
        degree of freedom less than bins. Optimal bins are chosen, so that chance reaches further.
        """
        filled = int((self.rows > 0).sum())
        bads = float(self.bads.sum())
        goods = float(self.rows.sum()) - bads
        if filled <= 1 or not bads or not goods:
            return 0.0
        return float(chi2.ppf(_CHANCE, filled - 1) * (1 / bads + 1 / goods))

    @property
    def trend(self) -> str:
        """How the default rate goes over the bins of known values: rising, falling, flat, mixed."""
        rows, bads = self.rows[:-1], self.bads[:-1]
        rates = bads[rows > 0] / rows[rows > 0]
        steps = np.diff(rates)
        if not (steps != 0).any():
            return "flat"
        return "rising" if (steps >= 0).all() else "falling" if (steps <= 0).all() else "mixed"


def bin_index(x: Array, edges: Array) -> Int64s:
    """Bin of each value, the missing in the last; shape (n_samples,)."""
    missing = np.isnan(x)
    index = np.searchsorted(edges, np.where(missing, 0.0, x), side="right")
    return np.where(missing, len(edges) + 1, index).astype(np.int64)


def bin_features(
    sample: Sample,
    config: ScorecardConfig,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[FeatureBins]:
    """Optimal bins of every feature, as the scorecard would make them.

    Parameters
    ----------
    sample : Sample
        Labelled rows.
    config : ScorecardConfig
    workers : int
        Processes that share the work.
    progress : callable, optional
        Called with features done and features in all.

    Returns
    -------
    list of FeatureBins, in the order of the sample's columns
    """
    job = _Binning(sample.bad, config)
    columns = [
        (name, np.ascontiguousarray(sample.X[:, j]), sample.signs[j])
        for j, name in enumerate(sample.names)
    ]
    found: list[FeatureBins | None] = [None] * len(columns)
    for done, (place, bins) in enumerate(each(job, columns, workers=workers), start=1):
        found[place] = bins
        if progress is not None:
            progress(done, len(columns))
    return [bins for bins in found if bins is not None]


@dataclass(frozen=True, eq=False)
class _Binning:
    """Picklable task: bins of one column."""

    bad: Array
    config: ScorecardConfig

    def __call__(self, column: tuple[str, Array, int]) -> FeatureBins:
        name, x, sign = column
        known = ~np.isnan(x)
        edges = optimal_edges(x, self.bad, sign, self.config) if known.any() else np.empty(0)
        index = bin_index(x, edges)
        width = len(edges) + 2
        return FeatureBins(
            name=name,
            edges=edges,
            rows=np.bincount(index, minlength=width),
            bads=np.bincount(index, weights=self.bad, minlength=width).round().astype(np.int64),
            auc=auc(x[known], self.bad[known]),
            separated_bads=_separated(x, self.bad == 1),
        )


def _separated(x: Array, bad: Bools) -> int:
    """Bads above, below, or without a value where no good is."""
    goods, bads = x[~bad], x[bad]
    if not len(goods) or not len(bads):
        return 0
    missing = 0 if np.isnan(goods).any() else int(np.isnan(bads).sum())
    known = goods[~np.isnan(goods)]
    if not len(known):
        return missing
    return max(missing, int((bads > known.max()).sum()), int((bads < known.min()).sum()))


def equal_bins(names: Sequence[str], X: Array) -> list[FeatureBins]:
    """Bins of about equal size, for rows whose outcomes are not known.

    Parameters
    ----------
    names : sequence of str
    X : ndarray of shape (n_samples, n_features), NaN where missing
    """
    shares = np.arange(1, UNLABELLED_BINS) / UNLABELLED_BINS
    found = []
    for name, x in zip(names, X.T, strict=True):
        known = x[~np.isnan(x)]
        edges = np.unique(np.quantile(known, shares)) if len(known) else np.empty(0)
        rows = np.bincount(bin_index(x, edges), minlength=len(edges) + 2)
        nan = float("nan")
        found.append(
            FeatureBins(
                name=name,
                edges=edges,
                rows=rows,
                bads=np.zeros_like(rows),
                auc=Interval(nan, nan, nan),
            )
        )
    return found
