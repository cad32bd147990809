import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from features.contract.errors import ContractError
from models.estimators import tree_structure
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
    assert again.label == f"small {again.checksum[:8]} (trained on simulated firms)"
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
        "checksums.json",
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
    card.write_text(card.read_text().replace('"format": 3', '"format": 4'))
    with pytest.raises(ContractError, match="format 4, this version reads 3"):
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


def sealed(folder):
    """Write the checksums anew, as one would who poisons a model on purpose."""
    names = json.loads((folder / "checksums.json").read_text())
    sums = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    (folder / "checksums.json").write_text(json.dumps(sums))


@pytest.mark.parametrize("name", ["model.json", "trees.txt", "calibration.json", "policy.json"])
def test_a_file_that_training_did_not_write_is_refused(trees_model, tmp_path, name):
    save(trees_model, tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content.replace(b"1", b"2", 1))
    with pytest.raises(ContractError, match=f"{name}: not the file that training wrote"):
        load(tmp_path)
    (tmp_path / "checksums.json").unlink()
    with pytest.raises(ContractError, match=r"checksums\.json"):
        load(tmp_path)


def first(field, text, change):
    """Change the first line of a field that has more than one number."""
    pattern = re.compile(rf"^{field}=(\S+ .+)$", re.MULTILINE)
    found = pattern.search(text)
    numbers = change(found.group(1).split())
    line = f"{field}={' '.join(numbers)}".ljust(len(found.group(0)))
    return text[: found.start()] + line + text[found.end() :]


POISONS = {
    "leaf_value nan": (lambda t: first("leaf_value", t, lambda x: ["nan", *x[1:]]), "a leaf that"),
    "leaf_value inf": (lambda t: first("leaf_value", t, lambda x: ["inf", *x[1:]]), "a leaf that"),
    "leaf missing": (lambda t: first("leaf_value", t, lambda x: x[1:]), "numbers in leaf_value"),
    "feature 99": (lambda t: first("split_feature", t, lambda x: ["99", *x[1:]]), "not there"),
    "feature -1": (lambda t: first("split_feature", t, lambda x: ["-1", *x[1:]]), "not there"),
    "threshold": (lambda t: first("threshold", t, lambda x: ["nan", *x[1:]]), "a threshold that"),
    "category": (lambda t: first("decision_type", t, lambda x: ["1", *x[1:]]), "splits categories"),
    "own child": (lambda t: first("left_child", t, lambda x: ["0", *x[1:]]), "without parent"),
    "child 7777": (lambda t: first("left_child", t, lambda x: ["7777", *x[1:]]), "without parent"),
    "cut off": (lambda t: t[: len(t) // 2], "no whole LightGBM model"),
    "size": (lambda t: t.replace("tree_sizes=", "tree_sizes=1", 1), "misplaced|numbers in|more"),
    "classes": (lambda t: t.replace("num_class=1", "num_class=3", 1), "num_class is '3'"),
    "columns": (lambda t: t.replace("max_feature_idx=2", "max_feature_idx=9", 1), "10 features"),
    "word": (lambda t: first("split_feature", t, lambda x: ["x", *x[1:]]), "could not convert"),
}


@pytest.mark.parametrize("poison", POISONS)
def test_poisoned_trees_are_refused_before_lightgbm_reads_them(trees_model, tmp_path, poison):
    change, words = POISONS[poison]
    save(trees_model, tmp_path)
    text = (tmp_path / "trees.txt").read_text()
    (tmp_path / "trees.txt").write_text(change(text))
    assert (tmp_path / "trees.txt").read_text() != text
    sealed(tmp_path)
    with pytest.raises(ContractError, match=words) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_children_in_a_circle_are_refused():
    tree = {
        "num_leaves": "4", "num_cat": "0", "split_feature": "0 0 0", "threshold": "0 0 0",
        "decision_type": "2 2 2", "leaf_value": "0 0 0 0",
        "left_child": "-1 2 1", "right_child": "-2 -3 -4",
    }  # fmt: skip
    with pytest.raises(ValueError, match="a circle"):
        tree_structure._check_tree(tree, 1, where="tree 0")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "platt"}, "expected kind beta or isotonic, got 'platt'"),
        ({"a": -1.0}, "not a rising one"),
        ({"c": None}, "TypeError"),
        ({"kind": "isotonic", "margins": [0, 1], "rates": [0.2, 0.1]}, "not a rising one"),
        ({"kind": "isotonic", "margins": [1, 0], "rates": [0.1, 0.2]}, "not a rising one"),
        ({"kind": "isotonic", "margins": [0, 1], "rates": [0.1]}, "not a rising one"),
        ({"kind": "isotonic", "margins": [], "rates": []}, "not a rising one"),
    ],
)
def test_a_calibration_that_falls_is_refused(trees_model, tmp_path, change, words):
    save(trees_model, tmp_path)
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    sealed(tmp_path)
    with pytest.raises(ContractError, match=words):
        load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("coefficient", float("nan"), "no finite number"),
        ("column", 99, "column 99 of"),
        ("woe", [0.1], "do not follow each other"),
    ],
)
def test_a_poisoned_scorecard_is_refused(scorecard_model, tmp_path, key, value, words):
    save(scorecard_model, tmp_path)
    path = tmp_path / "scorecard.json"
    card = json.loads(path.read_text())
    card["features"][0][key] = value
    path.write_text(json.dumps(card))
    sealed(tmp_path)
    with pytest.raises(ContractError, match=words):
        load(tmp_path)


def test_two_folders_have_two_labels(trees_model, scorecard_model, tmp_path):
    labels = set()
    for name, model in {"a": trees_model, "b": scorecard_model, "c": trees_model}.items():
        save(model, tmp_path / name)
        labels.add(load(tmp_path / name).label)
    assert len(labels) == 2
    assert all(re.search(r" [0-9a-f]{8} \(trained on", label) for label in labels)


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
