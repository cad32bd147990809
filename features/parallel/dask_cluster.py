"""Units of work on a Dask cluster (the optional extra `cluster`).

Dask schedules, moves results, and gives the units of a worker that is lost to the others. What is
added here: the check that every worker runs the same code as this process, one unit at a time in
each worker process, and errors of one line.
"""

from __future__ import annotations

import hashlib
import logging
import platform
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, Queue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from distributed import Client, KilledWorker, Security, WorkerPlugin, get_worker, wait
from distributed.comm import CommClosedError, parse_address, parse_host_port
from distributed.comm.registry import get_backend

# A worker loads its engines with this module, when it is first asked for its versions. Loaded amid
# a fit by LightGBM they hold the interpreter for seconds, and the worker is taken for lost.
import features.contract.tables  # noqa: F401
from features.contract.errors import ContractError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Unit = TypeVar("Unit")
    Result = TypeVar("Result")

ANSWER_SECONDS = 10
"""Until a scheduler must have answered."""

WORKER_SECONDS = 20
"""How long to wait for a worker where there is none, at the start or after all were lost."""

_AHEAD = 3
"""Units handed out for each thread of the cluster, so that none waits and little is in flight."""

_ROOMS = ("synthetic", "features", "models", "scoring")
_PACKAGES = ("distributed", "numpy", "polars", "pyarrow", "lightgbm", "numba")

_unit_lock = Lock()
"""A worker process may have several threads; a unit already keeps the processors busy."""


