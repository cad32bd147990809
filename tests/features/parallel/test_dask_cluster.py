import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from functools import partial

import polars as pl
import pytest

from features.contract.errors import ContractError, ServiceError
from features.engine.build import build_file
from features.parallel import dask_cluster as on_dask
from features.parallel.executor import connect, each
from synthetic import simulation
from synthetic.config.load import load_config

pytestmark = pytest.mark.slow


def slowly(seconds, unit):
    time.sleep(seconds)
    return unit * unit


def refuses(unit):
    if unit == 3:
        raise ContractError("unit 3: expected a number, got none.")
    return unit


def dies(unit):
    os.kill(os.getpid(), 9)


def process(unit):
    return os.getpid()


def test_results_are_those_of_this_process(dask_workers):
    units = list(range(40))
    here = dict(each(partial(slowly, 0.0), units, workers=1))
    with connect(dask_workers.address) as cluster:
        assert dict(each(partial(slowly, 0.0), units, workers=1, cluster=cluster)) == here
        assert dict(each(partial(slowly, 0.0), [], workers=1, cluster=cluster)) == {}
        pids = {pid for _, pid in each(process, units, workers=1, cluster=cluster)}
    assert os.getpid() not in pids
    assert pids <= {worker.pid for worker in dask_workers.workers}


def test_the_units_of_a_lost_worker_run_elsewhere(dask_workers):
    found = {}
    with connect(dask_workers.address) as cluster:
        for number, result in each(partial(slowly, 0.2), range(12), workers=1, cluster=cluster):
            found[number] = result
            if len(found) == 2:
                dask_workers.kill_worker()
    assert found == {unit: unit * unit for unit in range(12)}


def test_the_workers_are_asked_for_and_not_remembered(dask_workers):
    """Every two seconds Dask's client remembers an answer that lists no worker."""
    with connect(dask_workers.address) as cluster:
        asked = threading.Event()

        async def forget():
            while not asked.is_set():
                await cluster.client._update_scheduler_info()

        task = asyncio.run_coroutine_threadsafe(forget(), cluster.client.loop.asyncio_loop)
        try:
            found = [len(cluster.workers) for _ in range(200)]
        finally:
            asked.set()
            task.result(timeout=on_dask.ANSWER_SECONDS)
    assert found == [2] * 200


def test_a_farewell_that_is_not_answered_spoils_no_finished_run(dask_workers, monkeypatch):
    async def silent(fast):
        await asyncio.sleep(60)

    monkeypatch.setattr(on_dask, "ANSWER_SECONDS", 1)
    with connect(dask_workers.address) as cluster:
        found = dict(each(partial(slowly, 0.0), range(4), workers=1, cluster=cluster))
        close, cluster.client._close = cluster.client._close, silent
    assert found == {unit: unit * unit for unit in range(4)}
    cluster.client.sync(close)


def test_a_worker_that_joins_late_takes_part(dask_workers):
    pids = set()
    with connect(dask_workers.address) as cluster:
        dask_workers.kill_worker()
        for done, (_, pid) in enumerate(each(process, range(60), workers=1, cluster=cluster)):
            if done == 0:
                dask_workers.add_worker()
            pids.add(pid)
            time.sleep(0.05)
    assert dask_workers.workers[2].pid in pids


def test_an_error_of_a_unit_names_the_worker_and_stops(dask_workers):
    with (
        connect(dask_workers.address) as cluster,
        pytest.raises(ContractError, match=r"worker tcp://127\.0\.0\.1:\d+: unit 3: expected"),
    ):
        list(each(refuses, range(50), workers=1, cluster=cluster))


