import re
from pathlib import Path

import mlflow
import numpy as np
import polars as pl
import pytest

from features.contract.errors import ContractError, ServiceError
from features.io.storage import location, storage_errors
from models.estimators.model import load
from models.reporting.summary import training_lines
from models.settings import read_settings
from models.tracking import mlflow_session
from models.tracking.registry import resolve
from models.train.training import train, train_on

pytestmark = pytest.mark.slow

SETTINGS = read_settings()
QUICK = SETTINGS.model_copy(
    update={
        "trees": SETTINGS.trees.model_copy(update={"threads": 1, "max_rounds": 120}),
        "trials": 0,
        "candidates": ("scorecard_register", "trees_all"),
    }
)
PICTURES = (
    "roc_and_gains",
    "calibration",
    "score_distribution",
    "months",
    "shap_beeswarm",
    "shap_dependence",
    "monotone_curves",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, make_training_data):
    """One training of a make_training_data, in an MLflow store of its own."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.chdir(folder)
        seen = []
        result = train_on(
            make_training_data(),
            config=QUICK,
            name="small",
            progress=lambda done, total: seen.append((done, total)),
        )
        yield result, folder, seen


def test_the_model_with_more_to_go_by_wins(trained):
    result, _, _ = trained
    assert result.winner == "trees_all"
    best, other = result.figures.iter_rows(named=True)
    assert best["oot_auc"] > other["oot_auc"] + 0.1
    assert result.label == "small v1 (trained on simulated firms)"
    assert result.alias == "champion"


def test_progress_ends_at_its_total(trained):
    _, _, seen = trained
    assert seen == [(k + 1, len(seen)) for k in range(len(seen))]


def test_the_champion_comes_back_from_the_registry(trained, make_training_data):
    result, _, _ = trained
    model, label = resolve("models:/small@champion")
    assert label == result.label
    same, _ = resolve("models:/small/1")
    rows = make_training_data().rows
    np.testing.assert_array_equal(model.margin(rows), same.margin(rows))
    assert model.candidate == "trees_all"


def test_runs_are_nested_and_hold_what_the_compare_page_needs(trained):
    client, children = candidates_of(trained[0])
    assert {r.info.run_name for r in children} == {"trees_all", "scorecard_register"}
    assert len(client.search_runs([children[0].info.experiment_id])) == 3
    for run in children:
        assert {
            "oot_auc",
            "oot_auc_low",
            "oot_auc_high",
            "oot_ks",
            "oot_log_loss",
            "oot_ece",
            "calibration_slope",
            "psi_score",
            "selection_log_loss",
        } <= set(run.data.metrics)
        assert len(run.data.metrics) <= 20  # what a page of the UI compares at a glance
        contexts = {i.tags[0].value for i in run.inputs.dataset_inputs}
        assert contexts == {"training", "evaluation"}
        assert all(i.dataset.digest for i in run.inputs.dataset_inputs)
    outcome = {r.info.run_name: r.data.tags["outcome"] for r in children}
    assert outcome["trees_all"].startswith("champion: lowest log loss")
    assert re.search(r"log loss 0\.\d+|failed the gates", outcome["scorecard_register"])


def test_the_logged_model_has_no_code_and_nothing_pickled(trained):
    _, folder, _ = trained
    files = [path for path in (folder / "mlartifacts").rglob("*") if path.is_file()]
    assert files
    plain = {"", ".json", ".txt", ".yaml", ".csv", ".parquet", ".md", ".png"}
    assert {path.suffix for path in files} <= plain
    for path in files:
        assert not path.read_bytes().startswith(b"\x80"), path  # pickle's first byte
    described = next(path for path in files if path.name == "MLmodel").read_text()
    assert "loader_module: models.tracking.pyfunc" in described
    assert "cloudpickle" not in described
    assert "code: null" in described or "code:" not in described


def test_the_folder_in_the_store_loads_without_mlflow(trained):
    _, folder, _ = trained
    home = next((folder / "mlartifacts").rglob("MLmodel")).parent
    assert load(home).name == "small"


def test_the_pyfunc_answers_with_score_pd_and_reasons(trained, make_training_data):
    rows = make_training_data(rows=50, seed=9).rows
    model, _ = resolve("models:/small@champion")
    mlflow.set_tracking_uri(f"sqlite:///{trained[1]}/mlflow.db")
    loaded = mlflow.pyfunc.load_model("models:/small@champion")
    request = rows.select(pl.col(name).cast(pl.Float64) for name in model.feature_names)
    answer = loaded.predict(request.to_pandas())
    pd = model.pd(model.margin(rows))
    np.testing.assert_allclose(answer["pd"], pd)
    expected = 600 + 40 / np.log(2) * (np.log((1 - pd) / pd) - np.log(50))
    np.testing.assert_allclose(answer["score"], expected.clip(300, 850))
    assert list(answer.columns)[2:] == [f"reason_{k}" for k in range(1, 6)]
    assert set(answer["reason_1"]) <= {*model.feature_names, ""}
    assert (answer["reason_1"] != "").mean() > 0.5


def candidates_of(result):
    """MLflow's client and the runs nested in that of a training: one for each candidate."""
    client = mlflow.MlflowClient(result.store)
    experiment = client.get_experiment_by_name(result.experiment).experiment_id
    runs = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{result.run_id}'")
    assert {run.info.run_name for run in runs} == set(result.figures["candidate"])
    return client, runs


