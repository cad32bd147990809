"""What goes wrong for a user of `firstloan train`: one clear line, exit 2, nothing registered."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import mlflow
import numpy as np
import polars as pl
import pytest

import firstloan
from models.train import training

pytestmark = pytest.mark.slow

DAYS, ROWS = 547, 900


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A matrix that can be learnt from, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    rng = np.random.default_rng(4)
    income = rng.normal(size=ROWS)
    days = pl.Series(rng.integers(0, DAYS, ROWS))
    pl.DataFrame({"id": range(ROWS), "income": income, "debt": rng.normal(size=ROWS)}).write_csv(
        "x.csv"
    )
    pl.DataFrame(
        {
            "id": range(ROWS),
            "defaulted": rng.random(ROWS) < 1 / (1 + np.exp(2 + income)),
            "date": pl.select(pl.lit("2023-01-01").str.to_date() + pl.duration(days=days)),
        }
    ).write_csv("y.csv")
    (tmp_path / "quick.toml").write_text('candidates = ["scorecard_all"]\n')
    return tmp_path


def change(file, **columns):
    pl.read_csv(file, infer_schema=False).with_columns(**columns).write_csv(file)


def train(monkeypatch, capsys, *more):
    """Run the command; its exit code and the one line that it ends with."""
    command = "firstloan train --features x.csv --labels y.csv --name mine --trials 0 --workers 1"
    monkeypatch.setattr(sys, "argv", [*command.split(), "--config", "quick.toml", *more])
    code = firstloan.main()
    said = capsys.readouterr()
    *progress, last = said.err.splitlines()
    assert said.out == ""
    assert all(line.startswith("training: ") for line in progress), progress
    assert last.startswith("firstloan: ")
    return code, last


def registered(folder):
    store = f"sqlite:///{folder}/m.db"
    return [found.name for found in mlflow.MlflowClient(store, store).search_registered_models()]


LATE = pl.col("date") >= "2024-04-01"  # the last calendar quarter
CASES = {
    "no bads out of time": (
        "y.csv",
        {"defaulted": pl.when(LATE).then(pl.lit("false")).otherwise("defaulted")},
        ("no bads in the out_of_time slice", "Give more applications, or longer slices"),
    ),
    "no goods out of time": (
        "y.csv",
        {"defaulted": pl.when(LATE).then(pl.lit("true")).otherwise("defaulted")},
        ("no goods in the out_of_time slice", "Give more applications, or longer slices"),
    ),
    "one class": (
        "y.csv",
        {"defaulted": pl.lit("0")},
        ("labelled rows are good, and a model needs both", "Check how the labels are coded"),
    ),
    "a column that is all missing": (
        "x.csv",
        {"debt": pl.lit(None, dtype=pl.String)},
        ("debt: empty in all 900 rows", "Fill the column, drop it, or name it under `exclude`"),
    ),
    "one quarter": (
        "y.csv",
        {"date": pl.lit("2024-05-05")},
        ("labels are observed in 1 calendar quarter(s)", "Give a longer period"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_data_that_allow_no_model(folder, monkeypatch, capsys, case):
    file, columns, words = CASES[case]
    change(file, **columns)
    code, line = train(monkeypatch, capsys)
    assert code == 2
    assert all(word in line for word in words), line
    assert registered(folder) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own queries
def test_a_name_that_is_taken(folder, monkeypatch, capsys):
    store = f"sqlite:///{folder}/m.db"
    client = mlflow.MlflowClient(store, store)
    client.create_registered_model("mine")
    (folder / "other").mkdir()
    client.create_model_version("mine", (folder / "other").as_uri())
    capsys.readouterr()  # what MLflow says of its new database
    code, line = train(monkeypatch, capsys)
    assert code == 2
    assert "'mine' is none of ours" in line
    assert "give another name" in line
    assert len(client.search_model_versions("name = 'mine'")) == 1


def test_a_server_that_never_answers(folder, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    code, line = train(monkeypatch, capsys)
    assert code == 2
    assert "MLflow: no answer from http://127.0.0.1:9" in line
    assert "Start the server, or unset MLFLOW_TRACKING_URI" in line


@pytest.fixture
def server(folder):
    """A tracking server on the folder's store; yields its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = f"-m mlflow server --workers 1 --host 127.0.0.1 --port {port}"
    process = subprocess.Popen(
        [sys.executable, *command.split(), "--backend-store-uri", f"sqlite:///{folder}/m.db"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None
            assert time.monotonic() < deadline
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()  # noqa: S310
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.5)
        yield address, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("last_step", ["fit_all", "evaluate"])
def test_a_server_that_goes_away_after_the_work(folder, server, monkeypatch, capsys, last_step):
    address, process = server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    work = getattr(training, last_step)

    def then_down(*args, **kwargs):
        done = work(*args, **kwargs)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return done

    monkeypatch.setattr(training, last_step, then_down)
    code, line = train(monkeypatch, capsys)
    assert code == 2
    assert f"MLflow: no answer from {address}" in line
    assert registered(folder) == []
