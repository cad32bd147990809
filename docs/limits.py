"""What a country would cost and where the limits are, computed from benchmarks/results.json.

`docs/references.py` writes it as docs/scaling.md. Two sizes tell what a run costs in any case from
what a firm costs; everything else on the page is arithmetic from these figures.
"""

import math
import textwrap
from collections.abc import Mapping
from typing import Any

from benchmarks.record import read
from docs.measured import number
from features.catalogue import feature_names
from features.tables import BUCKET_FIRMS
from scoring.chunks import CHUNK

Results = Mapping[str, Any]

SCORE, SIMULATE, FEATURES = "score", "simulate", "features"
STEPS = (SIMULATE, FEATURES, SCORE)
TARGETS = (1_900_000, 50_000_000, 500_000_000)
"""Firms."""

PER = 100_000
NIGHT_HOURS = 8
TASK_SECONDS = 0.001
"""A task costs a Dask scheduler about a millisecond (Dask's own documentation, best practices)."""

CLIENT_GB = 16
"""Memory of the machine where the command is typed."""

COPIES = 2
"""Of the matrix while its parts are joined."""

FLOAT_BYTES = 4

_TOLD = """
A unit is a bucket of {bucket:,} firms, or a chunk of {chunk:,} applicants. A task costs a Dask
scheduler about {task_ms:g} ms (its documentation's figure), so the scheduler is not the limit, and
workers need not talk to each other.

## Where the limits will be, and what to change there

- **The feature matrix, at about {most} million firms.** Workers send their rows to the machine
where `features` was typed, which writes one file. With {features} features of {bytes} bytes, held
{copies} times while parts are joined, {client} GB are full there. To change: let each worker write
its bucket of features beside the signals, as `simulate` writes records, and read the parts lazily.

- **Training, at the same number.** One machine reads the matrix, and `--distributed` sends it out
from there. To change: train on a sample of the firms, or give LightGBM's Dask estimator the parts
that the workers would then have written.

- **The list of applicants.** `score` reads its CSV whole and looks for each firm's bucket by
reading the ids of one bucket after the other, in one process. To change: write which firms a
bucket holds into the manifest, and cut the list by it.

- **The number of files.** A world has a file for each table and bucket, at {last:g} million firms
{files:,} for each table, which are listed when it is opened. To change: larger buckets.
`BUCKET_FIRMS` is one number; the memory of a worker grows with it.

- **The small tables of `simulate`.** Applications, outcomes and truth of all buckets are joined by
one process, bucket by bucket: slow at the largest number, never large.
"""


def page(results: Results | None = None) -> str:
    """Cost of each step, and what it means for larger numbers, as docs/scaling.md."""
    found = (read() if results is None else results).get("scaling")
    lines = [
        "# How far it scales",
        "",
        "Generated from `benchmarks/results.json` by `python docs/references.py`;",
        "`python -P benchmarks/scaling.py --record` measures anew. [cluster.md](cluster.md) tells",
        "how to run on a cluster.",
        "",
    ]
    if found is None:
        return "\n".join([*lines, "Nothing has been measured yet.", ""])
    entries = {entry["name"]: entry for entry in found["entries"]}
    sizes = sorted({entry["count"] for name, entry in entries.items() if name[0] in "sf"})
    lines += _measured(found, entries, sizes)
    lines += _costs(entries, sizes)
    lines += _larger(entries, sizes)
    return "\n".join(lines)


