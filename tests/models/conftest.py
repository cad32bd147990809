"""A small feature matrix with known risk, and models fitted to it."""

import datetime as dt
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from models.data.training_data import TrainingData
from models.estimators.calibration import Calibration
from models.estimators.lightgbm_trees import Trees
from models.estimators.model import Model
from models.estimators.scorecard import Binned, Scorecard

NAMES = ("a", "b", "c")
START = dt.date(2023, 1, 1)


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
        name="small",
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


def toy_material(rows=3_000, seed=5, *, firms=None):
    """Applications over six quarters, risk known, a part refused; features of three sources."""
    rng = np.random.default_rng(seed)
    names = ("age", "amount", "sales", "swing", "void", "empty", "noise")
    signs = (-1, 1, -1, 1, 1, -1, 0)
    sources = ("register", "register", "tax", "tax", "tax", "ecommerce", "cross_source")
    X = rng.normal(size=(rows, len(names)))
    risk = -2.2 - 0.4 * X[:, 0] + 0.3 * X[:, 1] - 0.9 * X[:, 2] + 0.7 * X[:, 3] + 0.5 * X[:, 4]
    bad = rng.random(rows) < 1 / (1 + np.exp(-risk))
    approved = rng.random(rows) < 0.8
    X[rng.random(X.shape) < 0.05] = np.nan
    X[:, 5] = np.nan
    days = rng.integers(0, 547, rows)
    ids = [f"A{i:05}" for i in range(rows)]
    frame = pl.DataFrame(
        {
            "application_id": ids,
            "firm_id": [f"F{i:05}" for i in (firms if firms is not None else range(rows))],
            "as_of": [START + dt.timedelta(days=int(day)) for day in days],
            "approved": approved,
            "accepted": [True if a else None for a in approved],
            "defaulted": [bool(b) if a else None for a, b in zip(approved, bad, strict=True)],
            "first_time": rng.random(rows) < 0.5,
        }
    )
    frame = frame.hstack(pl.DataFrame(X.astype(np.float32), schema=list(names)))
    return TrainingData(
        rows=frame.sort("as_of", "application_id"),
        names=names,
        signs=dict(zip(names, signs, strict=True)),
        sources=dict(zip(names, sources, strict=True)),
        fingerprint="small",
        trained_on="simulated",
        reference=None,
        origin="small",
    )


@pytest.fixture(scope="session")
def make_training_data():
    """The function that makes a make_training_data Material."""
    return toy_material
