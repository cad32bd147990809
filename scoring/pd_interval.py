"""PD interval: mean default rate of applicants with the same PD and number of sources.

A PD is fitted to approved applicants of one quarter. Three things set the mean rate of all
applicants alike apart from it, each a normal part on the log-odds scale:

- **chance**: the calibration slice holds a few dozen bads. Its cells (number of sources, bin of
  PD) give level and slope of the deviation, left free, and what sources and cells add to it, each
  with the spread that training measured (`models.evaluation.rate_variation`), so that a cell with
  few defaults borrows from the others. The posterior is found by Newton's method at its mode
  (Laplace).
- **quarter**: the slice went through one course of events and the applicants go through another:
  twice the variance between the quarters of the training side.
- **refusal**: the past's lenders knew things that no record holds, so that those whom they refused
  default more often than approved ones of the same PD. How much, no data of approved loans can
  tell; `REFUSED_TIMES` is assumed. It counts by the share of refused applicants in the cell and
  moves the interval up, not only apart.

The interval says how far the *mean* of such applicants may lie off, not how one firm will fare.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import expit, logit, ndtri

from features.arrays import Floats, Int64s
from features.contract.tables import SOURCES
from models.evaluation.logistic import fit_laplace

LEVEL = 0.90
"""Probability that the interval covers the mean default rate."""

REFUSED_TIMES = (1.0, 3.0)
"""Odds of a refused applicant against an approved one of the same PD, read as a 90 % interval.

Assumed, as whoever infers refused loans by parcelling must assume it beforehand. Of the ranges 1
to 3 and 1 to 4, tried on eight worlds (seeds 31 to 38), the narrower came nearer to its promise;
`laboratory/pd_interval.py` measures on others.
"""

FREE = 1.0
"""Standard deviation of level and slope before anything is seen: as good as unbound."""


def pd_interval(
    pd: Floats, sources: Int64s, development: Mapping[str, Any]
) -> tuple[Floats, Floats]:
    """Lower and upper end of the interval.

    Parameters
    ----------
    pd : ndarray of shape (n,), calibrated; NaN where there is none
    sources : ndarray of shape (n,), number of covered sources, 0 to 4
    development : mapping
        `Model.development`: `reliability` (applicants, rows, bads and mean PD of each cell),
        `random_effects`, and `pd_edges`, the inner edges of the PD bins.

    Returns
    -------
    low, high : ndarrays of shape (n,), low <= pd <= high; NaN where there is no PD, or the model
        has no reliability
    """
    if not development.get("reliability"):
        return np.full(len(pd), np.nan), np.full(len(pd), np.nan)
    deviation = deviation_of(development)
    centre, spread = deviation.at(pd, sources)
    reach = float(ndtri((1 + LEVEL) / 2)) * spread
    low, high = expit(logit(pd) + centre - reach), expit(logit(pd) + centre + reach)
    return np.minimum(low, pd), np.maximum(high, pd)


@dataclass(frozen=True, eq=False)
class Deviation:
    """Distribution of the deviation of realised log-odds from those of the PD.

    Attributes
    ----------
    edges : ndarray of shape (n_bins - 1,)
        Inner edges of the PD bins.
    middle : float
        Log-odds at which the slope turns.
    base : ndarray of shape (5, n_bins, 2)
        Mean of the deviation at `middle`, and per unit of log-odds, by sources and bin.
    variance : ndarray of shape (5, n_bins, 3)
        Its variance as a polynomial of the distance from `middle`.
    """

    edges: Floats
    middle: float
    base: Floats
    variance: Floats

    def at(self, pd: Floats, sources: Int64s) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the deviation, each of shape (n,); NaN where `pd` is."""
        place = np.searchsorted(self.edges, pd, side="right")
        place = np.minimum(place, len(self.edges))  # NaN sorts last
        x = logit(pd) - self.middle
        base, variance = self.base[sources, place], self.variance[sources, place]
        centre = base[:, 0] + base[:, 1] * x
        return centre, np.sqrt(variance[:, 0] + variance[:, 1] * x + variance[:, 2] * x * x)


