"""Fit monotone gradient-boosted trees with LightGBM, the same text for the same data and seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.data.time_folds import TimeFolds
from models.estimators.lightgbm_trees import Trees, lightgbm

if TYPE_CHECKING:
    from collections.abc import Callable

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
    losses = TimeFolds(sample, trees.max_bins).losses(
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
