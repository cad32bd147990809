"""`firstloan inspect` as its user meets it."""

import re

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import firstloan
import synthetic
from features.contract.errors import ContractError
from features.engine.build import build_file
from features.table.catalogue import FEATURES
from models.estimators.model import save
from models.settings import read_settings
from scoring.inspection.inspect_file import inspect_file

CONFIG = read_settings(None)


def run(*arguments):
    return CliRunner().invoke(firstloan.app, ["inspect", *map(str, arguments)])


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(2)
    x = rng.normal(size=1_500)
    pl.DataFrame({"id": range(1_500), "=cmd()": x, "kwh": rng.normal(size=1_500)}).write_csv(
        folder / "x.csv"
    )
    bad = rng.random(1_500) < 1 / (1 + np.exp(2 - x))
    pl.DataFrame({"id": range(1_500), "defaulted": bad}).write_csv(folder / "y.csv")
    return folder


def test_a_matrix_of_ones_own(own, tmp_path):
    out = tmp_path / "found.csv"
    result = run("--features", own / "x.csv", "--labels", own / "y.csv", "--out", out)
    assert result.exit_code == 0, result.output
    assert "Inspected 2 features of 1,500 applicants." in result.output
    assert all(len(line) <= 80 for line in result.stdout.splitlines() if "wrote" not in line)
    table = pl.read_csv(out)
    assert table["feature"].to_list() == ["'=cmd()", "kwh"]
    assert table["iv"][0] > table["chance_iv"][0]
    endings = (".bins.csv", ".quarters.csv", ".quarter_bins.csv", ".correlations.csv", ".html")
    assert all((tmp_path / f"found{ending}").is_file() for ending in endings)
    # a second run replaces the first, with the same bytes
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert (
        run(
            "--features", own / "x.csv", "--labels", own / "y.csv", "--out", out, "--workers", 1
        ).exit_code
        == 0
    )
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_the_page_is_offline_and_names_what_it_shows(own, tmp_path):
    run("--features", own / "x.csv", "--labels", own / "y.csv", "--out", tmp_path / "found.csv")
    page = (tmp_path / "found.html").read_text("utf-8")
    assert not re.search(r"(src|href)=|@import|url\(", page)
    assert "Default rate" in page
    assert "chance up to" in page
    assert "found.bins.csv" in page


@pytest.mark.slow
def test_a_world_with_the_importance_for_a_model(model, tmp_path):
    synthetic.simulate(tmp_path / "world", firms=1_500, seed=3)
    save(model, tmp_path / "model")
    result = run(
        *("--data", tmp_path / "world", "--out", tmp_path / "found.csv"),
        *("--model", tmp_path / "model", "--exclude", "peer_*", "--exclude", "theme:trade"),
    )
    assert result.exit_code == 0, result.output
    table = pl.read_csv(tmp_path / "found.csv", infer_schema_length=None)
    assert not table["feature"].str.starts_with("peer_").any()
    assert "trade" not in table["theme"].to_list()
    shown = table.filter(pl.col("shap_share").is_not_null())
    assert set(shown["feature"]) == set(model.feature_names)
    assert shown["shap_share"].sum() == pytest.approx(1.0)


@pytest.mark.slow
def test_built_features_without_their_data_folder(tmp_path):
    synthetic.simulate(tmp_path / "world", firms=1_500, seed=3)
    build_file(tmp_path / "world", tmp_path / "f.parquet")
    result = run("--features", tmp_path / "f.parquet", "--out", tmp_path / "found.csv")
    assert result.exit_code == 0, result.output
    table = pl.read_csv(tmp_path / "found.csv", infer_schema_length=None)
    assert table["feature"].to_list() == [feature.name for feature in FEATURES]
    assert table["iv"].null_count() == table.height
    # with labels, the same bins as from the folder but for peers, of which the file knows nothing
    outcomes = pl.read_csv(tmp_path / "world" / "outcomes.csv", infer_schema_length=None)
    outcomes.select(id="application_id", defaulted="defaulted").write_csv(tmp_path / "y.csv")
    shared = ("--exclude", "peer_*")
    for arguments, name in (
        (("--features", tmp_path / "f.parquet", "--labels", tmp_path / "y.csv"), "alone.csv"),
        (("--data", tmp_path / "world"), "folder.csv"),
    ):
        assert run(*arguments, *shared, "--out", tmp_path / name).exit_code == 0
    alone, folder = (
        pl.read_csv(tmp_path / name, infer_schema_length=None)
        for name in ("alone.bins.csv", "folder.bins.csv")
    )
    assert alone.equals(folder)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "expected either --data, or --features"),
        ({"data": ".", "labels": "y.csv"}, "--labels is for --features alone"),
        ({"features": "none.csv"}, "none.csv: no such file"),
        ({"features": "x.csv", "out": "found.parquet"}, "expected the name of a CSV file"),
        ({"features": "x.csv", "out": "none/found.csv"}, "in a folder that exists"),
        ({"features": "x.csv", "out": "x.csv"}, "would overwrite an input"),
        ({"features": "x.csv", "out": "y.csv"}, "would replace a file that this command did not"),
    ],
)
def test_wrong_input_is_one_line(options, words, own, monkeypatch):
    monkeypatch.chdir(own)
    before = sorted(path.name for path in own.iterdir())
    paths = {name: own.__class__(value) for name, value in options.items()}
    given = {"data": None, "features": None, "labels": None, "out": own.__class__("found.csv")}
    with pytest.raises(ContractError, match=words):
        inspect_file(**{**given, **paths}, config=CONFIG)
    assert sorted(path.name for path in own.iterdir()) == before


def test_a_model_of_other_features(model_folder, own, tmp_path):
    with pytest.raises(ContractError, match="expected a model of a matrix of your own"):
        inspect_file(
            data=None,
            features=own / "x.csv",
            labels=own / "y.csv",
            out=tmp_path / "found.csv",
            config=CONFIG,
            model=str(model_folder),
        )