def figures_of(client, run):
    table = pl.read_csv(client.download_artifacts(run.info.run_id, "validation/figures.csv"))
    assert set(run.data.metrics) <= set(table["figure"])
    return dict(table.iter_rows())


def metrics_and(result, *files):
    """All figures of each candidate's run and the bytes of some artifacts, by candidate."""
    client, runs = candidates_of(result)
    return {
        run.info.run_name: (
            figures_of(client, run),
            *(
                Path(client.download_artifacts(run.info.run_id, file)).read_bytes()
                for file in files
            ),
        )
        for run in runs
    }


def test_two_trainings_give_the_same_model_metrics_and_pictures(
    trained, tmp_path, monkeypatch, make_training_data
):
    """Whether one process does all the work or two share it."""
    result, _, _ = trained
    before, _ = resolve("models:/small@champion")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/again.db")
    again = train_on(make_training_data(), config=QUICK, name="small", workers=2)
    after, _ = resolve("models:/small@champion")
    assert after.estimator.text == before.estimator.text
    assert after.calibration == before.calibration
    assert again.figures.equals(result.figures)
    tables = ("model_card.md", "validation/tests.json", "validation/segments.csv")
    for file in (*tables, *(f"figures/{name}.png" for name in PICTURES)):
        assert metrics_and(again, file) == metrics_and(result, file), file


def test_every_signed_feature_is_monotone(trained, make_training_data):
    """Each signed feature swept over its range for many applicants, all else held."""
    training_data = make_training_data()
    rows = training_data.rows.head(1_000)
    model, _ = resolve("models:/small@champion")
    signed = [model.feature_names[j] for j in model.estimator.used]
    signed = [name for name in signed if training_data.signs[name]]
    assert len(signed) > 2, "the make_training_data puts few signs to the test"
    for name in signed:
        values = training_data.rows[name].fill_nan(None).drop_nulls()
        sweep = [
            model.margin(rows.with_columns(pl.lit(x).cast(pl.Float32).alias(name)))
            for x in np.linspace(values.min(), values.max(), 15)
        ]
        steps = training_data.signs[name] * np.diff(sweep, axis=0)
        assert (steps >= -1e-12).all(), name
        assert steps.any(), name


def test_a_store_that_does_not_answer_is_said_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for table in ("applications.csv", "outcomes.csv"):
        (tmp_path / table).touch()
    with pytest.raises(ServiceError, match=r"MLflow: no answer from http://127\.0\.0\.1:9"):
        train(data=tmp_path, config=QUICK)


def test_nothing_is_left_registered_when_the_alias_fails(tmp_path, monkeypatch, make_training_data):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")

    def broken(*args, **kwargs):
        raise mlflow.exceptions.MlflowException("the server went away")

    monkeypatch.setattr(mlflow.MlflowClient, "set_registered_model_alias", broken)
    with pytest.raises(ServiceError, match="the server went away"):
        train_on(make_training_data(), config=QUICK, name="small")
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/m.db", f"sqlite:///{tmp_path}/m.db")
    assert client.search_registered_models() == []


