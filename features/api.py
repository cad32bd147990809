"""Features from a notebook or a script."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from features.io.dataframe_reader import AnyFrame


def build(
    applications: AnyFrame,
    signals: str | Path | Mapping[str, AnyFrame],
    *,
    reference: pl.DataFrame | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    """Compute every feature as known on the day of each application.

    Parameters
    ----------
    applications : pandas or Polars DataFrame of shape (n, any)
        Rows of the contract's table `applications` (docs/contract.md); `application_id`,
        `firm_id`, `applied_on` and `first_time` must be there. Dates may be dates or text.
    signals : path, or mapping of table name to DataFrame
        A folder of signal tables, or the tables themselves: `firms`, `coverage`, `invoices` ...,
        as many as there are.
    reference : polars.DataFrame, optional
        What is usual among peers, the `reference` of a trained model; without it the features
        that compare with peers are missing.
    workers : int
        Buckets of firms in work at a time; the result does not depend on it.

    Returns
    -------
    pandas.DataFrame of shape (n, 3 + n_features)
        In the order given: application_id, firm_id, as_of, then the features of docs/features.md,
        each with its unit there. What is not known is NaN.

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
    from features.contract.validation import bad_rows_error  # noqa: PLC0415
    from features.engine.build import build_features  # noqa: PLC0415
    from features.io.dataframe_reader import read_frame, read_signals_of  # noqa: PLC0415
    from features.io.signal_reader import Signals  # noqa: PLC0415 (whoever needs a table waits for no engine)

    reading = read_frame(applications, "applications")
    if reading.rejected:
        raise bad_rows_error(
            "applications",
            reading.rejects.row(0, named=True),
            bad=reading.rejected,
            rows=reading.rows,
            unit="row",
            remedy="Mend or drop them.",
        )
    if isinstance(signals, Mapping):
        frames, rejects, notes = read_signals_of(signals)
        opened = Signals.from_frames(frames)
    else:
        opened, rejects, notes = Signals.open(Path(signals)), {}, ()
    rows = build_features(
        opened, reading.frame.drop("file_line"), reference=reference, workers=workers
    )
    for note in (*reading.warnings, *notes, *opened.warnings):
        warnings.warn(note, stacklevel=2)
    for table, bad in (rejects | opened.rejects).items():
        count = bad["line"].n_unique() if bad["line"].null_count() == 0 else bad.height
        warnings.warn(f"{table}: left out {count} bad rows", stacklevel=2)
    return rows.to_pandas()
