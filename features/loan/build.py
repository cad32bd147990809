"""Features of open loans on any day: those of an application on that day, and the loan's own."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from features.arrays import Floats
from features.contract.errors import ContractError
from features.contract.tables import TABLES
from features.contract.validation import bad_rows_error, conform
from features.engine.build import build_features, is_feature_file, write_features
from features.engine.formula_batch import Formulas
from features.engine.frame_builder import FrameSet
from features.io.csv_reader import read_csv
from features.io.outputs import only_writer, refuse_overwriting
from features.io.signal_reader import Signals
from features.io.storage import absolute
from features.loan.catalogue import open_loan_feature_names, open_loan_fingerprint
from features.loan.loan_features import LOAN
from features.loan.loan_history import TERMS, LoanHistory
from features.loan.season import Season
from features.parallel.executor import Progress
from features.table.frames import FRAMES, OF_LOANS

IDS = ("loan_id", "firm_id", "as_of")

_FORMULAS = Formulas({feature.name: feature.formula for feature in LOAN})


def build_loan_features(
    signals: Signals,
    snapshots: pl.DataFrame,
    loans: pl.DataFrame,
    *,
    season: Season | None = None,
    reference: pl.DataFrame | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Compute every feature of open loans as known on given days.

    Parameters
    ----------
    signals : Signals
        The tables `loan_months` and `bureau` are read beside those of an application; without
        them their features are missing.
    snapshots : polars.DataFrame
        The contract's table `snapshots`: a loan may stand there on several days.
    loans : polars.DataFrame
        The contract's table `loans`. A loan that is not there, or was disbursed later than
        `as_of`, has no features of its own.
    season : Season, optional
        What is usual by season, from a model; without it the features adjusted for the season are
        missing.
    reference : polars.DataFrame, optional
        What is usual among peers, see `features.engine.build.build_features`.
    workers : int
        Buckets in work at a time; the result does not depend on it.
    progress : callable, optional
        Called with (snapshots done, snapshots in all).

    Returns
    -------
    polars.DataFrame
        One row per snapshot in the order given: loan_id, firm_id, as_of, then Float32 features in
        the order of `open_loan_feature_names()`.
    """
    if snapshots.is_empty():
        nothing = (pl.lit(None, pl.Float32).alias(name) for name in open_loan_feature_names())
        return snapshots.select(*IDS).with_columns(nothing)
    known = _with_terms(snapshots, loans)
    history = LoanHistory(known.select("loan_id", *TERMS), season)
    matrix = build_features(
        signals,
        _as_applications(known),
        reference=reference,
        workers=workers,
        progress=progress,
        further=_LoanFeatures(history),
    )
    return snapshots.select(*IDS).hstack(matrix.drop("application_id", "firm_id", "as_of"))


def build_activity(
    signals: Signals, snapshots: pl.DataFrame, loans: pl.DataFrame, *, season: Season
) -> Floats:
    """Compute the weekly activity of loans against the year before disbursement.

    Parameters
    ----------
    signals, snapshots, loans, season
        As of `build_loan_features`.

    Returns
    -------
    ndarray of shape (n, 65)
        Adjusted for the season, mean of the sources, the oldest week first; NaN where unknown.
    """
    known = _with_terms(snapshots, loans)
    history = LoanHistory(known.select("loan_id", *TERMS), season)
    matrix = build_features(
        signals,
        _as_applications(known),
        further=lambda frames, applied, _: history.activity(frames, applied),
    )
    weeks: Floats = matrix.select(pl.col("^week_\\d+$")).to_numpy()
    return weeks


def _with_terms(snapshots: pl.DataFrame, loans: pl.DataFrame) -> pl.DataFrame:
    """Snapshots with the terms of their loans, empty before disbursement."""
    terms = loans.unique("loan_id", keep="first", maintain_order=True).drop("lender_type")
    known = snapshots.select(*IDS).join(
        terms, on=["loan_id", "firm_id"], how="left", maintain_order="left"
    )
    then = pl.when(pl.col("disbursed_on") <= pl.col("as_of"))
    return known.with_columns(then.then(pl.col(name)).alias(name) for name in (*TERMS, "plan"))


class _LoanFeatures:
    """Computes the features of `LOAN`; picklable, for worker processes."""

    def __init__(self, history: LoanHistory) -> None:
        self._history = history

    def __call__(
        self, frames: FrameSet, applied: pl.DataFrame, read: Callable[[str], pl.DataFrame]
    ) -> pl.DataFrame:
        columns = self._history.columns(frames, applied, read)
        declared = [name for frame in OF_LOANS for name in FRAMES[frame].derived]
        absent = [name for name in declared if name not in columns.columns]
        columns = columns.with_columns(pl.lit(None, pl.Float64).alias(name) for name in absent)
        evaluated = columns.select(_FORMULAS.numbers).to_numpy(writable=True).T
        values = _FORMULAS.divide(evaluated.astype("float64"))
        return pl.DataFrame(
            [
                pl.Series(feature.name, values[k].astype("float32"), nan_to_null=True)
                for k, feature in enumerate(LOAN)
            ]
        )


def build_loan_file(
    data: Path,
    snapshots: Path,
    out: Path,
    *,
    season: Season | None = None,
    reference: pl.DataFrame | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Compute the features of a snapshots file into one Parquet file, whole or not at all.

    Raises
    ------
    ContractError
        If a snapshot is bad or stands twice, `out` is an input or a file of another kind, or the
        data cannot be read.
    """
    opened = Signals.open(absolute(data))
    refuse_overwriting(out, inputs=[snapshots], signals=opened.folder, is_ours=is_feature_file)
    asked = read_snapshots(snapshots)
    with only_writer(out):
        frame = build_loan_features(
            opened,
            asked,
            read_loans(opened),
            season=season,
            reference=reference,
            workers=workers,
            progress=progress,
        )
        write_features(frame, out, mark=open_loan_fingerprint())
    return frame


def read_snapshots(path: Path) -> pl.DataFrame:
    """Read a snapshots file; every row must satisfy the contract.

    Raises
    ------
    ContractError
        If a row is bad, or a loan stands twice on one day.
    """
    reading = read_csv(path, "snapshots")
    if reading.rejected:
        raise bad_rows_error(
            path,
            reading.rejects.row(0, named=True),
            bad=reading.rejected,
            rows=reading.rows,
            remedy="Mend the rows and try again; nothing was written.",
        )
    twice = reading.frame.filter(pl.struct("loan_id", "as_of").is_duplicated())
    if twice.height:
        raise ContractError(
            f"{path}: expected each loan once a day, got {twice['loan_id'][0]!r} on "
            f"{twice['as_of'][0]} on lines {', '.join(map(str, twice['file_line'].head(2)))}; "
            f"{twice.height} rows share loan and day with another. Mend the rows and try again."
        )
    return reading.frame.drop("file_line")


def read_loans(signals: Signals) -> pl.DataFrame:
    """The table `loans` of all buckets; no rows where there is none."""
    return pl.concat(
        [signals.read("loans", bucket=bucket) for bucket in signals.buckets], how="diagonal"
    )


def _as_applications(known: pl.DataFrame) -> pl.DataFrame:
    """Loans as applications of the day: what is owed stands for what is asked."""
    columns = TABLES["applications"].schema
    return conform(
        known.select(
            application_id=pl.coalesce("application_id", "loan_id"),
            firm_id="firm_id",
            applied_on="as_of",
            amount_cny="limit_cny",
            term_months="term_months",
            plan="plan",
            purpose=pl.lit(None, columns["purpose"]),
            first_time=pl.lit(None, columns["first_time"]),
        ),
        "applications",
    )
