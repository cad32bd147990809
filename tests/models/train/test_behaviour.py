"""The behaviour model: what is trained, on which rows, and what goes wrong."""

import pickle
import sys

import mlflow
import polars as pl
import pytest

import firstloan
import synthetic
from models.data.open_loans import read_open_loans
from models.data.split import SLICES, split
from models.data.target import OPEN_LOAN
from models.settings import read_settings
from models.tracking.registry import resolve
from models.train.training import train_on

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return synthetic.simulate(tmp_path_factory.mktemp("worlds") / "w", firms=2_500, seed=77)


@pytest.fixture(scope="module")
def training_data(world):
    return read_open_loans(world, split=read_settings().behaviour_split, workers=2)


def test_all_months_of_a_firm_stand_on_one_side(training_data):
    parts = split(training_data.rows, config=read_settings().behaviour_split)
    sides = parts.rows.drop_nulls("slice").group_by("firm_id").agg(pl.col("slice").n_unique())
    assert sides["slice"].max() == 1
    assert {*parts.rows["slice"].drop_nulls()} == {*SLICES}
    assert training_data.rows["application_id"].is_unique().all()


def test_signs_sources_and_fingerprint_are_those_of_open_loans(training_data):
    assert training_data.target is OPEN_LOAN
    assert training_data.fingerprint == OPEN_LOAN.fingerprint
    assert training_data.signs["days_past_due"] == 1
    assert training_data.sources["orders_since_disbursement"] == "ecommerce"
    assert not training_data.season.table.is_empty()


def test_another_process_keeps_the_months_of_a_firm_together_too(training_data):
    sent = pickle.loads(pickle.dumps(training_data))  # noqa: S301 (our own bytes)
    here, there = (
        data.sample(data.rows.head(500), ["utilisation"]).groups for data in (training_data, sent)
    )
    assert here is not None
    assert there.tolist() == here.tolist()


def test_the_model_is_registered_as_open_loan_with_its_season(training_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    config = read_settings(None, trials=0, candidates=("scorecard_all",))
    config = config.model_copy(update={"split": config.behaviour_split})
    result = train_on(training_data, config=config, name="open-loan")
    model, label = resolve(f"models:/open-loan@{result.alias}")
    assert label.startswith("open-loan v1")
    assert model.target is OPEN_LOAN
    assert model.season.table.equals(training_data.season.table)
    card = mlflow.artifacts.load_text(
        f"{mlflow.get_run(result.run_id).info.artifact_uri.replace(result.run_id, _child(result))}"
        "/model_card.md"
    )
    assert "first 90 days past due within 6 months" in card
    assert "months of open loans" in card


def _child(result):
    found = mlflow.search_runs(
        experiment_names=["open-loan"],
        filter_string=f"tags.mlflow.parentRunId = '{result.run_id}'",
    )
    return found["run_id"][0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data", "w", "--behaviour", "--features", "f.parquet"), "leave out --features"),
        (("--data", "w", "--behaviour"), "expected a loan tape"),
    ],
)
def test_what_cannot_be_trained_is_said(world, tmp_path, monkeypatch, capsys, options, said):  # noqa: PLR0917
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    (tmp_path / "w").symlink_to(world)
    if said == "expected a loan tape":
        (tmp_path / "w").unlink()
        (tmp_path / "w" / "signals").mkdir(parents=True)
        for table in ("firms", "coverage", "electricity"):
            (tmp_path / "w" / "signals" / table).symlink_to(world / "signals" / table)
    monkeypatch.setattr(sys, "argv", ["firstloan", "train", *options])
    assert firstloan.main() == 2
    assert said in capsys.readouterr().err
