"""LightGBM model held as text; loading it runs no code."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from features.contract.errors import ContractError

if TYPE_CHECKING:
    from features.arrays import Array


def lightgbm() -> Any:  # noqa: ANN401 (LightGBM ships no types)
    """Import LightGBM with passive OpenMP threads.

    The OpenMP library reads this once, when it is loaded. By default its threads spin, and where
    another process wants the same cores a training takes ten times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm as lgb  # noqa: PLC0415 (two seconds that a scorecard need not pay)

    return lgb


_FEW = 16
"""Rows that one thread predicts and explains."""


class Trees:
    """Boosted trees on the log-odds scale.

    Parameters
    ----------
    text : str
        The model as LightGBM writes it (`Booster.model_to_string`).

    Raises
    ------
    ContractError
        When the text is no LightGBM model (on first use).
    """

    kind = "lightgbm"

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def booster(self) -> Any:  # noqa: ANN401 (LightGBM ships no types)
        """The LightGBM booster, parsed on first use; ContractError if the text is none."""
        lgb = lightgbm()
        try:
            return lgb.Booster(model_str=self.text)
        except lgb.basic.LightGBMError as error:
            raise ContractError(f"trees.txt: no LightGBM model: {error}") from error

    @cached_property
    def bias(self) -> float:
        """Log-odds of the mean prediction that the contributions start from."""
        empty = np.full((1, self.booster.num_feature()), np.nan)
        return float(self.booster.predict(empty, pred_contrib=True)[0, -1])

    @property
    def used(self) -> list[int]:
        """Columns that any tree splits on; the margin does not depend on the others."""
        return [int(j) for j in np.flatnonzero(self.booster.feature_importance("split"))]

    def margin(self, X: Array) -> Array:
        """Log-odds of default before calibration.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), NaN where missing

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        if not len(X):
            return np.empty(0)
        margin = self.booster.predict(X, raw_score=True, **_threads(X))
        return np.asarray(margin, dtype=np.float64)

    def contributions(self, X: Array) -> Array:
        """Exact path-dependent SHAP values of the margin; with `bias` they add up to it.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), NaN where missing

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        if not len(X):
            return np.empty(X.shape)
        values = self.booster.predict(X, pred_contrib=True, **_threads(X))
        return np.asarray(values[:, :-1], dtype=np.float64)


def _threads(X: Array) -> dict[str, int]:
    """Use one thread for few rows, where a second one costs more than it saves."""
    return {"num_threads": 1} if len(X) <= _FEW else {}
