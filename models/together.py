"""Further processes that share the work of a training; with one worker there are none.

What is computed does not depend on how many there are.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from features.errors import ContractError
from features.workers import end_with_parent, refuse_unguarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
T = TypeVar("T")


class _Here(Executor):
    """Does in this process, at once, what it is given."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


@contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """Start processes beside this one, which works as well.

    Parameters
    ----------
    workers : int
        Processes in all; 1 for this one alone.

    Raises
    ------
    ContractError
        When one of them was killed.
    """
    if workers <= 1:
        yield _Here()
        return
    refuse_unguarded()
    # forked processes hung after LightGBM had trained (design.md section 8)
    pool = ProcessPoolExecutor(workers - 1, get_context("spawn"), initializer=end_with_parent)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise ContractError(
            "A training process ended unexpectedly, most likely for want of memory. Run the same "
            "command again with --workers 1; nothing was registered."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
