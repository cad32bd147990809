"""Fit monotone gradient-boosted trees with LightGBM, the same text for the same data and seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.trees import Trees

if TYPE_CHECKING:
    from models.sample import Sample
    from models.settings import TrainConfig


def fit_trees(sample: Sample, config: TrainConfig) -> Trees:
    """Find the number of trees on the latest part of the rows, then fit that many on all.

    Parameters
    ----------
    sample : Sample
        Rows in order of time.
    config : TrainConfig

    Returns
    -------
    Trees
    """
    import lightgbm as lgb  # noqa: PLC0415 (two seconds that a scorecard need not pay)

    params = parameters(sample, config)
    cut = round(len(sample.bad) * (1 - config.trees.validation_share))
    rounds = _rounds(sample, config, params=params, cut=cut)
    booster = lgb.train(params, lgb.Dataset(sample.X, sample.bad), num_boost_round=rounds)
    return Trees(booster.model_to_string())


def parameters(sample: Sample, config: TrainConfig) -> dict[str, Any]:
    """LightGBM's own names for the settings."""
    trees = config.trees
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
        "monotone_constraints_method": "intermediate",
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": trees.threads,
        "verbose": -1,
    }


def _rounds(sample: Sample, config: TrainConfig, *, params: dict[str, Any], cut: int) -> int:
    """Trees after which the loss on the rows from `cut` on stops falling."""
    import lightgbm as lgb  # noqa: PLC0415

    early, late = sample.bad[:cut], sample.bad[cut:]
    if min(np.ptp(early), np.ptp(late)) == 0:
        return max(1, config.trees.max_rounds // 4)
    train = lgb.Dataset(sample.X[:cut], early)
    booster = lgb.train(
        params,
        train,
        num_boost_round=config.trees.max_rounds,
        valid_sets=[lgb.Dataset(sample.X[cut:], late, reference=train)],
        callbacks=[lgb.early_stopping(config.trees.stop_after, verbose=False)],
    )
    return max(1, int(booster.best_iteration))
