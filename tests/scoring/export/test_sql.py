"""A bank that can only deploy SQL: the view says what `firstloan score` says."""

import math
from dataclasses import replace

import duckdb
import lightgbm as lgb
import mlflow
import numpy as np
import polars as pl
import psycopg
import pytest
from sqlglot import parse

import models
import synthetic
from features.contract.errors import ContractError
from features.engine.build import build_file
from models.estimators.calibration import Calibration
from models.estimators.lightgbm_trees import Trees
from models.estimators.model import OWN
from models.tracking.registry import resolve
from scoring.export import lookup_tables
from scoring.export.sql import DIALECTS, number, sql_script

from .conftest import assert_same, by_duckdb, damaged, scored

TRAINING = """
candidates = ["trees_all", "scorecard_all"]
[gates.bads]
least = 1
"""
"""So small a world has no champion otherwise; how good it is plays no part here."""
ON_POSTGRES = 1_500


@pytest.mark.parametrize("kind", ["trees", "scorecard"])
def test_duckdb_says_what_score_says(kind, model, card_model, hamlet_features):
    chosen = model if kind == "trees" else card_model
    rows = damaged(hamlet_features, copies=2)
    expected = scored(chosen, rows)
    assert set(expected["status"]) == {"scored", "insufficient_data"}
    assert expected["decision"].n_unique() == 3
    assert expected["flags"].is_not_null().any()
    assert_same(by_duckdb(chosen, rows), expected)


def test_isotonic_calibration(card_model, hamlet_features):
    steps = Calibration(
        kind="isotonic", margins=(-6.0, -4.0, -3.0, -1.0), rates=(0.0, 0.01, 0.04, 0.3)
    )
    stepped = replace(card_model, calibration=steps)
    assert_same(by_duckdb(stepped, hamlet_features), scored(stepped, hamlet_features))


def test_texts_stand_beside_their_codes(model, hamlet_features):
    found = by_duckdb(model, hamlet_features)
    for k in range(1, 6):
        coded = found.filter(pl.col(f"reason_{k}").is_not_null())
        assert coded[f"reason_{k}_text"].is_not_null().all()
        assert coded[f"reason_{k}_zh"].str.contains(r"\p{Han}").all()
    figures = found.filter(pl.col("reason_1_value").is_not_null())
    assert figures.height
    name = figures["reason_1_feature"][0]
    given = hamlet_features.filter(pl.col("application_id") == figures["application_id"][0])
    assert figures["reason_1_value"][0] == pytest.approx(given[name][0])


def test_columns_with_names_and_words_of_ones_own(model):
    rng = np.random.default_rng(4)
    names = ("own_month", 'the "odd" one', "trade")
    X = rng.normal(size=(2_000, 3))
    X[:, 2] = rng.integers(0, 3, 2_000)
    bad = rng.random(2_000) < 1 / (1 + np.exp(2 - X[:, 0] + X[:, 1] - X[:, 2]))
    settings = {"objective": "binary", "num_leaves": 6, "verbose": -1, "num_threads": 1}
    booster = lgb.train(settings, lgb.Dataset(X, bad), num_boost_round=30)
    own = replace(
        model,
        name="mine",
        feature_names=names,
        trained_on=OWN,
        fingerprint="",
        estimator=Trees(booster.model_to_string()),
        typical=dict(zip(names, (0.0, 0.0, 1.0), strict=True)),
        columns={"own_month": "month"},
        levels={"trade": ("baker's", "smith", "木匠")},
    )
    words = np.array(["baker's", "smith", "木匠"], dtype=object)
    table = pl.DataFrame(
        {
            "id": [f"{k}" for k in range(200)],
            "month": X[:200, 0],
            'the "odd" one': X[:200, 1],
            "trade": [None if k % 9 == 0 else words[int(X[k, 2])] for k in range(200)],
        }
    )
    found = by_duckdb(own, table).sort(pl.col("application_id").cast(pl.Int64))
    expected = own.pd(own.margin(table))
    assert np.abs(found["pd"].to_numpy() - expected).max() < 1e-12
    assert set(found["status"]) == {"scored"}
    assert set(found["reason_1"].drop_nulls()) <= set(names)


def test_a_tree_that_never_splits_counts(model, hamlet_features):
    X = np.zeros((100, len(model.feature_names)))
    bad = np.arange(100) % 10 == 0
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 99}
    booster = lgb.train(settings, lgb.Dataset(X, bad), num_boost_round=2)
    constant = replace(model, estimator=Trees(booster.model_to_string()))
    assert_same(by_duckdb(constant, hamlet_features), scored(constant, hamlet_features))


