"""Chunks of applicants: partition them, and score one chunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from features.contract.tables import SIGNALS, TABLES
from features.io.signal_reader import Signals
from scoring.input.applicants import unmatched
from scoring.run.aggregates import Aggregates
from scoring.run.output import SCHEMA, SCORED_REJECTS, SEPARATOR, SHADOW
from scoring.scorer import Scorer
from scoring.shadow.columns import shadow_columns

CHUNK = 1_000
"""Applicants per chunk: enough to keep the processors busy, few enough to hold their signals."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Applications of a chunk and the buckets of their firms.

    Attributes
    ----------
    number : int
    applications : polars.DataFrame
        Rows of `scoring.input.applicants.Applicants.frame`.
    firms : dict of bucket name to list of firm ids
    """

    number: int
    applications: pl.DataFrame
    firms: dict[str, list[str]]


@dataclass(frozen=True, eq=False)
class ChunkResult:
    """Scored rows, rejects and aggregates of a chunk.

    Attributes
    ----------
    rows : polars.DataFrame
        Schema `scoring.run.output.SCHEMA`, and `row` (UInt32, position in the applicants file).
    rejects : polars.DataFrame
        Schema `scoring.run.output.SCORED_REJECTS`: applicants that cannot be scored, by line.
    bad_signals : polars.DataFrame
        The same schema without lines: bad rows of signal tables, counted for each applicant.
    aggregates : Aggregates
        What the report counts.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    bad_signals: pl.DataFrame
    aggregates: Aggregates


def cut(applications: pl.DataFrame, signals: Signals, *, size: int = CHUNK) -> list[Chunk]:
    """Partition applicants into chunks by signal bucket.

    Parameters
    ----------
    applications : polars.DataFrame
        Rows of `scoring.input.applicants.Applicants.frame`.
    signals : Signals
    size : int
        Applicants per chunk, at most.
    """
    if applications.is_empty():
        return []
    places = pl.concat(
        pl.DataFrame({"firm_id": firms}).with_columns(bucket=pl.lit(bucket))
        for bucket, firms in signals.assign(applications["firm_id"]).items()
    )
    placed = applications.join(places, on="firm_id", how="left").sort("bucket", "row")
    return [
        Chunk(
            number,
            part.drop("bucket"),
            dict(
                part.group_by("bucket", maintain_order=True)
                .agg(pl.col("firm_id").unique().sort())
                .iter_rows()
            ),
        )
        for number, part in enumerate(placed.iter_slices(size))
    ]


def score_chunk(
    chunk: Chunk,
    signals: Signals,
    scorer: Scorer,
    *,
    found_at_opening: Mapping[str, pl.DataFrame],
    shadow: Scorer | None = None,
) -> ChunkResult:
    """Score the applicants of one chunk.

    Parameters
    ----------
    chunk : Chunk
    signals : Signals
    scorer : Scorer
    found_at_opening : mapping of table name to polars.DataFrame
        Bad rows that were found when `signals` was opened, schema `features.io.csv_reader.REJECTS`.
    shadow : Scorer, optional
        Challenger that scores along.

    Raises
    ------
    ContractError
        If a signal table cannot be read or has too many bad rows.
    """
    signals.rejects.clear()
    frames = read_signals(signals, chunk.firms)
    result = score_applications(
        chunk.applications,
        frames,
        scorer,
        bad_rows=[found_at_opening, signals.rejects],
        shadow=shadow,
    )
    aggregates = Aggregates()
    if result.features is not None:
        development, needed = scorer.model.development, scorer.policy.sufficiency
        aggregates = Aggregates.of(
            result.rows, result.features, development=development, sufficiency=needed
        )
    return ChunkResult(result.rows, result.rejects, result.bad_signals, aggregates)


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Applications scored: as `ChunkResult`, with the features and without counts.

    Attributes
    ----------
    rows, rejects, bad_signals : polars.DataFrame
    features : polars.DataFrame or None
        Of the applications scored; None where there are none.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    bad_signals: pl.DataFrame
    features: pl.DataFrame | None


