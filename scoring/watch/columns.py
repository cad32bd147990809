"""The watch list: its columns and its rejects."""

import polars as pl

from features.contract.cells import neutral
from features.contract.tables import SOURCES
from scoring.run.output import REASONS

WATCHED, CLOSED, INSUFFICIENT = "watched", "closed", "insufficient_data"
"""Statuses of a row; rows that cannot be used are in the rejects."""

DEFAULT_GRADE = "default"
"""Grade of a loan that is 90 days past due already."""

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "loan_id": pl.String,
    "firm_id": pl.String,
    "as_of": pl.Date,
    "status": pl.String,
    "pd": pl.Float64,
    "pd_before": pl.Float64,
    "pd_change": pl.Float64,
    "grade": pl.String,
    "grade_before": pl.String,
    "action": pl.String,
    "rules": pl.String,
    "rules_text": pl.String,
    "rules_zh": pl.String,
    **{f"reason_{k}": pl.String for k in range(1, REASONS + 1)},
    **{f"reason_{k}_text": pl.String for k in range(1, REASONS + 1)},
    **{f"reason_{k}_zh": pl.String for k in range(1, REASONS + 1)},
    "balance_cny": pl.Float64,
    "limit_cny": pl.Float64,
    "days_past_due": pl.Int64,
    "months_on_book": pl.Float64,
    **{f"coverage_{source}": pl.Float64 for source in SOURCES},
    "missing_sources": pl.String,
    "model": pl.String,
}
"""Columns of the watch list, in order."""

REJECTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "line": pl.Int64,
    "loan_id": pl.String,
    "column": pl.String,
    "value": pl.String,
    "problem": pl.String,
}
"""Columns of the rejects CSV, in order."""

_DECIMALS = (
    dict.fromkeys(("pd", "pd_before", "pd_change"), 6)
    | dict.fromkeys(("balance_cny", "limit_cny"), 2)
    | {"months_on_book": 1}
    | {f"coverage_{source}": 3 for source in SOURCES}
)


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """Rows of `SCHEMA` or `REJECTS` as UTF-8 text with Unix line ends; no cell is a formula."""
    cells = [
        pl.col(name).round(_DECIMALS[name])
        if name in _DECIMALS
        else neutral(pl.col(name))
        if dtype == pl.String
        else pl.col(name)
        for name, dtype in frame.schema.items()
    ]
    return frame.select(cells).write_csv(line_terminator="\n").encode()
