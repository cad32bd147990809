"""Weight of evidence and information value of binned counts.

As `optbinning.BinningTable` has them: a bin without goods or without bads has no weight of
evidence, and adds nothing to the information value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.arrays import Array


def weight_of_evidence(rows: Sequence[int] | Array, bads: Sequence[int] | Array) -> Array:
    """Weight of evidence of each bin, ln(share of goods / share of bads).

    Parameters
    ----------
    rows, bads : sequence of int, of shape (n_bins,)

    Returns
    -------
    ndarray of shape (n_bins,), NaN in a bin without goods or without bads
    """
    bad_share, good_share = _class_shares(rows, bads)
    with np.errstate(divide="ignore", invalid="ignore"):
        woe = np.log(good_share / bad_share)
    return np.asarray(np.where(np.isfinite(woe), woe, np.nan))


def information_value(rows: Sequence[int] | Array, bads: Sequence[int] | Array) -> Array:
    """Information value of each bin; their sum is the feature's.

    Parameters
    ----------
    rows, bads : sequence of int, of shape (n_bins,)

    Returns
    -------
    ndarray of shape (n_bins,), >= 0
    """
    bad_share, good_share = _class_shares(rows, bads)
    values = (good_share - bad_share) * weight_of_evidence(rows, bads)
    return np.asarray(np.nan_to_num(values, nan=0.0))


def _class_shares(rows: Sequence[int] | Array, bads: Sequence[int] | Array) -> tuple[Array, Array]:
    """Share of all bads and of all goods that is in each bin."""
    bad = np.asarray(bads, dtype=np.float64)
    good = np.asarray(rows, dtype=np.float64) - bad
    return bad / max(bad.sum(), 1.0), good / max(good.sum(), 1.0)