def _measured(found: Mapping[str, Any], entries: Mapping[str, Any], sizes: list[int]) -> list[str]:
    few, many = sizes[0], sizes[-1]
    lines = [
        "## Measured",
        "",
        f"{found['date']}, {found['machine']}; {found['load_before']:g} other processes busy when",
        "it began. Scheduler, workers of one thread each, and the command share the machine.",
        "",
        f"| step | workers | {few:,} firms, s | {many:,} firms, s | start, s | s per {PER:,} |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for step in STEPS:
        for workers in (1, 2):
            start, each = _line(entries, sizes, step, workers)
            cells = [number(entries[f"{step}/{workers}/{n}"]["seconds"]) for n in (few, many)]
            cells += [number(max(start, 0.0)), number(each * PER)]
            lines.append(f"| {step} | {workers} | {' | '.join(cells)} |")
    return [
        *lines,
        "",
        "*Start* is what a run costs with no firm at all: Python, libraries, the model. It and the",
        "cost of a firm follow from the two sizes.",
        "",
    ]


def _costs(entries: Mapping[str, Any], sizes: list[int]) -> list[str]:
    lines = ["## A second worker", ""]
    for step in STEPS:
        one, two = (_line(entries, sizes, step, workers)[1] for workers in (1, 2))
        lines.append(f"- {step}: {number(one / two)} times as many firms a second with two workers")
    sizes_kb = {name: entries[f"bytes/{name}"]["value"] for name in ("world", "matrix", "scored")}
    return [
        *lines,
        "",
        f"On disk, {PER:,} firms are {number(sizes_kb['world'] * PER / 1e6)} GB of records,",
        f"{number(sizes_kb['matrix'] * PER / 1e6)} GB of features and",
        f"{number(sizes_kb['scored'] * PER / 1e6)} GB of scored CSV.",
        "",
    ]


def _larger(entries: Mapping[str, Any], sizes: list[int]) -> list[str]:
    names = [f"{n / 1e6:g} million" for n in TARGETS]
    table = [
        "## What larger numbers would cost",
        "",
        "Arithmetic from one worker's cost above, were nothing in the way:",
        "",
        f"| | {' | '.join(names)} |",
        f"|---|{'--:|' * len(names)}",
    ]

    def row(what: str, values: list[float], unit: str) -> str:
        cells = [f"{number(v)} {unit}".strip() for v in values]
        return f"| {what} | {' | '.join(cells)} |"

    for step in STEPS:
        each = _line(entries, sizes, step, 1)[1]
        hours = [each * n / 3600 for n in TARGETS]
        table.append(row(f"{step}, hours of one core", hours, ""))
        cores = [float(math.ceil(h / NIGHT_HOURS)) for h in hours]
        table.append(row(f"{step}, cores for one night of {NIGHT_HOURS} h", cores, ""))
    for name, what in (("world", "records"), ("matrix", "feature file"), ("scored", "scored CSV")):
        kilobytes = entries[f"bytes/{name}"]["value"]
        table.append(row(f"{what} on disk", [kilobytes * n / 1e9 for n in TARGETS], "TB"))
    matrix = [_matrix_gb(n) for n in TARGETS]
    table.append(row("matrix in memory", matrix, "GB"))
    units = [n / BUCKET_FIRMS for n in TARGETS]
    table.append(f"| units of work | {' | '.join(f'{u:,.0f}' for u in units)} |")
    table.append(row("the scheduler's share", [u * TASK_SECONDS for u in units], "s"))
    told = _TOLD.format(
        bucket=BUCKET_FIRMS,
        chunk=CHUNK,
        task_ms=TASK_SECONDS * 1000,
        most=number(CLIENT_GB / _matrix_gb(1) / 1e6),
        features=len(feature_names()),
        bytes=FLOAT_BYTES,
        copies=COPIES,
        client=CLIENT_GB,
        last=TARGETS[-1] / 1e6,
        files=TARGETS[-1] // BUCKET_FIRMS,
    )
    for text in told.split("\n\n"):
        plain = " ".join(text.split())
        indent = "  " if plain.startswith("-") else ""
        table += ["", *textwrap.wrap(plain, 96, subsequent_indent=indent)]
    return [*table, ""]


def _line(
    entries: Mapping[str, Any], sizes: list[int], step: str, workers: int
) -> tuple[float, float]:
    """Seconds of a run without firms, and seconds a firm."""
    few, many = sizes[0], sizes[-1]
    at_few, at_many = (entries[f"{step}/{workers}/{n}"]["seconds"] for n in (few, many))
    each = (at_many - at_few) / (many - few)
    return at_few - each * few, each


def _matrix_gb(firms: int) -> float:
    return firms * len(feature_names()) * FLOAT_BYTES * COPIES / 1e9