def test_paths_too_long_are_refused_by_name(model):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(3_000, len(model.feature_names)))
    bad = rng.random(3_000) < np.arange(3_000)[np.argsort(np.argsort(X[:, 0]))] / 3_000
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 300}
    settings |= {"min_data_in_leaf": 1, "feature_fraction": 0.1, "learning_rate": 1.0}
    booster = lgb.train(settings, lgb.Dataset(X, bad), num_boost_round=3)
    with pytest.raises(ContractError, match=r"cannot be written as SQL.*fewer leaves"):
        list(sql_script(replace(model, estimator=Trees(booster.model_to_string())), dialect="hive"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_parsed_again(dialect, model):
    statements = list(sql_script(model, dialect=dialect, table="mart.features", prefix="loan"))
    inserts = [each for each in statements if each.startswith("INSERT")]
    # the first rows of each table speak for all
    first = {each.split(" ", 3)[2]: each for each in reversed(inserts)}.values()
    others = [each for each in statements if not each.startswith(("--", "SET", "INSERT"))]
    text = "\n".join([*others, *first])
    parsed = parse(text, read=dialect)
    kinds = [each.key for each in parsed if each is not None]
    assert kinds.count("create") == len(lookup_tables.SCHEMAS) + 1
    assert "loan_scored" in text
    assert "mart.features" in text


def test_statements_are_short(model):
    for statement in sql_script(model, dialect="hive"):
        assert len(statement.encode()) < 256 * 1024


def test_the_same_model_gives_the_same_script(model):
    assert list(sql_script(model, dialect="spark")) == list(sql_script(model, dialect="spark"))


@pytest.mark.parametrize("value", [0.1, -1 / 3, 1e-300, 1.7976931348623157e308, 5.0, -0.0])
def test_a_double_is_read_to_the_last_bit(value):
    ((found,),) = duckdb.execute(f"SELECT {number(value)}").fetchall()
    assert isinstance(found, float)
    assert found == value


def test_no_literal_for_what_is_no_number():
    with pytest.raises(ValueError, match="no SQL literal"):
        number(math.inf)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trees and scorecard of a world, and 24,000 feature rows of it, three quarters damaged."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "small.toml").write_text(TRAINING, encoding="utf-8")
    synthetic.simulate(folder / "past", firms=6_000, seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/m.db")
        patch.chdir(folder)
        result = models.fit(folder / "past", config=folder / "small.toml", trials=0)
        client = mlflow.MlflowClient()
        experiment = client.get_experiment_by_name(result.experiment).experiment_id
        runs = {run.info.run_name: run.info.run_id for run in client.search_runs([experiment])}
        chosen = {
            name: resolve(f"runs:/{runs[name]}/model")[0] for name in ("trees_all", "scorecard_all")
        }
    features = build_file(
        folder / "past", folder / "f.parquet", reference=chosen["trees_all"].reference
    )
    return chosen, damaged(features, copies=4)


@pytest.mark.slow
@pytest.mark.parametrize("candidate", ["trees_all", "scorecard_all"])
def test_duckdb_says_what_score_says_of_twenty_thousand(candidate, trained):
    chosen, rows = trained
    assert rows.height >= 20_000
    expected = scored(chosen[candidate], rows)
    assert_same(by_duckdb(chosen[candidate], rows), expected)


@pytest.mark.parametrize("candidate", ["trees_all", "scorecard_all"])
def test_postgres_says_what_score_says(candidate, trained, postgres):
    chosen, rows = trained
    some = rows.sample(ON_POSTGRES, seed=1)
    types = {pl.Float32: "REAL", pl.String: "TEXT", pl.Date: "DATE"}
    columns = ", ".join(f'"{name}" {types[dtype]}' for name, dtype in some.schema.items())
    with psycopg.connect(postgres.replace("+psycopg", ""), autocommit=True) as database:
        database.execute(f"CREATE TABLE features ({columns})")
        with database.cursor().copy("COPY features FROM STDIN (FORMAT csv, NULL '')") as copy:
            copy.write(some.write_csv(include_header=False).encode())
        database.execute("\n".join(sql_script(chosen[candidate], dialect="postgres")))
        # run anew, as after a new training
        database.execute("\n".join(sql_script(chosen[candidate], dialect="postgres")))
        found = database.execute("SELECT * FROM firstloan_scored")
        names = [column.name for column in found.description]
        table = pl.DataFrame(found.fetchall(), names, orient="row", infer_schema_length=None)
    assert_same(table, scored(chosen[candidate], some))
