"""What a country would cost and where the limits are, computed from benchmarks/results.json.

`docs/references.py` writes it as docs/scaling.md. Two sizes tell what a run costs in any case from
what a firm costs; everything else on the page is arithmetic from these figures.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.record import read
from docs.measured import number
from features.contract.tables import BUCKET_FIRMS
from scoring.input.chunks import CHUNK

Results = Mapping[str, Any]

STEPS = ("simulate", "features", "score")
"""Cut into units of work, which the workers share."""

FILES = {"world": "records", "matrix": "feature file", "scored": "scored CSV"}
TARGETS = (1_900_000, 50_000_000, 500_000_000)
"""Firms."""

PER = 100_000
NIGHT_HOURS = 8
TASK_SECONDS = 0.001
"""A task costs a Dask scheduler about a millisecond (Dask's own documentation, best practices)."""

COMMAND_GB = 16
"""Memory of the machine where the command is typed."""

WIDTH = 96

_TOLD = """
A unit is a bucket of {bucket:,} firms, or a chunk of {chunk:,} applicants. A task costs a Dask
scheduler about {task_ms:g} ms (its documentation's figure), so the scheduler is not the limit, and
workers need not talk to each other. What is:

- **One list of applicants{score}.** `score` reads its CSV whole, looks for each firm's bucket by
reading the ids of one bucket after the other, and joins what the workers send back, all in one
process; at that number its {gb} GB are full. To change: write into the manifest which firms a
bucket holds, cut the list by it, and score each piece by a command of its own. Their CSV files
only need joining.

- **One feature matrix{features}.** Workers send their rows to the machine where `features` was
typed, which holds them and writes one file. To change: let each worker write its bucket of
features beside the signals, as `simulate` writes records, and read the parts lazily.

- **Training{train}.** One machine reads the matrix and finds settings and number of trees on it;
`--distributed` sends it out from there. To change: train on a sample of the firms, or give
LightGBM's Dask estimator the parts that the workers would then have written.

- **The small tables of `simulate`.** Applications, outcomes and truth of all buckets are joined by
one process, bucket by bucket: its hours stand above.

- **The number of files.** A world has a file for each table and bucket, at {last:g} million firms
{files:,} for each table, which are listed when it is opened. To change: larger buckets.
`BUCKET_FIRMS` is one number; the memory of a worker grows with it.
"""


def page(results: Results | None = None) -> str:
    """Cost of each step, and what it means for larger numbers, as docs/scaling.md."""
    scaling = (read() if results is None else results).get("scaling")
    text = [
        "# How far it scales",
        "",
        *_wrapped(
            "Generated from `benchmarks/results.json` by `python docs/references.py`; "
            "`python -P benchmarks/scaling.py --record` measures anew. [cluster.md](cluster.md) "
            "tells how to run on a cluster."
        ),
    ]
    if scaling is None:
        return "\n".join([*text, "", "Nothing has been measured yet.", ""])
    measured = Measured({entry["name"]: entry for entry in scaling["entries"]})
    for part in (_measured(scaling, measured), _larger(measured), _limits(measured)):
        text += ["", *part]
    return "\n".join([*text, ""])


@dataclass(frozen=True)
class Measured:
    """The entries of benchmarks/scaling.py by name."""

    entries: Mapping[str, Mapping[str, Any]]

    @property
    def sizes(self) -> tuple[int, int]:
        """The two numbers of firms."""
        runs = [entry for name, entry in self.entries.items() if name.startswith(STEPS[0])]
        few, many = sorted({entry["count"] for entry in runs})
        return few, many

    def seconds(self, name: str) -> tuple[float, float]:
        """Of a step and its workers, such as `score/2`, at both sizes."""
        few, many = (self.entries[f"{name}/{n}"]["seconds"] for n in self.sizes)
        return few, many

    def line(self, name: str, field: str) -> tuple[float, float]:
        """What a run has without firms, and what each firm adds; never less than nothing."""
        few, many = self.sizes
        at_few, at_many = (self.entries[f"{name}/{n}"][field] for n in (few, many))
        each = max((at_many - at_few) / (many - few), 0.0)
        return max(at_few - each * few, 0.0), each

    def each(self, name: str, field: str) -> float:
        """What a firm adds."""
        return self.line(name, field)[1]

    def gb(self, name: str, firms: int) -> float:
        """Memory of the command alone."""
        start, each = self.line(name, "peak_mb")
        return (start + each * firms) / 1000


def _measured(results: Mapping[str, Any], measured: Measured) -> list[str]:
    few, many = measured.sizes
    lines = [
        "## Measured",
        "",
        *_wrapped(
            f"{results['date']}, {results['machine']}; {results['load_before']:g} other processes "
            "busy when it began. Scheduler, workers of one thread each, and the command share the "
            "machine. *Start* is what a run costs with no firm at all: Python, libraries, the "
            "model. It and what a firm costs follow from the two sizes."
        ),
        "",
        f"| step | workers | {few:,} firms, s | {many:,} firms, s | start, s | s per {PER:,} |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    runs = [(f"{step}/{n}", step, str(n)) for step in STEPS for n in (1, 2)]
    runs += [("train/here", "train", "none"), ("train/cluster", "train", "2")]
    for name, step, workers in runs:
        start, each = measured.line(name, "seconds")
        cells = (*measured.seconds(name), start, each * PER)
        lines.append(f"| {step} | {workers} | {' | '.join(map(number, cells))} |")
    lines += [
        "",
        *_wrapped(
            "*train* fits the trees on all features, untuned, from a feature file; without "
            "workers it has both cores. What the command itself spends is nothing that further "
            "workers take from it:"
        ),
        "",
        f"| step | with two workers | command, CPU s per {PER:,} | command, MB per {PER:,} |",
        "|---|--:|--:|--:|",
    ]
    for step in STEPS:
        one, two = (measured.each(f"{step}/{workers}", "seconds") for workers in (1, 2))
        quicker = one / two if two else math.nan  # sizes too small to tell
        own = measured.each(f"{step}/2", "value") * PER
        memory = measured.each(f"{step}/2", "peak_mb") * PER
        lines.append(f"| {step} | {number(quicker)} × | {number(own)} | {number(memory)} |")
    memory = measured.each("train/here", "peak_mb") * PER
    lines.append(f"| train | | | {number(memory)} |")
    size = {name: measured.entries[f"bytes/{name}"]["value"] * PER / 1e6 for name in FILES}
    return [
        *lines,
        "",
        *_wrapped(
            f"A worker held {number(measured.entries['worker']['peak_mb'] / 1000)} GB at most. "
            f"On disk, {PER:,} firms are "
            + ", ".join(f"{number(gb)} GB of {FILES[name]}" for name, gb in size.items())
            + "."
        ),
        "",
        *_wrapped(_fit(measured, many)),
    ]


def _fit(measured: Measured, n: int) -> str:
    auc = {
        place: measured.entries[f"train/{place}/{n}"]["value"]
        for place in ("here", "seed", "cluster")
    }
    return (
        f"Trained on {n:,} firms, the trees reach an AUC out of time of {auc['here']:.4f} when "
        f"fitted on one machine, {auc['cluster']:.4f} on two workers (`train --distributed`), and "
        f"{auc['seed']:.4f} on one machine with another seed."
    )


def _larger(measured: Measured) -> list[str]:
    names = [f"{n / 1e6:g} million" for n in TARGETS]
    lines = [
        "## What larger numbers would cost",
        "",
        *_wrapped(
            "Arithmetic from what a firm costs above, were nothing in the way; bold where it is "
            f"more than a night of {NIGHT_HOURS} hours or the {COMMAND_GB} GB of the machine where "
            "the command is typed."
        ),
        "",
        f"| | {' | '.join(names)} |",
        f"|---|{'--:|' * len(names)}",
    ]

    def row(what: str, values: Sequence[float], unit: str = "", most: float = math.inf) -> None:
        cells = [f"{number(v)} {unit}".strip() for v in values]
        marked = [f"**{c}**" if v > most else c for c, v in zip(cells, values, strict=True)]
        lines.append(f"| {what} | {' | '.join(marked)} |")

    for step in STEPS:
        hours = [measured.each(f"{step}/1", "seconds") * n / 3600 for n in TARGETS]
        row(f"{step}: hours of one worker", hours)
        lines.append(
            f"| {step}: workers for one night | "
            + " | ".join(f"{math.ceil(h / NIGHT_HOURS):,}" for h in hours)
            + " |"
        )
        own = [measured.each(f"{step}/2", "value") * n / 3600 for n in TARGETS]
        row(f"{step}: hours in the command itself", own, most=NIGHT_HOURS)
        row(f"{step}: memory of the command", [measured.gb(f"{step}/2", n) for n in TARGETS], "GB",
            most=COMMAND_GB)  # fmt: skip
    row("train: hours on this machine",
        [measured.each("train/here", "seconds") * n / 3600 for n in TARGETS],
        most=NIGHT_HOURS)  # fmt: skip
    row("train: memory", [measured.gb("train/here", n) for n in TARGETS], "GB", most=COMMAND_GB)
    for name, what in FILES.items():
        kilobytes = measured.entries[f"bytes/{name}"]["value"]
        row(f"{what} on disk", [kilobytes * n / 1e9 for n in TARGETS], "TB")
    units = [n / BUCKET_FIRMS for n in TARGETS]
    lines.append(f"| units of work | {' | '.join(f'{u:,.0f}' for u in units)} |")
    row("the scheduler's share", [u * TASK_SECONDS / 3600 for u in units], "h", most=NIGHT_HOURS)
    return lines


def _limits(measured: Measured) -> list[str]:
    told = _TOLD.format(
        bucket=BUCKET_FIRMS,
        chunk=CHUNK,
        task_ms=TASK_SECONDS * 1000,
        gb=COMMAND_GB,
        features=_at(measured, "features/2"),
        train=_at(measured, "train/here"),
        score=_at(measured, "score/2"),
        last=TARGETS[-1] / 1e6,
        files=TARGETS[-1] // BUCKET_FIRMS,
    )
    lines = ["## Where the limits will be, and what to change there"]
    for text in told.split("\n\n"):
        lines += ["", *_wrapped(" ".join(text.split()))]
    return lines


def _at(measured: Measured, name: str) -> str:
    """Where the command's memory is full, if it was seen to grow."""
    start, each = measured.line(name, "peak_mb")
    return f", at about {number((COMMAND_GB * 1000 - start) / each / 1e6)} million" if each else ""


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  " if text.startswith("- ") else "")