def test_a_storage_that_goes_away_in_the_middle_is_one_line(
    tmp_path, monkeypatch, make_training_data, s3, s3_server
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    world = location(f"{s3}/world")

    def lost(done, total):
        s3_server.kill()
        s3_server.wait()

    with (
        pytest.raises(ServiceError, match=r"s3://province/world.*: the storage failed \("),
        storage_errors(world),
    ):
        train_on(make_training_data(), config=QUICK, name="small", truth=world, progress=lost)
    assert not mlflow.search_registered_models()


def test_a_champion_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    with pytest.raises(ContractError, match=r"first-time-borrower@champion: not found.*train"):
        resolve(None)


def test_with_too_few_bads_the_title_stays_vacant_and_the_way_out_is_said(
    tmp_path, monkeypatch, make_training_data
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    bads = QUICK.gates.bads.model_copy(update={"least": 1_000})
    config = QUICK.model_copy(
        update={
            "candidates": ("scorecard_register",),
            "gates": QUICK.gates.model_copy(update={"bads": bads}),
        }
    )
    result = train_on(make_training_data(), config=config, name="small")
    assert result.alias == "challenger"
    bads = result.counts["calibration_bads"]
    why = f"{bads} bads in the calibration slice, at least 1000 are needed"
    assert why in result.verdicts["scorecard_register"]
    assert why in " ".join(" ".join(training_lines(result)).split())
    with pytest.raises(ContractError, match=rf"waits as challenger \(no candidate .*{why}.*@chall"):
        resolve("models:/small@champion")
    run = mlflow.MlflowClient(f"sqlite:///{tmp_path}/m.db").get_run(result.run_id)
    assert run.data.params["gates.bads.least"] == "1000"
    assert "gates.bads.false_alarm" not in run.data.params


def test_each_trial_is_a_nested_run_only_if_asked(tmp_path, monkeypatch, make_training_data):
    config = QUICK.model_copy(update={"candidates": ("trees_all",), "trials": 2})
    for asked in (False, True):
        store = f"sqlite:///{tmp_path}/{asked}.db"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
        result = train_on(make_training_data(), config=config, name="small", log_trials=asked)
        client = mlflow.MlflowClient(store)
        runs = client.search_runs([client.get_experiment_by_name("small").experiment_id])
        trials = [run for run in runs if "trial" in run.info.run_name]
        assert len(trials) == 2 * asked
        assert len(runs) == 2 + len(trials)
    (candidate,) = (run for run in runs if run.info.run_name == "trees_all")
    assert candidate.data.tags["mlflow.parentRunId"] == result.run_id
    for run in trials:
        assert run.data.tags["mlflow.parentRunId"] == candidate.info.run_id
        assert run.data.tags["state"] in {"complete", "pruned"}
        assert "num_leaves" in run.data.params


def test_training_prints_nothing(tmp_path, monkeypatch, capfd, make_training_data):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    config = QUICK.model_copy(update={"candidates": ("scorecard_register",)})
    train_on(make_training_data(), config=config, name="small")
    assert capfd.readouterr() == ("", "")


def test_the_same_data_again_make_a_challenger(trained, make_training_data):
    result, _, _ = trained
    again = train_on(make_training_data(), config=QUICK, name="small")
    assert again.alias == "challenger"
    assert "needed: 0.95 (paired" in again.verdicts[again.winner]
    assert resolve("models:/small@champion")[0].version == result.version == "1"
    assert resolve("models:/small@challenger")[0].version == again.version


def test_each_run_holds_the_validators_tables(trained):
    client, runs = candidates_of(trained[0])
    for run in runs:
        held = {item.path for item in client.list_artifacts(run.info.run_id, "validation")}
        wanted = {"tests.json", "segments.csv", "months.csv", "grades.csv", "feature_stability.csv"}
        assert {f"validation/{name}" for name in wanted} <= held
        figures = figures_of(client, run)
        assert figures["gini_month_mean"] == pytest.approx(
            figures["gini_stability"]
            - 6 * min(0, figures["gini_month_slope"])
            + 0.5 * figures["gini_month_residual_sd"],
            abs=1e-5,
        )


def test_each_run_holds_its_pictures_and_its_card(trained):
    client, runs = candidates_of(trained[0])
    for run in runs:
        held = {item.path for item in client.list_artifacts(run.info.run_id, "figures")}
        assert held == {f"figures/{name}.png" for name in PICTURES}
        page = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/model_card.md")
        for chapter in ("Purpose", "Data", "Method", "Performance", "Where it is weak"):
            assert f"\n## {chapter}\n" in page
        assert f"{run.data.metrics['oot_auc']:.3f} ({run.data.metrics['oot_auc_low']:.3f}" in page
        assert run.data.tags["outcome"] in page
        assert run.data.tags["mlflow.note.content"].startswith(run.data.tags["candidate"])
    version = client.get_model_version_by_alias("small", "champion")
    assert "AUC" in version.description


def card_of(of, candidate):
    metrics, card = metrics_and(of, "model_card.md")[candidate]
    return card.decode("utf-8"), metrics


def test_a_card_says_what_was_fitted_and_which_gates_it_passed(trained, make_training_data):
    result, _, _ = trained
    page, metrics = card_of(result, "trees_all")
    model, _ = resolve("models:/small@champion")
    names = [model.feature_names[j] for j in model.estimator.used]
    signed = sum(make_training_data().signs[name] != 0 for name in names)
    trees = model.estimator.booster.num_trees()
    assert f"Gradient-boosted trees (LightGBM), {trees} of them. It uses {len(names)} of" in page
    assert f"{signed} of these have a monotone constraint" in page
    assert (
        f"| bads | 20 or more in the calibration slice | {metrics['selection_bads']:.0f} |" in page
    )
    low, high = (metrics[f"selection_calibration_slope_{side}"] for side in ("low", "high"))
    assert f"({low:.2f} to {high:.2f}) |" in page
    assert f"| {metrics['psi_training_to_calibration']:.3f} |" in page
    assert metrics["monotone_violation"] == metrics["weak_segments"] == 0
    other, _ = card_of(result, "scorecard_register")
    assert "Logistic scorecard on bins. It uses " in other


def test_a_gate_that_is_not_asked_is_named_so(tmp_path, monkeypatch, make_training_data):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    stability = QUICK.gates.stability.model_copy(update={"enabled": False})
    gates = QUICK.gates.model_copy(update={"stability": stability})
    config = QUICK.model_copy(update={"candidates": ("scorecard_register",), "gates": gates})
    page, _ = card_of(
        train_on(make_training_data(), config=config, name="small"), "scorecard_register"
    )
    assert "PSI of the PD since training below 0.25 | not required |" in page


def test_a_session_leaves_mlflow_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/one.db")
    with mlflow_session.session():
        pass
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/two.db")
    wanted = f"sqlite:///{tmp_path}/two.db"
    assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri()) == (wanted, wanted)