def score_applications(
    applications: pl.DataFrame,
    frames: Mapping[str, pl.DataFrame],
    scorer: Scorer,
    *,
    bad_rows: Sequence[Mapping[str, pl.DataFrame]],
    shadow: Scorer | None = None,
) -> ScoredRows:
    """Check applications against the signals of their firms and score those that fit.

    Parameters
    ----------
    applications : polars.DataFrame
        Rows of `scoring.input.applicants.Applicants.frame`.
    frames : mapping of table name to polars.DataFrame
        Signals of their firms.
    scorer : Scorer
    bad_rows : sequence of mapping of table name to polars.DataFrame
        Left-out rows of the signal tables, schema `features.io.csv_reader.REJECTS`.
    shadow : Scorer, optional
        Challenger that scores along; its columns come after the champion's.
    """
    bad_signals = _bad_signals(applications, bad_rows)
    rejects = unmatched(applications, frames)
    fit = applications
    if rejects.height:
        fit = applications.filter(~pl.col("line").is_in(rejects["line"].implode()))
    if fit.is_empty():
        added = {} if shadow is None else SHADOW
        nobody = pl.DataFrame(schema={**SCHEMA, **added, "row": pl.UInt32})
        return ScoredRows(nobody, rejects, bad_signals, None)
    notes = _notes(fit, bad_signals)
    asked = fit[list(TABLES["applications"].columns)]
    tables = Signals.from_frames(frames)
    features = scorer.features(asked, tables)
    rows = scorer.score_features(features, applications=asked, notes=notes)
    if shadow is not None:
        # peers may be others
        theirs = features if shadow.peers_like(scorer) else shadow.features(asked, tables)
        along = shadow.score_features(theirs, applications=asked, notes=notes)
        rows = rows.hstack(shadow_columns(rows, along))
    return ScoredRows(rows.hstack([fit["row"]]), rejects, bad_signals, features)


def read_signals(signals: Signals, firms: Mapping[str, list[str]]) -> dict[str, pl.DataFrame]:
    """Read every table's rows of the firms, given by bucket."""
    return {table: signals.read_firms(table, firms) for table in signals.tables}


def _bad_signals(
    applications: pl.DataFrame, bad_rows: Sequence[Mapping[str, pl.DataFrame]]
) -> pl.DataFrame:
    """Bad signal rows of the applicants, one row for each applicant, column and problem."""
    parts = [
        rejects.join(
            applications.select("application_id", id="firm_id"), on="id", maintain_order="right"
        )
        .group_by("application_id", "column", "problem", maintain_order=True)
        .agg(pl.len(), pl.col("value").first(), pl.col("line").first())
        .with_columns(table=pl.lit(table))
        for tables in bad_rows
        for table in SIGNALS
        if (rejects := tables.get(table)) is not None
    ]
    if not parts:
        return pl.DataFrame(schema=SCORED_REJECTS)
    where = pl.when(pl.col("line").is_not_null()).then(
        pl.format(" (first on line {} of that table)", pl.col("line"))
    )
    return (
        pl.concat(parts)
        .with_columns(
            column=pl.format("{}.{}", "table", "column"),
            problem=pl.concat_str(
                pl.col("problem"),
                pl.format("; {} such rows left out", pl.col("len")),
                where.otherwise(pl.lit("")),
            ),
            line=pl.lit(None, pl.Int64),
        )
        .select(*SCORED_REJECTS)
    )


def _notes(applications: pl.DataFrame, bad_signals: pl.DataFrame) -> dict[str, str]:
    """Flags that do not depend on features, by application."""
    flags: dict[str, list[str]] = {}
    consent = applications.select("application_id", "consent_on", "applied_on", "category_flags")
    for application, consent_on, applied_on, categories in consent.iter_rows():
        if consent_on is not None and consent_on > applied_on:
            flags[application] = ["consent_after_as_of"]
        if categories:
            flags.setdefault(application, []).append(categories)
    tables = {
        (application, f"bad_rows_{column.partition('.')[0]}")
        for application, column in bad_signals.select("application_id", "column").iter_rows()
    }
    for application, flag in sorted(tables):
        flags.setdefault(application, []).append(flag)
    return {application: SEPARATOR.join(each) for application, each in flags.items()}
