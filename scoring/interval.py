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
        `Model.development`: `reliability` holds rows and bads of each cell, `pd_edges` the inner
        edges of its PD bins.

    Returns
    -------
    low, high : ndarrays of shape (n,), low <= pd <= high; NaN where the model has no reliability
    """
    cells = development.get("reliability")
    if not cells:
        return np.full(len(pd), np.nan), np.full(len(pd), np.nan)
    edges = np.asarray(development["pd_edges"], dtype=np.float64)
    bins = np.searchsorted(edges, pd, side="right")
    seen = {(cell["sources"], cell["bin"]): (cell["rows"], cell["bads"]) for cell in cells}
    counts = np.array(
        [seen.get(key, (0, 0)) for key in zip(sources.tolist(), bins.tolist(), strict=True)],
        dtype=np.float64,
    ).reshape(-1, 2)
    rows, bads = counts[:, 0], counts[:, 1]
    goods_and_prior = PRIOR_ROWS * (1 - pd) + rows - bads
    bads_and_prior = PRIOR_ROWS * pd + bads
    tail = (1 - LEVEL) / 2
    low = beta.ppf(tail, bads_and_prior, goods_and_prior)
    high = beta.ppf(1 - tail, bads_and_prior, goods_and_prior)
    return np.minimum(low, pd), np.maximum(high, pd)
