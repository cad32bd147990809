"""Time-ordered folds of the training slice: fit on the past, evaluate on what came next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from features.arrays import Array

TIME_FOLDS = 3
FIRST_SHARE = 0.4  # of the rows in the first fold's past; the rest is cut into equal parts


def time_folds(bad: Array) -> list[tuple[int, int]]:
    """First row evaluated and first row after it, for each fold with both classes on each side.

    Parameters
    ----------
    bad : ndarray of shape (n_samples,)
        Labels in order of time.
    """
    # a second that scoring need not pay
    from sklearn.model_selection import TimeSeriesSplit  # noqa: PLC0415

    size = int((1 - FIRST_SHARE) * len(bad) / TIME_FOLDS)
    if not size:
        return []
    splits = TimeSeriesSplit(TIME_FOLDS, test_size=size).split(bad)
    pairs = [(int(later[0]), int(later[-1]) + 1) for _, later in splits]
    return [(cut, end) for cut, end in pairs if np.ptp(bad[:cut]) > 0 and np.ptp(bad[cut:end]) > 0]
