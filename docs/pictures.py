"""Picture the pages of the running product for the README: `python docs/pictures.py demo`.

Takes the folder that `make demo` fills and writes PNGs into `docs/pictures/`. Needs Chromium.
"""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import mlflow
import polars as pl
from PIL import Image

from models.registry import NAME
from scoring.explain import explain_file

OUT = Path(__file__).parent / "pictures"
WINDOW = "1280,900"
COLOURS = 96
"""Enough for flat pages; keeps a picture below 200 kB."""

MILLISECONDS = 30_000
"""What a page may take to load and draw itself."""


def picture(address: str, path: Path) -> None:
    """Open an address in a browser without a memory and save what its window shows."""
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        subprocess.run(  # noqa: S603 - argv, no shell
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--window-size={WINDOW}",
                f"--virtual-time-budget={MILLISECONDS}",
                f"--screenshot={path}",
                address,
            ],
            check=True,
            capture_output=True,
        )
    packed = BytesIO()
    Image.open(path).convert("RGB").quantize(COLOURS).save(packed, "PNG", optimize=True)
    path.write_bytes(packed.getvalue())
    print(f"{path.stat().st_size:>8,} bytes  {path}")


@contextlib.contextmanager
def mlflow_ui(store: str) -> Iterator[str]:
    """Run `mlflow ui` on a store; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--port", str(port)]
    server = subprocess.Popen(  # noqa: S603 - argv, no shell
        [*command, "--backend-store-uri", store],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        while server.poll() is None:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{address}/health", timeout=5).close()  # noqa: S310
                break
            time.sleep(1)
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)


def candidates(store: str) -> str:
    """Fragment of the page that compares the candidates of the newest training."""
    mlflow.set_tracking_uri(store)
    runs = mlflow.search_runs(experiment_names=[NAME], order_by=["start_time DESC"])
    parent = runs["tags.mlflow.parentRunId"].dropna().iloc[0]
    runs = runs[runs["tags.mlflow.parentRunId"] == parent]
    ids, experiment = runs["run_id"].tolist(), [runs["experiment_id"].iloc[0]]
    return f"runs={quote(json.dumps(ids))}&experiments={quote(json.dumps(experiment))}"


def main(demo: Path) -> None:
    """Picture the batch page, the page of the first applicant referred, and MLflow's comparison."""
    OUT.mkdir(exist_ok=True)
    store = f"sqlite:///{demo.parent / 'mlflow.db'}"
    mlflow.set_tracking_uri(store)
    scored = pl.read_csv(demo / "scored.csv", infer_schema=False)
    referred = scored.filter(pl.col("decision") == "refer", pl.col("status") == "scored")
    with TemporaryDirectory() as folder:
        page = Path(folder) / "applicant.html"
        explain_file(
            applicants=demo / "new" / "applications.csv",
            signals=demo / "new",
            application=referred["application_id"][0],
            out=page,
        )
        picture((demo / "scored.html").as_uri(), OUT / "report.png")
        picture(page.as_uri(), OUT / "applicant.png")
    with mlflow_ui(store) as address:
        picture(f"{address}/#/compare-runs?{candidates(store)}", OUT / "compare.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
