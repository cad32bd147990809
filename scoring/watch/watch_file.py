"""Watch a file of loans on a day: the function behind `firstloan watch`."""

import datetime as dt
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import polars as pl

from features.contract.errors import ContractError
from features.contract.tables import TABLES
from features.io.outputs import holds, only_writer, refuse_overwriting, starts_with
from features.io.signal_reader import Signals
from features.io.storage import absolute, sha256_of
from features.parallel.executor import Progress, each
from features.table.frames import HORIZON_DAYS
from models.estimators.model import Model
from models.tracking.registry import OPEN_LOAN_NAME, resolve
from scoring.input.chunks import Chunk, cut
from scoring.input.compatibility import check_fit
from scoring.input.row_checks import UNKNOWN_FIRM
from scoring.pages.render import is_page
from scoring.run.output import beside
from scoring.scorer import Scorer
from scoring.shap_values.explainer import ShapExplainer
from scoring.watch.book import Book
from scoring.watch.columns import CLOSED, INSUFFICIENT, REJECTS, SCHEMA, WATCHED, csv_bytes
from scoring.watch.loans_file import Loans, read_loans_file
from scoring.watch.page import watch_page
from scoring.watch.policy import COLLECT, NOTHING, WatchPolicy
from scoring.watch.sparklines import activity_by_week
from scoring.watch.watcher import Watcher

CHUNK = 2_000
"""Loans per chunk: enough to keep the processors busy, few enough to hold their signals."""

DEFAULT_ADDRESS = f"models:/{OPEN_LOAN_NAME}@champion"
QUEUE = 40
"""Firms in the queue of the page."""

_KNOWN_BY = ",".join(list(SCHEMA)[:5])


@dataclass(frozen=True, kw_only=True)
class WatchSummary:
    """Counts of a run: read = watched + closed + insufficient + rejected.

    Attributes
    ----------
    read, watched, closed, insufficient, rejected : int
        Rows of the loans file.
    actions, rules : dict of str to int
        Loans by action, and by rule that fired.
    balance_cny, expected_cny : float
        Balance of the watched loans, and the part expected to default within six months.
    model : str
    warnings : tuple of str
    seconds : float
    outputs : tuple of pathlib.Path
        What was written, the watch list first.
    """

    read: int
    watched: int
    closed: int
    insufficient: int
    rejected: int
    actions: dict[str, int]
    rules: dict[str, int]
    balance_cny: float
    expected_cny: float
    model: str
    warnings: tuple[str, ...]
    seconds: float
    outputs: tuple[Path, ...]


