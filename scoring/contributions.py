"""SHAP values by the fastest exact way: LightGBM's own for few rows, tables for many."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from models.artefact import Model
from models.trees import Trees
from scoring.tree_groups import UnsupportedTreesError
from scoring.tree_shap import TreeTables

MANY = 2_000
"""Rows from which the tables, a second or two of work, are worth their while."""


class Contributions:
    """SHAP values of a model's margin.

    Parameters
    ----------
    model : Model
    rows : int
        How many rows will be asked for in all. The way is chosen by this number and not by the
        size of a chunk: both ways agree to 1e-12 or so, but a tie between two reasons must not
        fall differently in two runs.
    """

    def __init__(self, model: Model, *, rows: int) -> None:
        self.model = model
        self.rows = rows

    def of(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Contributions of every feature to the margin (log-odds).

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            `Model.matrix` of the rows.

        Returns
        -------
        ndarray of shape (n, n_features); with `model.bias` a row adds up to its margin
        """
        if self._tables is None:
            values: npt.NDArray[np.float64] = self.model.estimator.contributions(X)
            return values
        return self._tables.contributions(X)

    @cached_property
    def _tables(self) -> TreeTables | None:
        estimator = self.model.estimator
        if self.rows < MANY or not isinstance(estimator, Trees):
            return None
        try:
            return TreeTables.of(estimator.booster)
        except UnsupportedTreesError:
            return None