def test_losing_all_workers_ends_in_one_line_and_soon(dask_workers, monkeypatch):
    monkeypatch.setattr(on_dask, "WORKER_SECONDS", 2)
    started = time.monotonic()
    with (
        connect(dask_workers.address) as cluster,
        pytest.raises(ServiceError, match="all workers were lost, and none came back"),
    ):
        for _ in each(partial(slowly, 0.2), range(40), workers=1, cluster=cluster):
            dask_workers.kill_worker(0)
            dask_workers.kill_worker(1)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "scheduler", [{"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}], indirect=True
)
def test_a_unit_that_kills_its_worker_again_and_again_is_given_up(scheduler):
    scheduler.add_worker()
    with (
        connect(scheduler.address) as cluster,
        pytest.raises(ServiceError, match=r"one unit of work brought down several workers"),
    ):
        list(each(dies, [1], workers=1, cluster=cluster))


def test_a_lost_scheduler_ends_in_one_line(dask_workers):
    with (
        connect(dask_workers.address) as cluster,
        pytest.raises(ServiceError, match="connection to the scheduler was lost"),
    ):
        for _ in each(partial(slowly, 0.1), range(40), workers=1, cluster=cluster):
            dask_workers.scheduler.kill()
            dask_workers.scheduler.wait()


def test_a_scheduler_without_workers_is_said(scheduler, monkeypatch):
    monkeypatch.setattr(on_dask, "WORKER_SECONDS", 1)
    with pytest.raises(ServiceError, match="no worker joined"), connect(scheduler.address):
        pass


def test_a_worker_with_other_versions_is_named(dask_workers, monkeypatch):
    real = on_dask.metadata.version
    monkeypatch.setattr(
        on_dask.metadata, "version", lambda name: "0.1" if name == "polars" else real(name)
    )
    on_dask.versions.cache_clear()
    try:
        with pytest.raises(ServiceError, match=r"expected polars 0\.1 as here, got \d"):
            with connect(dask_workers.address):
                pass
    finally:
        on_dask.versions.cache_clear()


def test_a_worker_without_the_package_is_said(scheduler, tmp_path):
    bare = tmp_path / "features"
    bare.mkdir()
    (bare / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'features'\", name='features')"
    )
    scheduler.add_worker(cwd=tmp_path, PYTHONPATH=str(tmp_path))
    with pytest.raises(ServiceError, match=r"cannot run firstloan .*No module named 'features'"):
        with connect(scheduler.address):
            pass


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:9", "nothing answers as a Dask scheduler at tcp://127.0.0.1:9"),
        ("teepee://127.0.0.1:9", "expected an address such as tcp://10.0.0.1:8786"),
        ("tls://127.0.0.1:9", "TLS is not set up in Dask's settings"),
        ("ucx://127.0.0.1:9", "this Dask cannot speak ucx"),
        ("tcp://127.0.0.1", "missing port number"),
    ],
)
def test_an_address_that_is_none_ends_with_one_line_and_exit_2(address, said, tmp_path):
    started = time.monotonic()
    run = firstloan("simulate", "--out", tmp_path / "w", "--firms", 10, "--scheduler", address)
    seconds = time.monotonic() - started
    assert run.returncode == 2
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert seconds < 20
    assert not list(tmp_path.iterdir())


def test_a_port_where_something_else_listens_is_told(monkeypatch):
    monkeypatch.setattr(on_dask, "ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ServiceError, match="nothing answers as a Dask scheduler"):
            with connect(address):
                pass


def test_without_dask_the_line_says_what_to_install(tmp_path):
    (tmp_path / "distributed").mkdir()
    (tmp_path / "distributed" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'distributed'\", name='distributed')"
    )
    run = firstloan(
        *(
            "features",
            "--data",
            tmp_path,
            "--out",
            tmp_path / "f.parquet",
            "--scheduler",
            "tcp://127.0.0.1:9",
        ),
        PYTHONPATH=str(tmp_path),
    )
    assert run.returncode == 2
    assert "pip install 'firstloan[cluster]'" in run.stderr
    assert len(run.stderr.splitlines()) == 1, run.stderr


def firstloan(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "firstloan", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def test_simulate_and_features_on_a_cluster_that_loses_a_worker_give_the_bytes_of_one_machine(
    dask_workers, tmp_path, monkeypatch, contents
):
    monkeypatch.setattr(simulation, "BUCKET_FIRMS", 60)  # more buckets than firms need
    settings = {"firms": 500, "seed": 5, "config": load_config()}
    simulation.simulate_world(out=tmp_path / "here", **settings)
    build_file(tmp_path / "here", tmp_path / "here.parquet")
    with connect(dask_workers.address) as cluster:
        simulation.simulate_world(
            out=tmp_path / "there",
            **settings,
            cluster=cluster,
            progress=lambda done, _: dask_workers.kill_worker(0) if done == 1 else None,
        )
        assert contents(tmp_path / "there") == contents(tmp_path / "here")
        dask_workers.add_worker()
        frame = build_file(
            tmp_path / "there",
            tmp_path / "there.parquet",
            cluster=cluster,
            progress=lambda done, _: dask_workers.kill_worker(1) if done < 100 else None,
        )
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()
    assert frame.equals(pl.read_parquet(tmp_path / "here.parquet"))
    assert dask_workers.workers[0].returncode == dask_workers.workers[1].returncode == -9


def test_a_worker_that_does_not_see_the_folder_is_said(tmp_path):
    with pytest.raises(ContractError, match="storage that all machines share"):
        simulation._bucket(None, tmp_path / "absent", (0, 10))