def watch_file(
    *,
    loans: Path,
    signals: Path,
    as_of: dt.date,
    out: Path,
    model: str | None = None,
    policy: WatchPolicy | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    chunk_size: int = CHUNK,
) -> WatchSummary:
    """Watch every loan of a CSV file on a day, by what was known then.

    For `watch.csv` there lie beside it afterwards `watch.rejects.csv`, `watch.manifest.json` and
    `watch.html`.

    Parameters
    ----------
    loans : pathlib.Path
        CSV file of the contract's table `loans`.
    signals : pathlib.Path
        Folder of signal tables, or the data folder that holds one; `loan_months` and `bureau` are
        read where they are there.
    as_of : datetime.date
    out : pathlib.Path
        The watch list.
    model : str, optional
        Folder or MLflow address of a model of open loans; by default the registered champion.
    policy : WatchPolicy, optional
        By default the shipped one.
    workers : int
        Processes.
    progress : callable, optional
        Called with loans done and loans in all.
    chunk_size : int
        Loans whose signals are held in memory at once; has no effect on the result.

    Raises
    ------
    ContractError
        If an input cannot be read or does not fit. Nothing appears under the names of the outputs.
    """
    started = time.monotonic()
    if not out.parent.is_dir():
        raise ContractError(f"{out.parent}: no such folder. Make it, or choose another --out.")
    opened = Signals.open(absolute(signals))
    for path, is_ours in _outputs(out).items():
        refuse_overwriting(path, inputs=[loans], signals=opened.folder, is_ours=is_ours)
    read = read_loans_file(loans, as_of=as_of)
    chosen, label = resolve(model or DEFAULT_ADDRESS)
    check_fit(chosen, kind="open_loan")
    rules = policy or WatchPolicy.load()
    with only_writer(out):
        numbered = read.frame.with_row_index("row")
        chunks = cut(numbered, opened, size=chunk_size)
        task = _Task(absolute(signals), chosen, label, rules, as_of, read.frame.height)
        parts = _run(task, chunks, workers=workers, progress=progress)
        rows = _in_order(parts)
        read = _without(read, parts)
        warnings = (*read.warnings, *opened.warnings, *_left_out(opened, parts))
        queue = _queue(rows, rules)
        series = activity_by_week(
            opened, queue.join(read.frame, on="loan_id", how="inner"), as_of, chosen.season
        )
        book = Book.total(part.book for part in parts)
        counts = _counts(read, rows)
        manifest = {
            "firstloan": metadata.version("firstloan"),
            "as_of": str(as_of),
            "loans": str(loans),
            "loans_sha256": sha256_of(loans),
            "signals": str(signals),
            "model": label,
            "model_fingerprint": chosen.fingerprint,
            "policy": rules.model_dump(mode="json"),
            "counts": counts,
            "warnings": list(warnings),
        }
        page = watch_page(
            book,
            rows=rows,
            queue=queue,
            series=series,
            counts=counts,
            manifest=manifest,
            policy=rules,
            scoring=chosen.policy,
            rejects=read.rejects,
            out=out,
        )
        outputs = _publish(out, rows, read.rejects, manifest, page)
    owed = (
        book.grades.select(pl.col("balance_fen", "expected_fen").sum())
        if book.grades.height
        else None
    )
    balance, expected = (0, 0) if owed is None else owed.row(0)
    return WatchSummary(
        **counts,
        actions=_by(book.actions, "action"),
        rules=_by(book.rules, "rule"),
        balance_cny=balance / 100,
        expected_cny=expected / 100,
        model=label,
        warnings=warnings,
        seconds=time.monotonic() - started,
        outputs=outputs,
    )


class _Part(NamedTuple):
    """Result of a chunk: rows with their places, sums, unknown firms, bad rows by table."""

    rows: pl.DataFrame
    book: Book
    unknown: pl.DataFrame
    bad_rows: dict[str, int]


@dataclass(frozen=True)
class _Task:
    """Picklable task of watching chunks, for worker processes."""

    signals: Path
    model: Model
    label: str
    policy: WatchPolicy
    as_of: dt.date
    loans: int

    def __call__(self, chunk: Chunk) -> _Part:
        signals, watcher = self._ready
        signals.rejects.clear()
        oldest = self.as_of - dt.timedelta(days=HORIZON_DAYS + self.policy.pd.month_days + _SPARE)
        frames = {
            table: signals.read_firms(table, chunk.firms, days=(oldest, self.as_of))
            for table in signals.tables
        }
        known = {firm for frame in frames.values() for firm in frame["firm_id"].unique()}
        here = pl.col("firm_id").is_in(list(known))
        unknown = chunk.applications.filter(~here)
        loans = chunk.applications.filter(here)
        found = watcher.watch(
            loans.select(*TABLES["loans"].columns), Signals.from_frames(frames), as_of=self.as_of
        )
        bad = {table: rejects.height for table, rejects in signals.rejects.items()}
        return _Part(found.rows.with_columns(loans["row"]), found.book, unknown, bad)

    @cached_property
    def _ready(self) -> tuple[Signals, Watcher]:
        explainer = ShapExplainer(self.model, rows=self.loans)
        scorer = Scorer(self.model, self.label, self.model.policy, explainer)
        return Signals.open(self.signals), Watcher(scorer, self.policy)


_SPARE = 10
"""Days beyond the horizon that are read, for records that are known late."""


def _run(
    task: _Task, chunks: list[Chunk], *, workers: int, progress: Progress | None
) -> list[_Part]:
    """Results of the chunks, in their order."""
    parts: dict[int, _Part] = {}
    done = 0
    for number, part in each(task, chunks, workers=workers):
        parts[number] = part
        done += chunks[number].applications.height
        if progress is not None:
            progress(done, task.loans)
    return [parts[number] for number in range(len(chunks))]


