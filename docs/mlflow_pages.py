"""Open the pages of `mlflow ui` in a real browser, check what they show and picture them.

Usage: docs/mlflow_pages.py --store sqlite:///mlflow.db --out DIR [--width 1440] [--height 900]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from docs.browser import browser
from models.tracking.log_runs import COLUMNS
from models.tracking.mlflow_session import TRAINING_VIEW, artifact_page, comparison_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import FloatRect, Page

NAME = "first-time-borrower"
TRAINING = f"?{TRAINING_VIEW}"
CHARTS = ("oot_auc", "oot_first_time_auc", "selection_log_loss")
MARGIN = 32
"""Pixels beside what the page shows."""

PATIENCE = 90.0
"""Seconds for a page or the server."""

DRAWN = 1.5
"""Seconds for what slides in or is drawn after the words."""


@contextlib.contextmanager
def server(store: str) -> Iterator[str]:
    """`mlflow ui` on a store; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = f"-m mlflow ui --workers 1 --host 127.0.0.1 --port {port} --backend-store-uri {store}"
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, *command.split()],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"`mlflow ui` does not answer on {store}")
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{address}/health", timeout=5).close()  # noqa: S310
                break
            time.sleep(0.5)
        yield address
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server with the workers that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Training:
    """The training that a registered champion came from, and where the UI shows it.

    Parameters
    ----------
    store : str
        Tracking store and registry.
    name : str
        Registered model.
    """

    def __init__(self, store: str, name: str = NAME) -> None:
        from mlflow import MlflowClient  # noqa: PLC0415 (seconds)

        client = MlflowClient(store, store)
        self.name = name
        self.version = client.get_model_version_by_alias(name, "champion")
        self.home = client.get_run(self.version.run_id)
        self.experiment = self.home.info.experiment_id
        self.parent = self.home.data.tags["mlflow.parentRunId"]
        under = f"tags.mlflow.parentRunId = '{self.parent}'"
        self.runs = client.search_runs([self.experiment], under)

    def pages(self, address: str) -> dict[str, tuple[str, list[str]]]:
        """Name of each page to open: its address, and words that it must say."""
        names = [str(run.info.run_name) for run in self.runs]
        metrics = [str(round(run.data.metrics["oot_auc"], 3)) for run in self.runs]
        compared = comparison_page(self.experiment, [run.info.run_id for run in self.runs])
        held = partial(artifact_page, self.experiment, str(self.version.run_id))
        experiment = f"{address}/#/experiments/{self.experiment}/runs"
        run = f"{experiment}/{self.version.run_id}"
        model = f"{address}/#/models/{self.name}"
        number = self.version.version
        return {
            "experiment": (experiment + TRAINING, names),
            "compare": (
                f"{address}/{compared}",
                [*names, "oot_auc", *metrics],
            ),
            "model": (model + TRAINING, ["champion", f"Version {number}"]),
            "version": (
                f"{model}/versions/{number}{TRAINING}",
                ["champion", str(self.home.info.run_name), "AUC"],
            ),
            "run": (run + TRAINING, ["oot_auc", "calibration_slope"]),
            "card": (f"{address}/{held('model_card.md')}", ["Where it is weak"]),
            "figure": (f"{address}/{held('figures/roc_and_gains.png')}", ["roc_and_gains.png"]),
        }

    def choices(self) -> dict[str, Any]:
        """What a person would choose: no assistant, the training unfolded, telling columns."""
        page = f'MLflowLocalStorage-1.1-ExperimentPage-["{self.experiment}"]-ReactComponentState'
        return {
            "mlflow.assistant.panelOpen_v1": False,
            "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
            page: {
                "selectedColumns": [*(f"metrics.`{c}`" for c in COLUMNS), "attributes.`Models`"],
                "runsExpanded": {self.parent: True},
            },
        }


@contextlib.contextmanager
def tab(
    address: str, choices: dict[str, Any], *, width: int, height: int, sharpness: float = 1
) -> Iterator[Page]:
    """A tab whose user has made these choices before; a pixel of the page is so many squared."""
    remembered = [{"name": key, "value": json.dumps(value)} for key, value in choices.items()]
    with browser() as opened:
        yield opened.new_page(
            viewport={"width": width, "height": height},
            device_scale_factor=sharpness,
            storage_state={"origins": [{"origin": address, "localStorage": remembered}]},
        )


def show(page: Page, url: str, expected: Sequence[str]) -> None:
    """Open a page and wait until it says all that is expected."""
    page.goto("about:blank")  # only another fragment would load nothing
    page.goto(url)
    for words in expected:
        said = expect(page.locator("body"))
        said.to_contain_text(words, use_inner_text=True, timeout=PATIENCE * 1000)
    time.sleep(DRAWN)


def compare_in_charts(page: Page, address: str, training: Training) -> FloatRect:
    """Open the candidates beside a chart for each of `CHARTS`; gives the part that shows both.

    Raises
    ------
    RuntimeError
        Where the UI has no such part.
    """
    url, expected = training.pages(address)["experiment"]
    show(page, f"{url}&compareRunsMode=CHART", expected)
    page.get_by_placeholder("Search metric charts").fill(f"^({'|'.join(CHARTS)})$")
    expect(page.locator(".js-plotly-plot")).to_have_count(len(CHARTS), timeout=PATIENCE * 1000)
    time.sleep(DRAWN)
    runs, axis = (
        page.locator(part).first.bounding_box() for part in (".ag-root", ".xaxislayer-above")
    )
    if runs is None or axis is None:
        raise RuntimeError("the chart view of MLflow's experiment page has changed")
    return {
        "x": runs["x"],
        "y": runs["y"],
        "width": page.evaluate("innerWidth") - MARGIN - runs["x"],
        "height": axis["y"] + axis["height"] + MARGIN / 2 - runs["y"],
    }


def picture_all(store: str, out: Path, *, width: int, height: int, name: str = NAME) -> list[Path]:
    """Open every page, check its words and write its picture into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    training = Training(store, name)
    written = []
    with (
        server(store) as address,
        tab(address, training.choices(), width=width, height=height) as page,
    ):
        for which, (url, expected) in training.pages(address).items():
            show(page, url, expected)
            if which == "compare":
                page.locator(".js-plotly-plot").first.wait_for(timeout=PATIENCE * 1000)
            written.append(out / f"mlflow-{which}.png")
            page.screenshot(path=written[-1])
            if which == "compare":
                # the heading: names and values scroll apart when a cell is scrolled to
                page.get_by_text("Metrics", exact=True).last.evaluate("one => one.scrollIntoView()")
                time.sleep(DRAWN)
                written.append(out / "mlflow-compare-metrics.png")
                page.screenshot(path=written[-1])
    return written


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--store", default="sqlite:///mlflow.db")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=900)
    given = parser.parse_args()
    for path in picture_all(given.store, given.out, width=given.width, height=given.height):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
