"""Exact SHAP values: LightGBM's own for few rows, look-up tables for many."""

from functools import cached_property

from features.arrays import Floats
from models.estimators.lightgbm_trees import Trees
from models.estimators.model import Model
from scoring.shap_values.leaf_groups import UnsupportedTreesError
from scoring.shap_values.tree_tables import TreeTables

MANY = 2_000
"""Rows from which the tables, a second or two of work, are worth their while."""


class ShapExplainer:
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

    def of(self, X: Floats) -> Floats:
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
            values: Floats = self.model.estimator.contributions(X)
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
