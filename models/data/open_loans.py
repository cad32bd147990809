"""Training data of the behaviour model: monthly snapshots of open loans with their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from features.contract.errors import ContractError
from features.engine.point_in_time import days
from features.io.loan_outcomes import TAPE
from features.io.signal_reader import Signals, read_applications, read_outcomes
from features.io.storage import absolute
from features.loan.build import build_loan_features, read_loans
from features.loan.season import build_season
from models.data.exclusion import excluded
from models.data.snapshots import labelled_snapshots
from models.data.split import CALIBRATION, TRAIN, period_starts, side
from models.data.target import OPEN_LOAN
from models.data.training_data import ATTRIBUTES, TrainingData, trained_on

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from features.parallel.executor import Progress
    from models.settings import SplitConfig


def read_open_loans(
    data: Path,
    *,
    split: SplitConfig,
    exclude: Sequence[str] = (),
    workers: int = 1,
    progress: Progress | None = None,
) -> TrainingData:
    """Read the loan tape of a data folder and build the features of its snapshots.

    Parameters
    ----------
    data : Path
        A data folder with the tables `loans` and `loan_months`.
    split : SplitConfig
        The season is counted on its training side alone.
    exclude : sequence of str
        Features to leave out: names, patterns, `theme:<name>` or `source:<name>`.
    workers : int
    progress : callable, optional

    Returns
    -------
    TrainingData
        `application_id` holds the id of the snapshot, such as `L0000001@2025-03-01`.

    Raises
    ------
    ContractError
        If there is no loan tape, or no loan was observed for six months.
    """
    signals = Signals.open(absolute(data))
    missing = [table for table in TAPE if table not in signals.tables]
    if missing:
        raise ContractError(
            f"{data}: expected a loan tape to train on open loans, found no table "
            f"{' and '.join(missing)} among its signals. Import the lender's loans and their "
            "months (docs/own-data.md), or simulate with calendar.follow_days above 0."
        )
    months, firms = (
        pl.concat(
            [signals.read(table, bucket=bucket) for bucket in signals.buckets], how="diagonal"
        )
        for table in ("loan_months", "firms")
    )
    loans = read_loans(signals)
    snapshots = labelled_snapshots(months, _observed(data, loans))
    if snapshots.is_empty():
        raise ContractError(
            f"{data}: none of its {loans.height} loans was observed for six months after a month's "
            "end. Give months of a longer time."
        )
    starts = period_starts(snapshots, split)
    training_firms = firms["firm_id"].unique().sort()
    on_side = [side(firm, split) == TRAIN for firm in training_firms]
    season = build_season(
        signals,
        training_firms.filter(pl.Series(on_side, dtype=pl.Boolean)),
        until=int(days(pl.Series([starts[CALIBRATION]]))[0]),
    )
    matrix = build_loan_features(
        signals, snapshots, loans, season=season, workers=workers, progress=progress
    )
    features = OPEN_LOAN.features
    left_out = excluded(
        exclude,
        [feature.name for feature in features],
        themes={feature.name: feature.theme for feature in features},
        sources={feature.name: feature.source for feature in features},
    )
    used = [feature for feature in features if feature.name not in left_out]
    return TrainingData(
        rows=_rows(matrix, snapshots, loans, firms, _first_time(data)),
        names=tuple(feature.name for feature in used),
        signs={feature.name: feature.sign for feature in used},
        sources={feature.name: feature.source for feature in used},
        fingerprint=OPEN_LOAN.fingerprint,
        trained_on=trained_on(data),
        origin=str(data),
        target=OPEN_LOAN,
        season=season,
    )


def _rows(
    matrix: pl.DataFrame,
    snapshots: pl.DataFrame,
    loans: pl.DataFrame,
    firms: pl.DataFrame,
    first_time: pl.DataFrame,
) -> pl.DataFrame:
    """Features, labels and attributes on one row, in order of time."""
    given = loans.unique("loan_id", keep="first").select("loan_id", "application_id", "lender_type")
    given = given.join(first_time, on="application_id", how="left").drop("application_id")
    attributes = firms.unique("firm_id", keep="first").select("firm_id", *ATTRIBUTES)
    joined = matrix.with_columns(snapshots["defaulted"])
    for other, key in ((given, "loan_id"), (attributes, "firm_id")):
        joined = joined.join(other, on=key, how="left", maintain_order="left")
    return (
        joined.with_columns(
            application_id=pl.format("{}@{}", "loan_id", "as_of"),
            approved=pl.lit(value=True),
            accepted=pl.lit(value=True),
        )
        .drop("loan_id")
        .sort("as_of", "application_id")
    )


def _observed(data: Path, loans: pl.DataFrame) -> pl.DataFrame:
    """Until when each loan was observed, where outcomes.csv says so."""
    path = data / "outcomes.csv"
    known = loans.select("loan_id", "application_id").unique("loan_id", keep="first")
    if not path.is_file():
        return known.select("loan_id", observed_until=pl.lit(None, pl.Date))
    told = read_outcomes(path).select("application_id", "observed_until")
    return known.join(told, on="application_id", how="left").drop("application_id")


def _first_time(data: Path) -> pl.DataFrame:
    """Whether each application was of a firm that had never borrowed; no rows without a file."""
    path = data / "applications.csv"
    if not path.is_file():
        return pl.DataFrame(schema={"application_id": pl.String, "first_time": pl.Boolean})
    return read_applications(path).select("application_id", "first_time")