def _in_order(parts: list[_Part]) -> pl.DataFrame:
    """Rows of all chunks in the order of the file."""
    nothing = pl.DataFrame(schema={**SCHEMA, "row": pl.UInt32})
    rows = pl.concat([nothing, *(part.rows.select(nothing.columns) for part in parts)])
    return rows.sort("row").drop("row")


def _left_out(opened: Signals, parts: list[_Part]) -> list[str]:
    """Warnings of signal rows that are bad, found on opening the folder or reading a chunk."""
    counts = Counter({table: rejects.height for table, rejects in opened.rejects.items()})
    for part in parts:
        counts.update(part.bad_rows)
    return [
        f"{table}: left out {counts[table]} entries of bad rows"
        for table in opened.tables
        if counts[table]
    ]


def _without(read: Loans, parts: list[_Part]) -> Loans:
    """Move loans of firms that no signal table names to the rejects."""
    found = [part.unknown for part in parts if part.unknown.height]
    if not found:
        return read
    problems = pl.concat(found).select(
        "line",
        "loan_id",
        column=pl.lit("firm_id"),
        value="firm_id",
        problem=pl.lit(UNKNOWN_FIRM),
    )
    return read.without(problems)


def _queue(rows: pl.DataFrame, policy: WatchPolicy) -> pl.DataFrame:
    """Loans that ask for an action before default: by severity, then by balance at risk."""
    rank = {action.name: place for place, action in enumerate(policy.actions)}
    owed = pl.coalesce("balance_cny", "limit_cny") * pl.col("pd").fill_null(1.0)
    return (
        rows.filter((pl.col("status") != CLOSED) & ~pl.col("action").is_in([NOTHING, COLLECT]))
        .with_columns(
            severity=pl.col("action").replace_strict(rank, return_dtype=pl.Int64), owed=owed
        )
        .sort("severity", "owed", "loan_id", descending=[True, True, False])
        .head(QUEUE)
        .drop("severity", "owed")
    )


def _counts(read: Loans, rows: pl.DataFrame) -> dict[str, int]:
    status = _by(rows.group_by("status").agg(loans=pl.len()), "status")
    return {
        "read": read.read,
        "watched": status.get(WATCHED, 0),
        "closed": status.get(CLOSED, 0),
        "insufficient": status.get(INSUFFICIENT, 0),
        "rejected": read.rejected,
    }


def _by(table: pl.DataFrame, key: str) -> dict[str, int]:
    if table.is_empty():
        return {}
    return dict(table.sort(key).select(key, "loans").iter_rows())


def _outputs(out: Path) -> dict[Path, Callable[[Path], bool]]:
    """Files of a run, and how one that stands there is known as that of an earlier run."""
    return {
        out: partial(starts_with, text=_KNOWN_BY),
        beside(out, ".rejects.csv"): partial(starts_with, text=",".join(REJECTS)),
        beside(out, ".manifest.json"): partial(holds, text='"loans_sha256"'),
        beside(out, ".html"): is_page,
    }


def _publish(
    out: Path,
    rows: pl.DataFrame,
    rejects: pl.DataFrame,
    manifest: Mapping[str, object],
    page: str,
) -> tuple[Path, ...]:
    """Write every output beside its place, then move all of them there, the watch list last."""
    contents = {
        beside(out, ".html"): page.encode(),
        beside(out, ".rejects.csv"): csv_bytes(rejects),
        out: csv_bytes(rows),
    }
    hashes = {path.name: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    text = json.dumps({**manifest, "outputs_sha256": hashes}, ensure_ascii=False, indent=2) + "\n"
    contents = {beside(out, ".manifest.json"): text.encode(), **contents}
    staged = {path: path.with_name(f".{path.name}.part") for path in contents}
    try:
        for path, content in contents.items():
            staged[path].write_bytes(content)
        out.unlink(missing_ok=True)
        for path, part in staged.items():
            part.replace(path)
    finally:
        for part in staged.values():
            part.unlink(missing_ok=True)
    return tuple(reversed(contents))
