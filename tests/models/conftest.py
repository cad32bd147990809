"""A small feature matrix with known risk, and models fitted to it."""

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from models.artefact import Model
from models.calibration import Calibration
from models.scorecard import Binned, Scorecard
from models.trees import Trees

NAMES = ("a", "b", "c")


def matrix(rows=400, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, len(NAMES)))
    X[rng.random(X.shape) < 0.1] = np.nan
    return pl.DataFrame(X, schema=list(NAMES))


@pytest.fixture(scope="session")
def X():  # noqa: N802
    return matrix()


@pytest.fixture(scope="session")
def trees_model():
    train = matrix(rows=2_000, seed=2)
    rng = np.random.default_rng(3)
    values = train.to_numpy()
    risk = -2 + np.nan_to_num(values) @ np.array([1.0, -1.0, 0.3])
    bad = rng.random(len(values)) < 1 / (1 + np.exp(-risk))
    settings = {"objective": "binary", "num_leaves": 8, "verbose": -1, "num_threads": 1}
    booster = lgb.train(settings, lgb.Dataset(values, bad), num_boost_round=20)
    return Model(
        name="toy",
        version="unregistered",
        candidate="trees",
        feature_names=NAMES,
        fingerprint="",
        trained_on="simulated",
        estimator=Trees(booster.model_to_string()),
        calibration=Calibration(a=0.9, b=1.1, c=0.1),
        typical={"a": 0.0, "b": 0.0, "c": float("nan")},
        development={"pd_edges": [0.1], "pd_share": [0.5, 0.5]},
        reference=pl.DataFrame({"sector": ["x"], "median": [1.5]}),
    )


@pytest.fixture(scope="session")
def scorecard_model(trees_model):
    card = Scorecard(
        intercept=-3.0,
        width=len(NAMES),
        features=(
            Binned(
                name="a",
                column=0,
                edges=(-0.5, 0.5),
                woe=(1.0, 0.1, -1.2),
                woe_missing=-0.2,
                woe_mean=0.05,
                coefficient=-0.8,
            ),
            Binned(
                name="c",
                column=2,
                edges=(),
                woe=(0.1,),
                woe_missing=-0.9,
                woe_mean=0.0,
                coefficient=-0.5,
            ),
        ),
    )
    return replace(trees_model, estimator=card, candidate="scorecard", reference=None)
