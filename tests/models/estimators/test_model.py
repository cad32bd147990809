import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from features.contract.errors import ContractError
from models.estimators.model import load, save


@pytest.mark.parametrize("which", ["trees_model", "scorecard_model"])
def test_a_saved_model_scores_the_same(which, request, X, tmp_path):
    model = request.getfixturevalue(which)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    margin = model.margin(X)
    assert margin.std() > 0
    np.testing.assert_array_equal(again.margin(X), margin)
    np.testing.assert_array_equal(again.pd(margin), model.pd(margin))
    np.testing.assert_array_equal(again.contributions(X), model.contributions(X))
    assert again.label == "small (trained on simulated firms)"
    assert again.feature_names == model.feature_names
    assert np.isnan(again.typical["c"])
    assert (again.reference is None) == (model.reference is None)


@pytest.mark.parametrize("which", ["trees_model", "scorecard_model"])
def test_contributions_add_up_to_the_margin(which, request, X):
    model = request.getfixturevalue(which)
    total = model.bias + model.contributions(X).sum(axis=1)
    np.testing.assert_allclose(total, model.margin(X), atol=1e-9)


def test_no_rows_give_no_scores(trees_model, X):
    assert trees_model.margin(X.head(0)).shape == (0,)
    assert trees_model.contributions(X.head(0)).shape == (0, 3)


def test_the_folder_holds_only_text_and_parquet(trees_model, scorecard_model, tmp_path):
    save(trees_model, tmp_path / "trees")
    save(scorecard_model, tmp_path / "card")
    found = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {
        "model.json",
        "calibration.json",
        "policy.json",
        "trees.txt",
        "scorecard.json",
        "points.csv",
        "points_to_pd.csv",
        "reference.parquet",
    }
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_a_scorecard_is_loaded_without_mlflow_and_lightgbm(scorecard_model, tmp_path):
    save(scorecard_model, tmp_path)
    code = (
        "import sys, pathlib; from models.estimators.model import load\n"
        f"load(pathlib.Path({str(tmp_path)!r}))\n"
        "print(sorted({'mlflow', 'sklearn', 'lightgbm'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_folder_that_is_no_model_is_named(tmp_path):
    with pytest.raises(ContractError, match=r"no model here \(model.json is missing\)"):
        load(tmp_path)


def test_a_newer_format_is_refused(scorecard_model, tmp_path):
    save(scorecard_model, tmp_path)
    card = tmp_path / "model.json"
    card.write_text(card.read_text().replace('"format": 2', '"format": 3'))
    with pytest.raises(ContractError, match="format 3, this version reads 2"):
        load(tmp_path)


def test_a_lost_file_is_named(trees_model, tmp_path):
    save(trees_model, tmp_path)
    (tmp_path / "trees.txt").unlink()
    with pytest.raises(ContractError, match=r"incomplete, missing: trees\.txt\. Copy the whole"):
        load(tmp_path)


def test_a_lost_reference_of_the_peer_features_is_no_smaller_loss(trees_model, tmp_path):
    save(trees_model, tmp_path)
    (tmp_path / "reference.parquet").unlink()
    with pytest.raises(ContractError, match=r"incomplete, missing: reference\.parquet"):
        load(tmp_path)


def test_missing_columns_are_named(trees_model, X):
    with pytest.raises(ContractError, match=r"1 of the 3 columns .* first 'b'"):
        trees_model.margin(X.drop("b"))


@pytest.mark.parametrize("which", ["trees_model", "scorecard_model"])
def test_the_margin_depends_on_the_used_columns_alone(which, request, X):
    model = request.getfixturevalue(which)
    moved = set()
    for j, name in enumerate(model.feature_names):
        swept = model.margin(X.with_columns(pl.Series(name, X[name].to_numpy()[::-1])))
        if (swept != model.margin(X)).any():
            moved.add(j)
    assert moved == set(model.estimator.used)
