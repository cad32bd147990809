"""Training, registry and scoring against real tracking servers."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pytest

from models.settings import read_settings
from models.tracking.registry import resolve
from models.train.training import train_on

pytestmark = pytest.mark.slow

QUICK = read_settings(trials=0, candidates=("scorecard_register", "scorecard_all"))
PATIENCE = 90.0


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(url, process):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
        except urllib.error.HTTPError:
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
        else:
            return
    raise RuntimeError(f"no answer from {url}")


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start `mlflow server` on a store and a place for artefacts, and track there."""
    started = []

    def on(store, artifacts):
        port = free_port()
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1",
                 "--port", str(port), "--backend-store-uri", store,
                 "--artifacts-destination", artifacts],
                cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            )
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/health", started[-1])
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        return address

    yield on
    for process in started:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def trains_and_is_loaded(address, training_data):
    first = train_on(training_data, config=QUICK, name="small")
    assert (first.version, first.alias) == ("1", "champion")
    model, label = resolve("models:/small@champion")
    assert label == first.label
    rows = training_data.rows.head(50)
    assert model.pd(model.margin(rows)).std() > 0
    client = mlflow.MlflowClient(address, address)
    version = client.get_model_version("small", "1")
    run = client.get_run(version.run_id)
    assert 0 < len(run.data.metrics) <= 20
    parent = client.get_run(first.run_id)
    assert parent.data.metrics == {}
    assert int(parent.data.params["count_rows"]) == first.counts["rows"]
    for words in ("| candidate |", "[model card](#/experiments/", "(paired)"):
        assert words in parent.data.tags["mlflow.note.content"]
    held = {item.path for item in client.list_artifacts(version.run_id, "validation")}
    assert "validation/figures.csv" in held


def test_a_server_on_sqlite(serve, tmp_path, make_training_data):
    address = serve(f"sqlite:///{tmp_path}/m.db", str(tmp_path / "artifacts"))
    trains_and_is_loaded(address, make_training_data())


def test_a_server_on_postgresql_with_artefacts_on_s3(serve, postgres, s3, make_training_data):
    address = serve(postgres, f"{s3}/artifacts")
    trains_and_is_loaded(address, make_training_data())


def test_two_first_trainings_in_one_new_store(tmp_path, training_folder):
    code = (
        "import sys; from pathlib import Path\n"
        "from models.settings import read_settings\n"
        "from models.train.training import train_matrix\n"
        "config = read_settings(trials=0, candidates=('scorecard_all',))\n"
        "r = train_matrix(features=Path(sys.argv[1]) / 'f.csv', labels=Path(sys.argv[1]) / 'y.csv',"
        " name='own', config=config)\n"
        "print(r.version, r.alias)\n"
    )
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/m.db"}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(training_folder)], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert {out.split()[0] for out, _ in said} == {"1", "2"}


@pytest.fixture
def training_folder(tmp_path):
    import numpy as np  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 3))
    bad = (rng.random(600) < 1 / (1 + np.exp(1.5 - x[:, 0]))).astype(int)
    ids = {"id": [f"i{k}" for k in range(600)]}
    columns = {f"x{j}": x[:, j] for j in range(3)}
    pl.DataFrame({**ids, **columns}).write_csv(tmp_path / "f.csv")
    pl.DataFrame({**ids, "defaulted": bad}).write_csv(tmp_path / "y.csv")
    return tmp_path


def test_a_killed_training_is_marked_by_the_next(tmp_path, monkeypatch, make_training_data):
    from models.tracking import mlflow_session  # noqa: PLC0415

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with mlflow_session.session() as flow:
        client = flow.MlflowClient()
        experiment = mlflow_session.open_experiment(flow, "small")
        host = socket.gethostname()
        tags = {
            "killed": f"{host}:{dead.pid}", "alive": f"{host}:{os.getpid()}", "elsewhere": "x:1",
        }  # fmt: skip
        runs = {
            name: client.create_run(experiment, tags={mlflow_session.PROCESS_TAG: tag})
            for name, tag in tags.items()
        }
    train_on(make_training_data(), config=QUICK, name="small")
    with mlflow_session.session() as flow:
        client = flow.MlflowClient()
        states = {name: client.get_run(run.info.run_id).info.status for name, run in runs.items()}
    assert states == {"killed": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}


def test_a_training_that_fails_leaves_no_run(tmp_path, monkeypatch, make_training_data):
    from models.tracking import log_runs, mlflow_session  # noqa: PLC0415

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")

    def broken(*_, **__):
        raise RuntimeError("no card")

    monkeypatch.setattr(log_runs, "card", broken)
    with pytest.raises(RuntimeError, match="no card"):
        train_on(make_training_data(), config=QUICK, name="small")
    with mlflow_session.session() as flow:
        experiment = flow.MlflowClient().get_experiment_by_name("small")
        assert flow.MlflowClient().search_runs([experiment.experiment_id]) == []


def test_artefacts_that_were_moved_are_said(tmp_path, monkeypatch, make_training_data):
    from features.contract.errors import ContractError  # noqa: PLC0415

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    train_on(make_training_data(), config=QUICK, name="small")
    (tmp_path / "mlartifacts").rename(tmp_path / "elsewhere")
    with pytest.raises(ContractError, match=r"not where they were written|not found") as caught:
        resolve("models:/small@champion")
    assert str(tmp_path / "mlartifacts") in str(caught.value)
