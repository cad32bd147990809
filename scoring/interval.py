"""The interval for the mean default rate of applicants alike: same PD, same number of sources.

The model's calibration slice is cut into cells by PD and by number of covered sources. In each
cell the default rate is beta distributed: what was seen there, and `PRIOR_ROWS` further rows that
show the calibrated PD itself. How far the quantiles of that distribution lie from the PD of the
cell is carried to the applicant's own PD. The interval says how far the *mean* of such applicants
may lie off, not how one firm will fare.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import beta

Floats = npt.NDArray[np.float64]

LEVEL = 0.90
"""Probability that the interval covers the mean default rate."""

PRIOR_ROWS = 200.0
"""Weight of the calibrated PD in a cell, in rows of the slice (assumed)."""


def pd_interval(
    pd: Floats, sources: npt.NDArray[np.int64], development: Mapping[str, Any]
) -> tuple[Floats, Floats]:
    """Lower and upper end of the interval.

    Parameters
    ----------
    pd : ndarray of shape (n,), calibrated
    sources : ndarray of shape (n,), number of covered sources, 1 to 4
    development : mapping
        `Model.development`: `reliability` holds rows, bads and mean PD of each cell, `pd_edges`
        the inner edges of the PD bins.

    Returns
    -------
    low, high : ndarrays of shape (n,), low <= pd <= high; NaN where the model has no reliability
    """
    cells = development.get("reliability")
    if not cells:
        return np.full(len(pd), np.nan), np.full(len(pd), np.nan)
    edges = np.asarray(development["pd_edges"], dtype=np.float64)
    bins = np.searchsorted(edges, pd, side="right")
    seen = {(cell["sources"], cell["bin"]): cell for cell in cells}
    found = [seen.get(key) for key in zip(sources.tolist(), bins.tolist(), strict=True)]
    rows = np.array([cell["rows"] if cell else 0 for cell in found], dtype=np.float64)
    bads = np.array([cell["bads"] if cell else 0 for cell in found], dtype=np.float64)
    mean = np.array([cell["pd"] if cell else np.nan for cell in found], dtype=np.float64)
    mean = np.where(np.isnan(mean), pd, mean)
    tail = (1 - LEVEL) / 2
    shape = (PRIOR_ROWS * mean + bads, PRIOR_ROWS * (1 - mean) + rows - bads)
    low = expit(logit(pd) + logit(beta.ppf(tail, *shape)) - logit(mean))
    high = expit(logit(pd) + logit(beta.ppf(1 - tail, *shape)) - logit(mean))
    return np.minimum(low, pd), np.maximum(high, pd)
