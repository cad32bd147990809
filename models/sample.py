"""What a candidate learns from: numbers, labels, order in time, and what the table says of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from models.artefact import Matrix


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled rows in order of time.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), NaN where missing
    bad : ndarray of shape (n_samples,), 1.0 for default
    names : tuple of str, the columns of X
    signs : tuple of int, expected effect of each column on default: -1, 0 or 1
    """

    X: Matrix
    bad: Matrix
    names: tuple[str, ...]
    signs: tuple[int, ...]

    def usable(self) -> list[int]:
        """Columns with at least two different values; the others say nothing."""
        return [
            j
            for j in range(self.X.shape[1])
            if np.unique(self.X[~np.isnan(self.X[:, j]), j]).size > 1
        ]
