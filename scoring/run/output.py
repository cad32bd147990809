"""The scored CSV: its columns, and cells that no spreadsheet mistakes for a formula."""

from pathlib import Path

import polars as pl

from features.contract.cells import neutral
from features.contract.tables import SOURCES

REASONS = 5

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "application_id": pl.String,
    "firm_id": pl.String,
    "as_of": pl.Date,
    "status": pl.String,
    "score": pl.Int64,
    "pd": pl.Float64,
    "grade": pl.String,
    "decision": pl.String,
    **{f"reason_{k}": pl.String for k in range(1, REASONS + 1)},
    **{f"reason_{k}_text": pl.String for k in range(1, REASONS + 1)},
    **{f"reason_{k}_zh": pl.String for k in range(1, REASONS + 1)},
    **{f"coverage_{source}": pl.Float64 for source in SOURCES},
    "pd_low": pl.Float64,
    "pd_high": pl.Float64,
    "flags": pl.String,
    "missing_sources": pl.String,
    "model": pl.String,
    "limit_cny": pl.Int64,
    "rate_pct": pl.Float64,
    "term_months": pl.Int64,
    "plan": pl.String,
    "expected_loss_cny": pl.Float64,
    "expected_profit_cny": pl.Float64,
    "limit_reason": pl.String,
    "limit_reason_zh": pl.String,
}
"""Columns of the scored CSV, in order (docs/design.md, Scored CSV)."""

SHADOW: dict[str, pl.DataType | type[pl.DataType]] = {
    "shadow_score": pl.Int64,
    "shadow_pd": pl.Float64,
    "shadow_grade": pl.String,
    "shadow_decision": pl.String,
    "shadow_reasons": pl.String,
    "shared_reasons": pl.Int64,
    "shadow_model": pl.String,
}
"""Columns of a challenger, after those of the champion, where one is scored along."""

SCORED_REJECTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "line": pl.Int64,
    "application_id": pl.String,
    "column": pl.String,
    "value": pl.String,
    "problem": pl.String,
}
"""Columns of the rejects CSV, in order."""

SEPARATOR = ";"
"""Between several flags or several missing sources in one cell."""

_LONGEST_CELL = 200
_DECIMALS = (
    dict.fromkeys(("pd", "pd_low", "pd_high", "shadow_pd"), 6)
    | {f"coverage_{s}": 3 for s in SOURCES}
    | dict.fromkeys(("rate_pct", "expected_loss_cny", "expected_profit_cny"), 2)
)


def csv_bytes(frame: pl.DataFrame, *, header: bool) -> bytes:
    """Rows of the scored CSV as UTF-8 text with Unix line ends.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns of `SCHEMA`, and of `SHADOW` if they shall be written.
    header : bool
        Whether the column names come first.
    """
    cells = [
        pl.col(name).round(_DECIMALS[name])
        if name in _DECIMALS
        else neutral(pl.col(name))
        if dtype == pl.String
        else pl.col(name)
        for name, dtype in {**SCHEMA, **SHADOW}.items()
        if name in SCHEMA or name in frame.columns
    ]
    return _csv(frame.select(cells), header=header)


def rejects_bytes(rejects: pl.DataFrame) -> bytes:
    """Write the rejects CSV; long cells are cut, so that one bad field cannot fill the file."""
    texts = [name for name, dtype in SCORED_REJECTS.items() if dtype == pl.String]
    shown = rejects.select(*SCORED_REJECTS).with_columns(
        neutral(
            pl.when(pl.col(name).str.len_chars() > _LONGEST_CELL)
            .then(pl.concat_str(pl.col(name).str.slice(0, _LONGEST_CELL), pl.lit("…")))
            .otherwise(pl.col(name))
        ).alias(name)
        for name in texts
    )
    return _csv(shown, header=True)


def beside(out: Path, ending: str) -> Path:
    """Path next to the scored CSV, such as `scored.rejects.csv` for the ending `.rejects.csv`."""
    stem = out.name.removesuffix(".csv")
    return out.with_name(f"{stem}{ending}")


def _csv(frame: pl.DataFrame, *, header: bool) -> bytes:
    return frame.write_csv(include_header=header, line_terminator="\n").encode()
