"""Fit monotone gradient-boosted trees with LightGBM, the same text for the same data and seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from models.data.time_folds import fold_rows
from models.estimators.lightgbm_trees import Trees, lightgbm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.data.training_data import Sample
    from models.settings import TrainConfig, TreesConfig


def boost_here(sample: Sample, params: dict[str, Any], rounds: int) -> str:
    """Fit trees on all rows in this process; the model as LightGBM writes it."""
    lgb = lightgbm()
    booster = lgb.train(params, lgb.Dataset(sample.X, sample.bad), num_boost_round=rounds)
    return str(booster.model_to_string())


def fit_trees(
    sample: Sample,
    config: TrainConfig,
    *,
    boost: Callable[[Sample, dict[str, Any], int], str] = boost_here,
) -> Trees:
    """Find the number of trees on time-ordered folds, then fit that many on all rows.

    Parameters
    ----------
    sample : Sample
        Rows in order of time.
    config : TrainConfig
    boost : callable
        Fits on all rows, given LightGBM's parameters and the number of trees.

    Returns
    -------
    Trees
    """
    trees = config.trees
    params = parameters(sample, trees, seed=config.seed)
    losses = FoldDatasets(sample, trees.max_bins).losses(
        params, rounds=trees.max_rounds, stop_after=trees.stop_after
    )
    best = [count for _, count in losses]
    # Without a fold that has both classes there is nothing to stop by: a cautious number then.
    rounds = max(1, round(float(np.mean(best)))) if best else max(1, trees.max_rounds // 4)
    return Trees(boost(sample, params, rounds))


def parameters(sample: Sample, trees: TreesConfig, *, seed: int) -> dict[str, Any]:
    """LightGBM's own names for the settings."""
    return {
        "objective": "binary",
        "learning_rate": trees.learning_rate,
        "max_depth": trees.max_depth,
        "num_leaves": min(trees.num_leaves, 2**trees.max_depth),
        "min_data_in_leaf": trees.min_rows_in_leaf,
        "bagging_fraction": trees.row_share,
        "bagging_freq": 1,
        "feature_fraction": trees.feature_share,
        "lambda_l2": trees.l2,
        "monotone_constraints": list(sample.signs),
        "max_bin": trees.max_bins,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": trees.threads,
        "verbose": -1,
    }


@dataclass(frozen=True, eq=False)
class FoldDatasets:
    """Time-ordered folds as LightGBM data sets, binned once for all trials.

    Attributes
    ----------
    sample : Sample
        Rows in order of time.
    max_bins : int
        Bins of each feature.
    """

    sample: Sample
    max_bins: int

    @cached_property
    def pairs(self) -> list[tuple[Any, Any]]:
        """Data sets of the past and of what came next, for each fold."""
        lgb = lightgbm()
        pairs = []
        for before, later in fold_rows(self.sample.bad, self.sample.groups):
            # Features are kept whatever the least leaf is, as it changes from trial to trial.
            settings = {"feature_pre_filter": False, "max_bin": self.max_bins, "verbose": -1}
            X, bad = self.sample.X, self.sample.bad
            past = lgb.Dataset(X[before], bad[before], params=settings, free_raw_data=False)
            next_ = lgb.Dataset(X[later], bad[later], reference=past, free_raw_data=False)
            pairs.append((past, next_))
        return pairs

    def losses(
        self, params: dict[str, Any], *, rounds: int, stop_after: int
    ) -> Iterator[tuple[float, int]]:
        """Log loss and best number of trees on each fold in turn.

        Parameters
        ----------
        params : dict
            LightGBM's parameters.
        rounds : int
            Trees at most.
        stop_after : int
            Rounds without improvement.

        Yields
        ------
        loss : float
        best : int
        """
        lgb = lightgbm()
        for past, next_ in self.pairs:
            booster = lgb.train(
                {**params, "feature_pre_filter": False},
                past,
                num_boost_round=rounds,
                valid_sets=[next_],
                callbacks=[lgb.early_stopping(stop_after, verbose=False)],
            )
            yield float(booster.best_score["valid_0"]["binary_logloss"]), booster.best_iteration
