"""Feature rows in a database, and what `firstloan score` says of them."""

import duckdb
import numpy as np
import polars as pl
import pytest

from features.contract.tables import SOURCES
from features.table.catalogue import FEATURES
from scoring.export.sql import sql_script
from scoring.scorer import Scorer
from scoring.shap_values.explainer import ShapExplainer

SOURCE_OF = {feature.name: feature.source for feature in FEATURES}
SAME = ("status", "score", "grade", "decision", "flags")
REASONS = tuple(f"reason_{k}" for k in range(1, 6))


def damaged(features, copies, seed=3):
    """Copies of feature rows with missing, infinite and extreme values, and sources that are gone.

    How much is covered stays as it is: it is a share, which `score` computes itself.
    """
    rng = np.random.default_rng(seed)
    names = [
        name
        for name, dtype in features.schema.items()
        if dtype.is_float() and not name.startswith(("coverage_", "history_"))
    ]
    frames = []
    for copy in range(copies):
        X = features.select(names).to_numpy().copy()
        n, d = X.shape
        if copy:
            for value, share in (
                (np.nan, 0.02),
                (np.inf, 0.003),
                (-np.inf, 0.003),
                (3e38, 0.002),
                (-3e38, 0.002),
                (1e-38, 0.002),
                (0.0, 0.01),
            ):
                X[rng.random((n, d)) < share] = value
            for source in SOURCES:
                columns = [j for j, name in enumerate(names) if SOURCE_OF.get(name) == source]
                X[np.ix_(np.flatnonzero(rng.random(n) < 0.1), columns)] = np.nan
        ids = pl.format("{}-{}", pl.lit(copy), pl.col("application_id"))
        values = [pl.Series(name, X[:, j], features[name].dtype) for j, name in enumerate(names)]
        frames.append(features.with_columns(values).with_columns(application_id=ids))
    return pl.concat(frames)


def scored(model, features):
    """What `firstloan score` says, without offers."""
    explainer = ShapExplainer(model, rows=features.height)
    return Scorer(model, model.label, model.policy, explainer).score_features(features)


def by_duckdb(model, features, **options):
    """The view of the exported script, run on DuckDB."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "6GB"}) as database:
        database.register("given", features.to_arrow())
        database.execute("CREATE TABLE features AS SELECT * FROM given")
        for statement in sql_script(model, dialect="duckdb", **options):
            database.execute(statement)
        view = database.table(f"{options.get('prefix', 'firstloan')}_scored")
        return pl.from_arrow(view.to_arrow_table())


def assert_same(found, expected):
    """PD to 1e-6, score, grade and decision, and the reasons in their order."""
    found = expected.select("application_id").join(
        found, on="application_id", how="left", maintain_order="left"
    )
    assert found["pd"].is_null().equals(expected["pd"].is_null())
    gap = (found["pd"] - expected["pd"]).abs().max()
    assert gap < 1e-6, gap
    for name in (*SAME, *REASONS):
        ours = found[name].cast(pl.String).fill_null("")
        theirs = expected[name].cast(pl.String).fill_null("")
        wrong = found.filter(ours != theirs)
        assert wrong.is_empty(), (name, wrong.height, wrong.head(3).to_dicts())


@pytest.fixture(scope="session")
def hamlet_features(model):
    """Feature rows at random: the hamlet's model, coverage, and figures that flags read."""
    rng = np.random.default_rng(8)
    n = 300
    typical = np.array([model.typical[name] for name in model.feature_names])
    X = typical + np.maximum(np.abs(typical), 0.5) * rng.normal(size=(n, len(typical)))
    X[rng.random(X.shape) < 0.2] = np.nan
    columns = dict(zip(model.feature_names, X.astype(np.float32).T, strict=True))
    for source in SOURCES:
        columns[f"coverage_{source}"] = rng.choice([0, 0.3, 0.5, 1], n).astype(np.float32)
        columns[f"history_{source}"] = rng.choice([0, 365], n).astype(np.float32)
    read = {c.feature for flag in model.policy.flags for c in flag.all}
    for name in read - columns.keys():
        columns[name] = rng.choice([-1.0, 0.05, 1.5, 200, np.nan], n).astype(np.float32)
    return pl.DataFrame(
        {
            "application_id": [f"A{k:04d}" for k in range(n)],
            "firm_id": [f"F{k:04d}" for k in range(n)],
            "as_of": [None] * n,
            **columns,
        },
        schema_overrides={"as_of": pl.Date},
    ).with_columns(pl.selectors.float().fill_nan(None))
