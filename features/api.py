"""Features from a notebook or a script."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from features.io.dataframe_reader import AnyFrame
    from features.loan.season import Season


def build(
    applications: AnyFrame,
    signals: str | Path | Mapping[str, AnyFrame],
    *,
    as_of: AnyFrame | dt.date | None = None,
    reference: pl.DataFrame | None = None,
    season: Season | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    """Compute every feature as known on the day of each application, or of open loans on any day.

    Parameters
    ----------
    applications : pandas or Polars DataFrame of shape (n, any)
        Rows of the contract's table `applications` (docs/contract.md); `application_id`,
        `firm_id`, `applied_on` and `first_time` must be there. Dates may be dates or text. With
        `as_of` rows of the table `loans` instead.
    signals : path, or mapping of table name to DataFrame
        A folder of signal tables, or the tables themselves: `firms`, `coverage`, `invoices` ...,
        as many as there are.
    as_of : date, or DataFrame with loan_id, firm_id and as_of, optional
        Day on which every loan is looked at, or days of some loans.
    reference : polars.DataFrame, optional
        What is usual among peers, the `reference` of a trained model; without it the features
        that compare with peers are missing.
    season : Season, optional
        What is usual by season, the `season` of a model of open loans; without it the features
        adjusted for the season are missing.
    workers : int
        Buckets of firms in work at a time; the result does not depend on it.

    Returns
    -------
    pandas.DataFrame of shape (n, 3 + n_features)
        In the order given: application_id (or loan_id), firm_id, as_of, then the features of
        docs/features.md, each with its unit there. What is not known is NaN.

    Raises
    ------
    ContractError
        If a table or column is missing, an application is bad, or more than 1 % of a signal
        table's rows are.

    Warns
    -----
    UserWarning
        Of columns that are ignored and of bad signal rows that are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> import features
    >>> applications = pd.read_csv("world/applications.csv", nrows=3)
    >>> rows = features.build(applications, "world")
    >>> rows["application_id"].tolist()
    ['A0000000', 'A0000001', 'A0000002']
    """
    from features.engine.build import build_features  # noqa: PLC0415
    from features.io.dataframe_reader import read_signals_of  # noqa: PLC0415
    from features.io.signal_reader import Signals  # noqa: PLC0415 (whoever needs a table waits for no engine)

    given, notes = _whole(applications, "applications" if as_of is None else "loans")
    if isinstance(signals, Mapping):
        frames, rejects, of_signals = read_signals_of(signals)
        opened = Signals.from_frames(frames)
    else:
        opened, rejects, of_signals = Signals.open(Path(signals)), {}, ()
    if as_of is None:
        rows = build_features(opened, given, reference=reference, workers=workers)
    else:
        from features.loan.build import build_loan_features  # noqa: PLC0415

        days, of_days = _snapshots(as_of, given)
        notes = (*notes, *of_days)
        rows = build_loan_features(
            opened, days, given, season=season, reference=reference, workers=workers
        )
    for note in (*notes, *of_signals, *opened.warnings):
        warnings.warn(note, stacklevel=2)
    for table, bad in (rejects | opened.rejects).items():
        count = bad["line"].n_unique() if bad["line"].null_count() == 0 else bad.height
        warnings.warn(f"{table}: left out {count} bad rows", stacklevel=2)
    return rows.to_pandas()


def _whole(frame: AnyFrame, table: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Typed rows of a table and what was noticed; ContractError if one of them is bad."""
    from features.contract.validation import bad_rows_error  # noqa: PLC0415
    from features.io.dataframe_reader import read_frame  # noqa: PLC0415

    reading = read_frame(frame, table)
    if reading.rejected:
        raise bad_rows_error(
            table,
            reading.rejects.row(0, named=True),
            bad=reading.rejected,
            rows=reading.rows,
            unit="row",
            remedy="Mend or drop them.",
        )
    return reading.frame.drop("file_line"), tuple(reading.warnings)


def _snapshots(
    as_of: AnyFrame | dt.date, loans: pl.DataFrame
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    import polars as pl  # noqa: PLC0415 (help waits for no engine)

    if isinstance(as_of, dt.date):
        return loans.select("loan_id", "firm_id", as_of=pl.lit(as_of)), ()
    return _whole(as_of, "snapshots")
