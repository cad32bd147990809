"""Open the pages of `mlflow ui` in a real browser, check what they show and picture them.

Usage: docs/mlflow_pages.py --store sqlite:///mlflow.db --out DIR [--width 1440] [--height 900]
Needs Chromium (Debian: apt-get install chromium).
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "first-time-borrower"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TRAINING = "?workflowType=machine_learning"  # the UI thinks of language models first
COLUMNS = ("selection_log_loss", "oot_auc", "oot_first_time_auc", "calibration_slope", "oot_ece")
AS_3_AND_4 = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, wanted in zip(ends, (3, 4)):
    os.dup2(end, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, which wants the pipes as descriptors 3 and 4."""

PATIENCE = 90.0  # seconds for a page or the server


def browser() -> str | None:
    """The first browser there is."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Tab:
    """One tab, spoken to by Chromium's DevTools protocol over a pair of pipes."""

    def __init__(self, commands: BinaryIO, answers: BinaryIO) -> None:
        self._commands, self._answers = commands, answers
        self._rest, self._sent, self._session = b"", 0, ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def open(self, url: str, expected: Sequence[str]) -> str:
        """Open a page and wait until it says all that is expected; returns its text."""
        self._ask("Page.navigate", url="about:blank")  # only another fragment would load nothing
        self._ask("Page.navigate", url=url)
        return self.wait(expected)

    def wait(self, expected: Sequence[str]) -> str:
        """Wait until the page says all that is expected; returns its text."""
        deadline = time.monotonic() + PATIENCE
        while True:
            text = str(self.run("document.body ? document.body.innerText : ''"))
            absent = [word for word in expected if word not in text]
            if not absent:
                time.sleep(1.5)  # what slides in or is drawn after the words
                return text
            if time.monotonic() > deadline:
                raise TimeoutError(f"the page never said {absent}; it says:\n{text}")
            time.sleep(0.3)

    def run(self, script: str) -> Any:  # noqa: ANN401
        """Value of an expression in the page."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """What the window shows, as PNG."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self._sent:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])

    def _next(self) -> bytes:
        while b"\0" not in self._rest:
            part = self._answers.read(65_536)
            if not part:
                raise RuntimeError("the browser went away")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return message


@contextlib.contextmanager
def tab(width: int, height: int) -> Iterator[Tab]:
    """A browser with one empty tab and no memory of an earlier one."""
    program = browser()
    if program is None:
        raise FileNotFoundError(f"no browser found, looked for {', '.join(BROWSERS)}")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(  # noqa: S603
            [
                sys.executable,
                "-c",
                AS_3_AND_4,
                str(theirs_in),
                str(theirs_out),
                program,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--no-first-run",
                "--remote-debugging-pipe",
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
            ],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            with os.fdopen(ours_out, "wb", 0) as commands, os.fdopen(ours_in, "rb", 0) as answers:
                yield Tab(commands, answers)
        finally:
            _stop(process)


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
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _champion(client: Any, name: str) -> tuple[Any, Any, str, str]:  # noqa: ANN401
    """The champion's version, its run, the experiment and the parent run."""
    version = client.get_model_version_by_alias(name, "champion")
    run = client.get_run(version.run_id)
    return version, run, run.info.experiment_id, run.data.tags["mlflow.parentRunId"]


def pages(address: str, client: Any, name: str) -> list[tuple[str, str, list[str]]]:  # noqa: ANN401
    """What to open: file name, address, and words that the page must say."""
    champion, home, experiment, parent = _champion(client, name)
    runs = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    names = [str(run.info.run_name) for run in runs]
    metrics = [str(round(run.data.metrics["oot_auc"], 3)) for run in runs]
    within = quote(json.dumps([experiment]))
    chosen = quote(json.dumps([run.info.run_id for run in runs]))
    run = f"{address}/#/experiments/{experiment}/runs/{champion.run_id}"
    return [
        ("experiment", f"{address}/#/experiments/{experiment}/runs{TRAINING}", names),
        (
            "compare",
            f"{address}/#/compare-runs?runs={chosen}&experiments={within}",
            [*names, "oot_auc", *metrics],
        ),
        (
            "model",
            f"{address}/#/models/{name}{TRAINING}",
            ["champion", f"Version {champion.version}"],
        ),
        (
            "version",
            f"{address}/#/models/{name}/versions/{champion.version}{TRAINING}",
            ["champion", str(home.info.run_name), "AUC"],
        ),
        ("run", run + TRAINING, ["oot_auc", "calibration_slope"]),
        ("card", f"{run}/artifacts/model_card.md{TRAINING}", ["Where it is weak"]),
        ("figure", f"{run}/artifacts/figures/roc_and_gains.png{TRAINING}", ["roc_and_gains.png"]),
    ]


def _choices(experiment: str, parent: str) -> dict[str, Any]:
    """What a person would choose: no assistant, the training unfolded, columns worth a look."""
    columns = [f"metrics.`{metric}`" for metric in COLUMNS]
    return {
        "mlflow.assistant.panelOpen_v1": False,
        "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
        f'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState': {
            "selectedColumns": [*columns, "attributes.`Models`"],
            "runsExpanded": {parent: True},
        },
    }


def picture_all(store: str, out: Path, *, width: int, height: int, name: str = NAME) -> list[Path]:
    """Open every page, check its words and write its picture into `out`."""
    from mlflow import MlflowClient  # noqa: PLC0415 (seconds)

    client = MlflowClient(store, store)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    with server(store) as address, tab(width, height) as one:
        one.open(address, ["Experiments"])
        for key, value in _choices(*_champion(client, name)[2:]).items():
            one.run(f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(value))})")
        for page, url, expected in pages(address, client, name):
            one.open(url, expected)
            one.picture(out / f"mlflow-{page}.png")
            written.append(out / f"mlflow-{page}.png")
            if page == "compare":
                # the heading: names and values scroll apart when a cell is scrolled to
                one.run(
                    "[...document.querySelectorAll('h1, h2, h3, h4, span, div')].findLast(one => "
                    "one.textContent.trim() === 'Metrics').scrollIntoView()"
                )
                time.sleep(1.5)
                written.append(out / "mlflow-compare-metrics.png")
                one.picture(written[-1])
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
