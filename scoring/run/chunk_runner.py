"""Parallel scoring of chunks with checkpoints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from features.io.signal_reader import Signals
from features.parallel.executor import Progress, each
from models.estimators.model import Model, load
from models.policy import Policy
from scoring.input.chunks import Chunk, score_chunk
from scoring.offers.policy import OfferPolicy
from scoring.run.checkpoint import Checkpoint
from scoring.scorer import Scorer
from scoring.shap_values.explainer import ShapExplainer

if TYPE_CHECKING:
    from features.parallel.dask_cluster import Cluster

Info = dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelFolder:
    """Model on disk, with the label and the policy by which it scores.

    Attributes
    ----------
    folder : pathlib.Path
    label : str
    policy : Policy
    loaded : Model, optional
        The model, where it is in memory already.
    """

    folder: Path
    label: str
    policy: Policy
    loaded: Model | None = None

    def scorer(self, *, applicants: int, offers: OfferPolicy | None) -> Scorer:
        """Load it to score so many applicants."""
        model = self.loaded or load(self.folder)
        explainer = ShapExplainer(model, rows=applicants)
        return Scorer(model, self.label, self.policy, explainer, offers)


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Picklable task of scoring chunks, for worker processes.

    Attributes
    ----------
    signals : pathlib.Path
    champion : ModelFolder
    shadow : ModelFolder or None
        Challenger that scores along.
    offers : OfferPolicy or None
    applicants : int
        Of all chunks.
    parts : Checkpoint
    """

    signals: Path
    champion: ModelFolder
    shadow: ModelFolder | None
    offers: OfferPolicy | None
    applicants: int
    parts: Checkpoint

    def run(self, chunk: Chunk) -> Info:
        """Score one chunk, keep its rows in the parts folder and return its counts."""
        rows, info = self.score(chunk)
        self.parts.write(chunk.number, rows, info)
        return info

    def score(self, chunk: Chunk) -> tuple[pl.DataFrame, Info]:
        """Score one chunk; its rows and its counts."""
        opened, found_at_opening = self._opened
        outcome = score_chunk(
            chunk,
            opened,
            self._scorer,
            found_at_opening=found_at_opening,
            shadow=self._shadow_scorer,
        )
        return outcome.rows, {
            "aggregates": asdict(outcome.aggregates),
            "rejects": outcome.rejects.rows(),
            "bad_signals": outcome.bad_signals.rows(),
        }

    @cached_property
    def _opened(self) -> tuple[Signals, dict[str, pl.DataFrame]]:
        signals = Signals.open(self.signals)
        return signals, dict(signals.rejects)

    @cached_property
    def _scorer(self) -> Scorer:
        return self.champion.scorer(applicants=self.applicants, offers=self.offers)

    @cached_property
    def _shadow_scorer(self) -> Scorer | None:
        if self.shadow is None:
            return None
        return self.shadow.scorer(applicants=self.applicants, offers=self.offers)


@dataclass(frozen=True, kw_only=True, eq=False)
class RemoteTask:
    """Task for a remote worker, with the files of the models.

    Attributes
    ----------
    task : Task
    champion : mapping of str to bytes
        Files of the champion's folder, by path in it.
    shadow : mapping of str to bytes, or None
        Those of the challenger's.
    """

    task: Task
    champion: Mapping[str, bytes]
    shadow: Mapping[str, bytes] | None

    @classmethod
    def of(cls, task: Task) -> Self:
        """Put the models' files beside the task."""
        shadow = None if task.shadow is None else _files_of(task.shadow.folder)
        return cls(task=task, champion=_files_of(task.champion.folder), shadow=shadow)

    def __call__(self, chunk: Chunk) -> tuple[pl.DataFrame, Info]:
        """Score one chunk; its rows and its counts."""
        return self._unpacked.score(chunk)

    @cached_property
    def _unpacked(self) -> Task:
        champion = replace(self.task.champion, loaded=_loaded(self.champion))
        if self.task.shadow is None or self.shadow is None:
            return replace(self.task, champion=champion)
        shadow = replace(self.task.shadow, loaded=_loaded(self.shadow))
        return replace(self.task, champion=champion, shadow=shadow)


def _files_of(folder: Path) -> dict[str, bytes]:
    """Files below a folder, by path in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _loaded(files: Mapping[str, bytes]) -> Model:
    """Model whose files were sent."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return load(folder)


def run_chunks(
    task: Task,
    chunks: Sequence[Chunk],
    *,
    workers: int,
    cluster: "Cluster | None" = None,
    progress: Progress | None,
) -> list[Info]:
    """Score the chunks that are not finished yet; counts of all of them, in order.

    Parameters
    ----------
    task : Task
    chunks : sequence of Chunk
    workers : int
        Processes; with 1 everything happens in this one.
    cluster : Cluster, optional
        From `features.parallel.executor.connect`: its workers score instead, and must see the
        signals; they send the rows back.
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
    for number, info in _infos(task, open_ones, workers=workers, cluster=cluster):
        infos[number] = info
        done += sizes[number]
        if progress is not None:
            progress(done, total)
    return [info for info in infos.values() if info is not None]


def _infos(
    task: Task, chunks: Sequence[Chunk], *, workers: int, cluster: "Cluster | None"
) -> Iterator[tuple[int, Info]]:
    if cluster is None:
        for place, info in each(task.run, chunks, workers=workers):
            yield chunks[place].number, info
        return
    for place, (rows, info) in each(RemoteTask.of(task), chunks, workers=1, cluster=cluster):
        number = chunks[place].number
        task.parts.write(number, rows, info)
        yield number, info
