"""MLflow pyfunc loader: `loader_module` of a logged model, no code in its files.

MLflow calls `_load_pyfunc` with the logged data folder and `predict` with the request's rows.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from models.estimators.model import OWN, Model, load
from models.explanation.reasons import top_reasons

if TYPE_CHECKING:
    import pandas as pd

REASONS, SHOWN = 5, 3


class ServedModel:
    """Score, PD and reasons of feature rows, as `mlflow models serve` returns them."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, rows: pd.DataFrame, params: dict[str, object] | None = None) -> pd.DataFrame:  # noqa: ARG002 (MLflow's signature)
        """Score rows of features.

        Parameters
        ----------
        rows : pandas DataFrame of shape (n_samples, n_features), by name; NaN where missing
        params : dict, optional
            Not used; MLflow passes it.

        Returns
        -------
        pandas DataFrame
            Columns score (300-850), pd, and reason_1 ... reason_5 (feature names, worst first,
            empty when fewer themes are adverse).
        """
        model = self.model
        X = _features(rows, model)
        for name, words in model.unseen_words(X).items():
            warnings.warn(
                f"{name}: {', '.join(words[:SHOWN])} stood in no row of the training and "
                f"{'is' if len(words) == 1 else 'are'} taken as missing",
                stacklevel=2,
            )
        pd_ = model.pd(model.margin(X))
        reasons = np.full((len(rows), REASONS), "", dtype=object)
        top = top_reasons(model.contributions(X), X, model, k=REASONS)
        reasons[top["row"].to_numpy(), top["rank"].to_numpy() - 1] = top["feature"].to_list()
        columns = {"score": model.policy.score.points(pd_), "pd": pd_}
        columns |= {f"reason_{k + 1}": reasons[:, k].astype(str) for k in range(REASONS)}
        return pl.DataFrame(columns).to_pandas()


def _features(rows: pd.DataFrame, model: Model) -> pl.DataFrame:
    """Columns of the model, words of categories as they are; an optional one may be absent."""
    columns = []
    for name in model.feature_names:
        theirs = next((c for c in (name, model.columns.get(name)) if c in rows.columns), None)
        if theirs is None:
            if name in model.optional and model.trained_on == OWN:
                columns.append(pl.Series(name, [None], pl.Float64).new_from_index(0, len(rows)))
        elif name in model.levels:
            words = [None if word is None or word != word else str(word) for word in rows[theirs]]  # noqa: PLR0124 - NaN
            columns.append(pl.Series(name, words, pl.String))
        else:
            columns.append(pl.Series(name, rows[theirs].to_numpy(dtype=np.float64)))
    return pl.DataFrame(columns)


def _load_pyfunc(path: str) -> ServedModel:
    return ServedModel(load(Path(path)))