def deviation_of(development: Mapping[str, Any]) -> Deviation:
    """Fit the deviation to a model's development statistics; cached."""
    cells = tuple(
        tuple(float(cell[name]) for name in ("sources", "bin", "applicants", "rows", "bads", "pd"))
        for cell in development["reliability"]
    )
    random_effects = development["random_effects"]
    spreads = (
        float(random_effects["quarter"]),
        float(random_effects["sources"]),
        float(random_effects["cell"]),
    )
    return _fit(cells, spreads, tuple(map(float, development["pd_edges"])))


@lru_cache(maxsize=8)
def _fit(
    cells: tuple[tuple[float, ...], ...],
    spreads: tuple[float, float, float],
    edges: tuple[float, ...],
) -> Deviation:
    sources, place, applicants, rows, bads, pd = np.array(cells).T
    sources, place = sources.astype(np.int64), place.astype(np.int64)
    groups, bins = len(SOURCES) + 1, len(edges) + 1
    quarter, of_sources, of_cell = spreads
    offset = logit(pd)
    middle = float(np.average(offset, weights=rows))
    design = _design(offset - middle, sources, place, groups=groups, bins=bins)
    precision = np.repeat(np.array([FREE, of_sources, of_cell]) ** -2.0, [2, groups, groups * bins])
    mode, hessian = fit_laplace(
        design,
        offset,
        rows=rows,
        bads=bads,
        precision=precision,
        tolerance=1e-9,  # far below what is shown
    )
    covariance = np.linalg.inv(hessian)

    every_source, every_bin = (axis.ravel() for axis in np.indices((groups, bins)))
    flat = np.zeros(groups * bins)
    level = _design(flat, every_source, every_bin, groups=groups, bins=bins)
    slope = _design(flat + 1, every_source, every_bin, groups=groups, bins=bins) - level
    shift, more = _refusal(_refused((every_source, every_bin), (sources, place), applicants, rows))
    constant = np.einsum("ij,jk,ik->i", level, covariance, level) + 2 * quarter**2 + more
    variance = np.column_stack(
        [
            constant,
            2 * np.einsum("ij,jk,ik->i", level, covariance, slope),
            np.einsum("ij,jk,ik->i", slope, covariance, slope),
        ]
    )
    base = np.column_stack([level @ mode + shift, slope @ mode])
    shape = (groups, bins, -1)
    return Deviation(np.array(edges), middle, base.reshape(shape), variance.reshape(shape))


def _design(x: Floats, sources: Int64s, place: Int64s, *, groups: int, bins: int) -> Floats:
    """Columns level, slope, sources 0 to 4, cells by sources and bin."""
    design = np.zeros((len(x), 2 + groups + groups * bins))
    every = np.arange(len(x))
    design[:, 0] = 1.0
    design[:, 1] = x
    design[every, 2 + sources] = 1.0
    design[every, 2 + groups + sources * bins + place] = 1.0
    return design


def _refused(
    wanted: tuple[Int64s, Int64s], cells: tuple[Int64s, Int64s], applicants: Floats, rows: Floats
) -> Floats:
    """Share of refused applicants at `wanted` (sources, bin), as if both acted apart."""
    refused = applicants - rows
    whole = refused.sum() / applicants.sum()
    if whole == 0:
        return np.zeros(len(wanted[0]))
    odds = np.full(len(wanted[0]), (1 - whole) / whole)
    for want, group in zip(wanted, cells, strict=True):
        size = want.max() + 1
        # ten applicants of the average stand beside each group
        count = np.bincount(group, weights=applicants, minlength=size) + 10
        share = (np.bincount(group, weights=refused, minlength=size) + 10 * whole) / count
        odds *= (share / (1 - share))[want]
    return np.asarray(odds / (1 + odds))


def _refusal(share: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of what the refused add to the log-odds of all, by Gauss and Hermite."""
    low, high = np.log(REFUSED_TIMES)
    middle, spread = (low + high) / 2, (high - low) / (2 * ndtri((1 + LEVEL) / 2))
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    weights = weights / weights.sum()
    added = np.log1p(share[:, None] * (np.exp(middle + spread * nodes) - 1))
    mean = added @ weights
    return mean, added**2 @ weights - mean**2
