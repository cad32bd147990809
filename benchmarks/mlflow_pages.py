"""Pictures of MLflow's pages as a user sees them: `python benchmarks/mlflow_pages.py OUT`.

Serves the store of the working folder (mlflow.db) and needs a chromium on the path.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import mlflow

NAME = "first-time-borrower"
STORE = "sqlite:///mlflow.db"
WAIT_SECONDS = 300


def main() -> None:
    out = Path(sys.argv[1])
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("mlflow_pages: no chromium on the path; nothing was drawn.")
    out.mkdir(parents=True, exist_ok=True)
    client = mlflow.MlflowClient(STORE, STORE)
    experiment = client.get_experiment_by_name(NAME).experiment_id
    runs = client.search_runs([experiment], "tags.candidate LIKE '%'", max_results=4)
    ids = urllib.parse.quote(json.dumps([run.info.run_id for run in runs]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = f"http://127.0.0.1:{port}"
    experiments = urllib.parse.quote(json.dumps([experiment]))
    pages = {
        "runs": f"#/experiments/{experiment}/runs",
        "compare": f"#/compare-runs?runs={ids}&experiments={experiments}",
        "run": f"#/experiments/{experiment}/runs/{runs[0].info.run_id}",
        "model": f"#/models/{NAME}",
    }
    serve = f"-m mlflow ui --backend-store-uri {STORE} --port {port} --workers 1"
    server = subprocess.Popen(
        [sys.executable, *serve.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait(home)
        for name, place in pages.items():
            options = f"--headless --no-sandbox --hide-scrollbars --window-size=1500,1300 \
--virtual-time-budget=30000 --screenshot={out / name}.png"
            subprocess.run(
                [browser, *options.split(), f"{home}/{place}"],
                check=True,
                timeout=WAIT_SECONDS,
                stderr=subprocess.DEVNULL,
            )
            print(f"{out / name}.png")
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait(home: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{home}/health", timeout=5)  # noqa: S310 (this machine)
        except OSError:
            time.sleep(0.5)
        else:
            return
    sys.exit("mlflow_pages: the server did not answer.")


if __name__ == "__main__":
    main()
