"""Chunks scored one after another, or by several processes; the parts folder keeps what is done."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl

from features.folder import Signals
from features.tables import ContractError
from models.artefact import load
from scoring.chunks import Chunk, score_chunk
from scoring.contributions import Contributions
from scoring.parts import Parts
from scoring.policy import Policy
from scoring.score_rows import Scorer

Info = dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What a process needs to score chunks; small enough to send to another one.

    Attributes
    ----------
    signals : pathlib.Path
    model : pathlib.Path
        Folder of the model.
    label : str
    policy : Policy
    applicants : int
        Of all chunks.
    parts : Parts
    """

    signals: Path
    model: Path
    label: str
    policy: Policy
    applicants: int
    parts: Parts

    def run(self, chunk: Chunk) -> Info:
        """Score one chunk, keep its rows in the parts folder and return its counts."""
        opened, found_at_opening = self._opened
        outcome = score_chunk(chunk, opened, self._scorer, found_at_opening=found_at_opening)
        info = {
            "tally": asdict(outcome.tally),
            "rejects": outcome.rejects.rows(),
            "bad_signals": outcome.bad_signals.rows(),
        }
        self.parts.write(chunk.number, outcome.rows, info)
        return info

    @cached_property
    def _opened(self) -> tuple[Signals, dict[str, pl.DataFrame]]:
        signals = Signals.open(self.signals)
        return signals, dict(signals.rejects)

    @cached_property
    def _scorer(self) -> Scorer:
        model = load(self.model)
        return Scorer(model, self.label, self.policy, Contributions(model, rows=self.applicants))


def run_chunks(
    task: Task,
    chunks: Sequence[Chunk],
    *,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> list[Info]:
    """Score the chunks that are not finished yet; counts of all of them, in order.

    Parameters
    ----------
    task : Task
    chunks : sequence of Chunk
    workers : int
        Processes; with 1 everything happens in this one.
    progress : callable, optional
        Called with applicants done and applicants in all.

    Raises
    ------
    ContractError
        From any chunk; finished chunks stay for the next attempt.
    """
    infos = {chunk.number: task.parts.info(chunk.number) for chunk in chunks}
    sizes = {chunk.number: chunk.applications.height for chunk in chunks}
    total = sum(sizes.values())
    done = sum(sizes[k] for k, info in infos.items() if info is not None)
    if progress is not None:
        progress(done, total)
    open_ones = [chunk for chunk in chunks if infos[chunk.number] is None]
    for number, info in _each(task, open_ones, workers=workers):
        infos[number] = info
        done += sizes[number]
        if progress is not None:
            progress(done, total)
    return [info for info in infos.values() if info is not None]


def _each(task: Task, chunks: Sequence[Chunk], *, workers: int) -> Iterator[tuple[int, Info]]:
    if workers <= 1 or len(chunks) <= 1:
        for chunk in chunks:
            yield chunk.number, task.run(chunk)
        return
    # forked processes hung after LightGBM had trained (design.md section 8)
    with ProcessPoolExecutor(
        min(workers, len(chunks)), get_context("spawn"), initializer=_start, initargs=(task,)
    ) as pool:
        futures = {pool.submit(_run, chunk): chunk.number for chunk in chunks}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise ContractError(
                "A scoring process ended unexpectedly, most likely for want of memory. "
                "Run the same command again with fewer --workers; finished chunks are kept."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


_task: Task | None = None


def _start(task: Task) -> None:
    global _task  # noqa: PLW0603 - a process of the pool serves one task all its life
    _task = task


def _run(chunk: Chunk) -> Info:
    if _task is None:
        raise RuntimeError("the process was not started by run_chunks")
    return _task.run(chunk)
