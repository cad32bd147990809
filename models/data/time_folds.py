"""Time-ordered folds of the training slice: fit on the past, evaluate on what came next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from features.arrays import Array

    Rows = slice | Array

TIME_FOLDS = 3
FIRST_SHARE = 0.4  # of the rows in the first fold's past; the rest is cut into equal parts


def fold_rows(bad: Array, groups: Array | None) -> list[tuple[Rows, Rows]]:
    """Rows of the past and of what came next, for each fold.

    Parameters
    ----------
    bad : ndarray of shape (n_samples,)
        Labels in order of time.
    groups : ndarray of shape (n_samples,), or None
        Number of each row's firm. A third of the firms is judged in each fold, and left out of its
        past: no firm stands on both sides.
    """
    folds = time_folds(bad)
    if groups is None:
        return [(slice(cut), slice(cut, end)) for cut, end in folds]
    held = [groups % TIME_FOLDS == fold for fold in range(len(folds))]
    parts = [
        (np.flatnonzero(~own[:cut]), cut + np.flatnonzero(own[cut:end]))
        for (cut, end), own in zip(folds, held, strict=True)
    ]
    return [(past, later) for past, later in parts if _both(bad[past]) and _both(bad[later])]


def _both(bad: Array) -> bool:
    return len(bad) > 0 and bool(np.ptp(bad) > 0)


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
