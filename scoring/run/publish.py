"""Atomic publication of the outputs of a scoring run."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import polars as pl

from features.io.outputs import holds, starts_with
from features.io.storage import sha256_of
from scoring.input.applicants import Applicants
from scoring.pages.render import is_page
from scoring.run.aggregates import Aggregates
from scoring.run.checkpoint import Checkpoint
from scoring.run.output import SCHEMA, SCORED_REJECTS, SHADOW, beside, csv_bytes, rejects_bytes

_KNOWN_BY = 4
"""Columns at the start of the scored CSV by which it is known."""

_SLICE = 50_000
"""Rows of the scored CSV that are held in memory at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """The chunks' counts added up.

    Attributes
    ----------
    read, scored, insufficient, rejected : int
        Rows of the applicants file.
    aggregates : Aggregates
    rejects : polars.DataFrame
        Schema `scoring.run.output.SCORED_REJECTS`: rejected applicants by line, then left-out rows
        of the signals.
    bad_signals : int
        How many of the rejects tell of signal rows.
    chunks : int
    shadow : bool
        Whether a challenger scored along.
    """

    read: int
    scored: int
    insufficient: int
    rejected: int
    aggregates: Aggregates
    rejects: pl.DataFrame
    bad_signals: int
    chunks: int
    shadow: bool

    @classmethod
    def of(
        cls, people: Applicants, infos: Sequence[Mapping[str, Any]], *, shadow: bool = False
    ) -> Self:
        """Add up what `scoring.run.chunk_runner.run_chunks` returned."""
        aggregates = Aggregates.total(Aggregates(**info["aggregates"]) for info in infos)
        status = aggregates.columns.get("status", {})
        unmatched = _frame([row for info in infos for row in info["rejects"]])
        signals = _frame([row for info in infos for row in info["bad_signals"]])
        by_line = pl.concat([people.rejects, unmatched]).sort("line", maintain_order=True)
        by_applicant = signals.sort("application_id", "column", "problem")
        return cls(
            read=people.read,
            scored=status.get("scored", 0),
            insufficient=status.get("insufficient_data", 0),
            rejected=people.rejected + unmatched["line"].n_unique(),
            aggregates=aggregates,
            rejects=pl.concat([by_line, by_applicant]),
            bad_signals=signals.height,
            chunks=len(infos),
            shadow=shadow,
        )


def outputs_of(out: Path) -> dict[Path, Callable[[Path], bool]]:
    """Files of a scoring run, and how one that stands there is known as that of an earlier run.

    Parameters
    ----------
    out : pathlib.Path
        The scored CSV.
    """
    return {
        out: partial(starts_with, text=",".join(list(SCHEMA)[:_KNOWN_BY])),
        beside(out, ".rejects.csv"): partial(starts_with, text=",".join(SCORED_REJECTS)),
        beside(out, ".manifest.json"): partial(holds, text='"applicants_sha256"'),
        beside(out, ".html"): is_page,
    }


def publish(
    parts: Checkpoint, result: RunResult, *, out: Path, manifest: Mapping[str, Any], report: str
) -> tuple[Path, ...]:
    """Write every output into the parts folder, then move all of them into place.

    Parameters
    ----------
    parts : Checkpoint
    result : RunResult
    out : pathlib.Path
        The scored CSV; the others lie beside it.
    manifest : mapping
        Gets the hashes of the other outputs.
    report : str
        The HTML page.

    Returns
    -------
    tuple of pathlib.Path
        What was written, the scored CSV first.
    """
    _write_scored(parts.staged(".csv"), parts, result)
    parts.staged(".rejects.csv").write_bytes(rejects_bytes(result.rejects))
    parts.staged(".html").write_text(report, encoding="utf-8")
    hashes = {
        beside(out, ending).name: sha256_of(parts.staged(ending))
        for ending in (".csv", ".rejects.csv", ".html")
    }
    card = {**manifest, "outputs_sha256": hashes}
    text = json.dumps(card, ensure_ascii=False, indent=2) + "\n"
    parts.staged(".manifest.json").write_text(text, encoding="utf-8")
    # the scored CSV comes last: where it is, everything else is, and of the same run
    out.unlink(missing_ok=True)
    endings = (".html", ".manifest.json", ".rejects.csv")
    targets = {**{ending: beside(out, ending) for ending in endings}, ".csv": out}
    for ending, target in targets.items():
        parts.staged(ending).replace(target)
    parts.remove()
    return tuple(reversed(targets.values()))


def _write_scored(path: Path, parts: Checkpoint, result: RunResult) -> None:
    """Write the chunks' rows in the order of the input, slice by slice."""
    with path.open("wb") as file:
        columns = {**SCHEMA, **(SHADOW if result.shadow else {})}
        file.write(csv_bytes(pl.DataFrame(schema=columns), header=True))
        if not result.chunks:
            return
        rows = parts.scan(result.chunks)
        for start in range(0, result.read, _SLICE):
            within = pl.col("row").is_between(start, start + _SLICE, closed="left")
            part = rows.filter(within).collect().sort("row")
            file.write(csv_bytes(part.select(*columns), header=False))


def _frame(rows: Sequence[Sequence[object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCORED_REJECTS, orient="row")