class Cluster:
    """A connection to a Dask scheduler whose workers run the same code as this process.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 (Dask ships no types)
        self.client = client

    @property
    def workers(self) -> dict[str, int]:
        """Threads of each worker, by address."""
        with _lost():
            # not by scheduler_info(): Dask's own clock overwrites, every two seconds, what it
            # returns by an answer that lists no worker
            try:
                known = self.client.sync(self.client.scheduler.identity, n_workers=-1)
            except OSError as error:
                raise CommClosedError(str(error)) from error
        by_address = known["workers"]
        return {address: int(worker["nthreads"]) for address, worker in by_address.items()}

    def each(
        self, job: Callable[[Unit], Result], units: Sequence[Unit]
    ) -> Iterator[tuple[int, Result]]:
        """Run a job on every unit; see `features.parallel.executor.each`.

        The units of a worker that is lost run again elsewhere, so what a job writes must be
        whole or absent, and the same each time.

        Raises
        ------
        ContractError
            From any unit; if the scheduler or all workers are lost; or if one unit brought down
            several workers.
        """
        name = f"firstloan-{uuid4().hex}"
        with _lost():
            self.client.register_plugin(_Job(job, versions()), name=name)
            ahead = _AHEAD * max(sum(self.workers.values()), 1)
        numbers: dict[Any, int] = {}
        left = iter(enumerate(units))
        try:
            while True:
                for number, unit in left:
                    key = f"{name}-{number}"
                    with _lost():
                        future = self.client.submit(_run, name, unit, key=key, pure=False)
                    numbers[future] = number
                    if len(numbers) >= ahead:
                        break
                if not numbers:
                    return
                for future, result in self._finished(list(numbers)):
                    yield numbers.pop(future), result
                    future.release()
        finally:
            self._forget(name, list(numbers))

    def _finished(self, futures: list[Any]) -> Iterator[tuple[Any, Any]]:
        """Futures that are done, with their results; perhaps none, after a while."""
        try:
            with _lost(), self.client.as_current():
                done = wait(futures, WORKER_SECONDS, "FIRST_COMPLETED").done
        except TimeoutError:
            self._still_working()
            return
        for future in done:
            try:
                result = _result(future)
            except TimeoutError:
                if future.status == "error":
                    raise  # the job's own
                self._still_working()  # its worker was lost with the result: it runs once more
                continue
            yield future, result

    def _still_working(self) -> None:
        if not self.workers:
            raise ServiceError(
                "--scheduler: all workers were lost, and none came back within "
                f"{WORKER_SECONDS} seconds, most likely for want of memory. Look into their logs, "
                "start them again, and run the same command again."
            )

    def _forget(self, name: str, futures: list[Any]) -> None:
        try:
            if futures:
                self.client.cancel(futures, force=True)
            self.client.unregister_worker_plugin(name)
        except Exception:  # what ended the run is said, not that tidying up failed as well
            logging.getLogger(__name__).debug("could not tidy up", exc_info=True)


class _Job(WorkerPlugin):  # type: ignore[misc] # Dask ships no types
    """Worker plugin that sends a job to every worker, also to those that join later."""

    def __init__(self, job: Callable[[Any], Any], versions: dict[str, str]) -> None:
        self.job = job
        self.versions = versions


def _run(name: str, unit: object) -> Any:  # noqa: ANN401 (whatever the job returns)
    worker = get_worker()
    held = worker.plugins[name]
    _compare(worker.address, versions(), held.versions)
    with _unit_lock:
        try:
            return held.job(unit)
        except ContractError as error:
            raise ContractError(f"worker {worker.address}: {error}") from error


def _result(future: Any) -> Any:  # noqa: ANN401 (Dask ships no types)
    with _lost():
        try:
            return future.result(timeout=WORKER_SECONDS)
        except KilledWorker as error:
            raise ServiceError(
                "--scheduler: one unit of work brought down several workers, most likely for "
                "want of memory. Give each worker more, or fewer to a machine; "
                f"see the log of {error.last_worker.address}."
            ) from error
        except ModuleNotFoundError as error:
            raise ServiceError(
                f"--scheduler: a worker lacks the package {error.name}. Install firstloan there "
                "from the same lock file."
            ) from error


def _client(address: str) -> Any:  # noqa: ANN401 (Dask ships no types)
    """Connect to the scheduler.

    Dask waits forever, whatever its `timeout`, where something else than Dask listens: a thread
    of our own waits for it, which does not keep this process alive.
    """
    answers: Queue[Any] = Queue()

    def start() -> None:
        try:
            answers.put(Client(address, timeout=ANSWER_SECONDS, set_as_default=False))
        except Exception as error:  # noqa: BLE001 (raised by the thread that waits)
            answers.put(error)

    Thread(target=start, daemon=True).start()
    try:
        answer = answers.get(timeout=2 * ANSWER_SECONDS)
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _scheme_known(address: str) -> str:
    """The address without its scheme; ValueError if Dask cannot use the scheme."""
    scheme, rest = parse_address(address)
    try:
        get_backend(scheme).get_connector()
    except (ImportError, TypeError) as error:  # Dask names ucx even where its package is missing
        raise ValueError(f"this Dask cannot speak {scheme}") from error
    if scheme == "tls" and not Security().get_connection_args("client").get("ssl_context"):
        raise ValueError("TLS is not set up in Dask's settings, distributed.comm.tls")
    return str(rest)


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect and check the workers; raises as `features.parallel.executor.connect`."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # we say it in one line
    try:
        parse_host_port(_scheme_known(address))
        client = _client(address)
    except (OSError, TimeoutError) as error:
        raise ServiceError(
            f"--scheduler: nothing answers as a Dask scheduler at {address}. Start one with "
            "`dask scheduler`, or mend the address."
        ) from error
    except ValueError as error:
        raise ServiceError(
            f"--scheduler: expected an address such as tcp://10.0.0.1:8786, got {address!r} "
            f"({error})."
        ) from error
    try:
        _check(client, address)
        yield Cluster(client)
    finally:
        try:
            client.close(timeout=ANSWER_SECONDS)
        except TimeoutError:  # the work is done, or what ended it is on its way up
            logging.getLogger(__name__).debug("no farewell from the scheduler", exc_info=True)


def _check(client: Any, address: str) -> None:  # noqa: ANN401 (Dask ships no types)
    with _lost():
        try:
            client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError as error:
            raise ServiceError(
                f"--scheduler: no worker joined {address} within {WORKER_SECONDS} seconds. "
                f"Start some with `dask worker {address} --nthreads 1`."
            ) from error
        ours = versions()
        theirs = client.get_versions()["scheduler"]["packages"]["distributed"]
        _compare("scheduler", {"distributed": theirs}, {"distributed": ours["distributed"]})
        answers = client.run(versions, on_error="return")
    for worker, other in answers.items():
        if isinstance(other, Exception):
            raise ServiceError(
                f"--scheduler: worker {worker} cannot run firstloan ({other}). Install it there "
                "from the same lock file."
            ) from other
        _compare(worker, other, ours)


@cache
def versions() -> dict[str, str]:
    """Package versions and a hash of this code, which results may depend on."""
    code = hashlib.sha256()
    for room in _ROOMS:
        spec = find_spec(room)
        if spec is None or spec.origin is None:
            continue
        folder = Path(spec.origin).parent
        for path in sorted(p for p in folder.rglob("*") if p.suffix in {".py", ".toml"}):
            code.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{package: metadata.version(package) for package in _PACKAGES},
        "firstloan": f"{metadata.version('firstloan')}, code {code.hexdigest()[:8]}",
    }


def _compare(where: str, theirs: dict[str, str], ours: dict[str, str]) -> None:
    for name, version in ours.items():
        if theirs.get(name) != version:
            raise ServiceError(
                f"--scheduler: {where}: expected {name} {version} as here, got "
                f"{theirs.get(name, 'none')}. Install the same versions everywhere, so that the "
                "result is the same."
            )


@contextmanager
def _lost() -> Iterator[None]:
    """Error of a lost scheduler."""
    try:
        yield
    except (CancelledError, CommClosedError) as error:
        raise ServiceError(
            "--scheduler: the connection to the scheduler was lost; the run is not finished. "
            "Start it again once the scheduler runs."
        ) from error
