"""The registered model answers over HTTP, as a bank would ask it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.settings import read_settings
from models.tracking.registry import resolve
from models.train.training import train_on

pytestmark = pytest.mark.slow

WAIT_SECONDS = 120


@pytest.fixture
def server(tmp_path, monkeypatch, make_training_data):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    settings = read_settings(trials=0, candidates=("trees_all",))
    train_on(make_training_data(), config=settings, name="small")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # argv, no shell: the interpreter of this environment, its scripts on the path
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mlflow",
            "models",
            "serve",
            "--env-manager",
            "local",
            *f"-m models:/small@champion -h 127.0.0.1 -p {port}".split(),
        ],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def ask(url, body=None):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (this machine)
        return answer.read()


def test_feature_rows_come_back_with_score_pd_and_reasons(server, make_training_data):
    url, process = server
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server did not answer"
        try:
            ask(f"{url}/ping")
            break
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
    model, _ = resolve("models:/small@champion")
    rows = make_training_data(rows=20, seed=9).rows.select(
        pl.col(name).cast(pl.Float64).fill_nan(None) for name in model.feature_names
    )
    body = {"dataframe_split": {"columns": rows.columns, "data": [list(r) for r in rows.rows()]}}
    answer = json.loads(ask(f"{url}/invocations", json.dumps(body).encode()))["predictions"]
    pd = model.pd(model.margin(rows))
    np.testing.assert_allclose([row["pd"] for row in answer], pd, rtol=1e-9)
    assert all(300 <= row["score"] <= 850 for row in answer)
    assert any(row["reason_1"] in model.feature_names for row in answer)
