"""Servers, each a process of its own on loopback: Dask, S3, PostgreSQL."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

PATIENCE = 180
SERVERS = {"scheduler", "dask_workers", "s3", "s3_server", "chromium", "trained_clone", "postgres"}
"""Fixtures that take seconds to start: what needs one is slow."""


def pytest_collection_modifyitems(items):
    for item in items:
        if SERVERS & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


def wait_for(ready, process, log):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"ended with {process.returncode}: {log.read_text('utf-8')[-2_000:]}")
        if found := ready():
            return found
        time.sleep(0.1)
    pytest.fail(f"not ready in {PATIENCE} s: {log.read_text('utf-8')[-2_000:]}")


def start(arguments, log, cwd=None, **environment):
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            cwd=cwd,
        )


def end(process):
    process.kill()
    process.wait()


class DaskCluster:
    """A scheduler and the workers that were started for it."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.workers = []
        card = folder / "scheduler.json"
        log = folder / "scheduler.log"
        self.scheduler = start(
            [
                *("-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0"),
                *("--no-dashboard", "--scheduler-file", str(card)),
            ],
            log,
            **environment,
        )
        self.address = wait_for(lambda: self._address(card), self.scheduler, log)

    def _address(self, card):
        try:
            return json.loads(card.read_text("utf-8"))["address"]
        except (OSError, ValueError):
            return None

    def add_worker(self, **environment):
        name = f"worker{len(self.workers)}"
        log = self.folder / f"{name}.log"
        worker = start(
            [
                *("-m", "dask", "worker", self.address, "--host", "127.0.0.1"),
                *("--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name),
                *("--local-directory", str(self.folder)),
            ],
            log,
            **environment,
        )
        self.workers.append(worker)
        wait_for(lambda: "Registered to" in log.read_text("utf-8"), worker, log)
        return worker

    def kill_worker(self, number=0):
        """Kill a worker as the kernel does when memory runs out."""
        self.workers[number].send_signal(signal.SIGKILL)
        self.workers[number].wait()

    def end(self):
        for process in (*self.workers, self.scheduler):
            end(process)


@pytest.fixture
def scheduler(request, tmp_path_factory):
    """A scheduler without workers; its environment may be given as a parameter."""
    found = DaskCluster(tmp_path_factory.mktemp("dask"), **getattr(request, "param", {}))
    yield found
    found.end()


@pytest.fixture
def dask_workers(scheduler):
    """A scheduler with two workers."""
    scheduler.add_worker()
    scheduler.add_worker()
    return scheduler


@pytest.fixture
def s3_server(request, tmp_path_factory, monkeypatch):
    """A local S3 server, and the variables that lead there; its own may be given as a parameter."""
    log = tmp_path_factory.mktemp("s3") / "log"
    arguments = ["-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    server = start(arguments, log, **getattr(request, "param", {}))

    def url():
        text = log.read_text("utf-8")
        return text.split("Running on ")[1].split()[0] if "Running on " in text else None

    request.addfinalizer(lambda: end(server))  # noqa: PT021 (it may fail before a yield)
    endpoint = wait_for(url, server, log)
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "anyone",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    from s3fs import S3FileSystem  # noqa: PLC0415 (few tests need it)

    S3FileSystem.clear_instance_cache()  # one of an earlier test would go to that test's server
    return server


@pytest.fixture
def s3(s3_server):
    """URL of a bucket on that server."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    make = urllib.request.Request(f"{endpoint}/province", method="PUT")  # noqa: S310
    urllib.request.urlopen(make, timeout=PATIENCE).close()  # noqa: S310 (this machine)
    return "s3://province"


@pytest.fixture
def postgres():
    """URL of a PostgreSQL server with one empty database."""
    binaries = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    if not binaries:
        pytest.skip("PostgreSQL is not installed here (Debian: apt install postgresql)")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    # it refuses to be root, and another user needs a folder of its own
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    home = Path(tempfile.gettempdir()) / f"firstloan-postgres-{port}"
    make = [*as_user, f"{binaries[-1]}/initdb", "-D", str(home), "-A", "trust", "-U", "postgres"]
    subprocess.run(make, check=True, capture_output=True)
    control = [*as_user, f"{binaries[-1]}/pg_ctl", "-D", str(home)]
    address = f"-p {port} -k {home} -h 127.0.0.1"
    # -w: the port is open before the database takes connections
    begin = ["-w", "-t", str(PATIENCE), "-l", str(home / "log"), "-o", address, "start"]
    subprocess.run([*control, *begin], check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        # at once: clients may still be connected
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def contents():
    """Bytes of every file below a folder, by path in it."""

    def read(folder: Path):
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"), key=str)
            if path.is_file()
        }

    return read
