"""Parallel map over units of work: in this process, on local processes, or on a cluster.

A unit is a bucket of firms or a chunk of applicants. Which engine runs it never shows in the
result.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import current_process, get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar

from features.contract.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.process import BaseProcess
    from multiprocessing.queues import Queue

    from features.parallel.dask_cluster import Cluster

    Unit = TypeVar("Unit")
    Result = TypeVar("Result")
    P = ParamSpec("P")


UNGUARDED = (
    "This script asks for several processes, and each of them runs the script from its start. "
    'Put what it does below `if __name__ == "__main__":`, or ask for one worker.'
)
"""What a process says that is started by a script with no guard."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told, as work goes on, how much is done and how much there is in all."""


@contextmanager
def connect(address: str | None) -> Iterator[Cluster | None]:
    """Connect to a Dask scheduler; without an address there is no cluster.

    Parameters
    ----------
    address : str or None
        Such as `tcp://10.0.0.1:8786`.

    Raises
    ------
    ServiceError
        If Dask is not installed, nothing answers there, there is no worker, or the workers run
        other versions than this process.
    """
    if address is None:
        yield None
        return
    try:
        from features.parallel.dask_cluster import connected  # noqa: PLC0415 (Dask is an optional extra)
    except ModuleNotFoundError as error:
        raise ServiceError(
            f"--scheduler: expected Dask to be installed, it lacks {error.name}. "
            "Install the extra: pip install 'firstloan[cluster]'"
        ) from error
    with connected(address) as cluster:
        yield cluster


def each(
    job: Callable[[Unit], Result],
    units: Sequence[Unit],
    *,
    workers: int,
    cluster: Cluster | None = None,
) -> Iterator[tuple[int, Result]]:
    """Run a job on every unit.

    Parameters
    ----------
    job : callable
        Sent once to each process; what it keeps between units serves the next unit there.
    units : sequence
    workers : int
        Processes of this machine; with 1, or one unit, everything happens in this one.
    cluster : Cluster, optional
        Runs the job there instead; then `workers` says nothing.

    Yields
    ------
    number : int
        Place among the units.
    result

    Raises
    ------
    ServiceError
        If a process ended.
    """
    if cluster is not None:
        yield from cluster.each(job, units)
        return
    if min(workers, len(units)) <= 1:
        for number, unit in enumerate(units):
            yield number, job(unit)
        return
    refuse_unguarded()
    processes = min(workers, len(units))
    # a forked pool can hang once LightGBM has started its threads: spawn
    context = get_context("spawn")
    # a job among the arguments of a process that ends before it reads them blocks this one for ever
    jobs = context.Queue()
    jobs.cancel_join_thread()
    for _ in range(processes):
        jobs.put(job)
    with ProcessPoolExecutor(processes, context, initializer=_start, initargs=(jobs,)) as pool:
        futures = {pool.submit(_run, unit): number for number, unit in enumerate(units)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise ServiceError(
                "A worker process ended unexpectedly, most likely for want of memory. "
                "Run the same again with fewer workers."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


class _SerialExecutor(Executor):
    """Runs each task at once, in this process."""

    def submit(
        self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[Result]:
        done: Future[Result] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


@contextmanager
def process_pool(workers: int) -> Iterator[Executor]:
    """Pool of processes beside this one; the result does not depend on their number.

    Parameters
    ----------
    workers : int
        Processes in all; 1 for this one alone.

    Raises
    ------
    ServiceError
        When one of them was killed.
    """
    if workers <= 1:
        yield _SerialExecutor()
        return
    refuse_unguarded()
    pool = ProcessPoolExecutor(workers - 1, get_context("spawn"), initializer=end_with_parent)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise ServiceError(
            "A training process ended unexpectedly, most likely for want of memory. Run the same "
            "command again with --workers 1; nothing was registered."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def refuse_unguarded() -> None:
    """End a worker process that runs the script which started it (no main guard)."""
    if getattr(current_process(), "_inheriting", False):  # what multiprocessing itself asks
        raise SystemExit(UNGUARDED)


def end_with_parent() -> None:
    """End this pool process when its parent ends, even if killed.

    Whoever is killed closes no queue, and the processes of its pool would wait for work for ever.
    """
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


_job: Callable[[Any], Any] | None = None


def _start(jobs: Queue[Callable[[Any], Any]]) -> None:
    global _job  # noqa: PLW0603 - a process of the pool serves one job all its life
    end_with_parent()
    _job = jobs.get()


def _run(unit: object) -> Any:  # noqa: ANN401 (whatever the job returns)
    if _job is None:
        raise RuntimeError("the process was not started by each()")
    return _job(unit)
