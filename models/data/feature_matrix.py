"""Reader of any other feature matrix with labels, by id; it has no feature table and no signs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from features.contract.errors import ContractError
from models.data.split import random_order
from models.data.training_data import TrainingData
from models.tracking.registry import NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ID, LABEL, DATE = "id", "defaulted", "date"
OWN = "own"  # source of every column, and what the model was trained on
TRUE, FALSE = ("true", "1", "1.0"), ("false", "0", "0.0")
EMPTY = ("", "null", "nan", "none", "na")
NAMED = 3  # columns or ids named in a message
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def check_name(name: str) -> None:
    """Check a registered name: not reserved, and valid in the registry.

    Raises
    ------
    ContractError
    """
    if name.casefold().startswith(NAME):
        raise ContractError(
            f"--name: {name!r} is kept for models of this product's own features, which `score` "
            "loads by default. Choose another name."
        )
    if not NAMES.fullmatch(name):
        raise ContractError(
            f"--name: expected up to 80 letters, digits, '.', '_' or '-', got {name!r}."
        )


def read_matrix(features: Path, labels: Path, *, exclude: Sequence[str] = ()) -> TrainingData:
    """Read features and labels, each a CSV or Parquet file, and join them by id.

    Parameters
    ----------
    features : Path
        `id`, and any further columns of numbers or booleans; an empty cell is missing.
    labels : Path
        `id`, `defaulted` (true or false, 1 or 0, empty where unknown) and, if the split shall
        be by time, `date`.
    exclude : sequence of str
        Columns of the features to leave out.

    Returns
    -------
    Material
        Its rows in order of time, or without dates in an order that only the ids decide; `as_of` is
        null then.

    Raises
    ------
    ContractError
        When columns are missing, are not numeric or constant, or ids are repeated or do not
        meet.
    """
    matrix, known = _read(features), _read(labels)
    for path, table, needed in ((features, matrix, (ID,)), (labels, known, (ID, LABEL))):
        _need(path, table, needed)
    missing = sorted(set(exclude) - set(matrix.columns))
    if missing:
        raise ContractError(
            f"settings.exclude: {_some(missing)} in no column of {features}. Correct the list."
        )
    names = tuple(name for name in matrix.columns if name not in {ID, *exclude})
    if LABEL in names:
        raise ContractError(
            f"{features}: {LABEL} is among the features: a model must not see what it predicts. "
            "Drop the column, or name it under `exclude` in the settings."
        )
    numbers = _numbers(features, matrix, names)
    outcome = known.select(
        pl.col(ID).cast(pl.String), _labels(labels, known), _dates(labels, known)
    )
    rows = numbers.join(outcome, on=ID, how="left", maintain_order="left")
    ids = rows[ID].implode()
    met = rows[LABEL].is_not_null().sum()
    if not met:
        raise ContractError(
            f"{labels}: none of its {known.height} rows labels one of the {matrix.height} ids of "
            f"{features}. They belong to different data."
        )
    rows = rows.rename({ID: "application_id", DATE: "as_of"}).with_columns(
        firm_id="application_id", approved=pl.lit(None, dtype=pl.Boolean)
    )
    by_time = rows["as_of"].is_not_null().any()
    if by_time:
        undated = rows.filter(pl.col("as_of").is_null() & pl.col(LABEL).is_not_null()).height
        if undated:
            raise ContractError(
                f"{labels}: {DATE}: empty in {undated} labelled rows. Give every label its date, "
                "or leave the column out for a random split."
            )
        rows = rows.sort("as_of", "application_id")
    else:
        rows = random_order(rows)
    return TrainingData(
        rows=rows,
        names=names,
        signs=dict.fromkeys(names, 0),
        sources=dict.fromkeys(names, OWN),
        fingerprint="",
        trained_on=OWN,
        origin=str(features),
        labels_without_features=known.filter(~pl.col(ID).cast(pl.String).is_in(ids)).height,
    )


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise ContractError(f"{path}: no such file. Give a CSV or Parquet file.")
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            table = pl.read_parquet(path)
        else:
            # ids as they are written: 007 is not 7
            table = pl.read_csv(path, infer_schema_length=None, schema_overrides={ID: pl.String})
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ContractError(f"{path}: not readable as CSV or Parquet: {reason}.") from None
    return table


def _need(path: Path, table: pl.DataFrame, needed: Sequence[str]) -> None:
    absent = [name for name in needed if name not in table.columns]
    if absent:
        raise ContractError(
            f"{path}: column {', '.join(absent)} is missing, it has {_some(table.columns)}. "
            f"Expected {ID} and numbers in the features; {ID}, {LABEL} and perhaps {DATE} in the "
            "labels."
        )
    ids = table[ID].cast(pl.String)
    repeated = ids.filter(ids.is_duplicated()).unique(maintain_order=True)
    if len(repeated) or ids.null_count():
        what = f"{len(repeated)} ids stand twice, first {repeated[0]!r}" if len(repeated) else ""
        what = what or f"{ids.null_count()} rows have none"
        raise ContractError(f"{path}: {ID}: expected one row for each id; {what}.")


def _numbers(path: Path, matrix: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The features as floats, NaN read as missing."""
    text = [n for n in names if not (matrix[n].dtype.is_numeric() or matrix[n].dtype == pl.Boolean)]
    text = [n for n in text if matrix[n].null_count() < matrix.height]
    if text:
        raise ContractError(
            f"{path}: {_some(text)}: expected numbers, got {matrix[text[0]].dtype}, such as "
            f"{matrix[text[0]].drop_nulls()[0]!r}. Code categories as numbers, or name the columns "
            "under `exclude` in the settings."
        )
    numbers = matrix.select(
        pl.col(ID).cast(pl.String),
        *(pl.col(name).cast(pl.Float64, strict=False).fill_nan(None) for name in names),
    )
    endless = [name for name in names if numbers[name].is_infinite().any()]
    if endless:
        raise ContractError(
            f"{path}: {_some(endless)}: infinite in some rows. Give numbers, or leave cells empty."
        )
    empty = [name for name in names if numbers[name].null_count() == numbers.height]
    if empty or not names:
        raise ContractError(
            f"{path}: {_some(empty)}: empty in all {numbers.height} rows. Fill the column, drop "
            "it, or name it under `exclude` in the settings."
            if empty
            else f"{path}: no column of features beside {ID}."
        )
    return numbers


def _labels(path: Path, known: pl.DataFrame) -> pl.Expr:
    text = known[LABEL].cast(pl.String).str.to_lowercase().str.strip_chars()
    allowed = (*TRUE, *FALSE, *EMPTY)
    wrong = text.filter(~text.is_in(allowed) & text.is_not_null())
    if len(wrong):
        raise ContractError(
            f"{path}: {LABEL}: expected true or false (or 1 or 0, or empty), got {wrong[0]!r} and "
            f"the like in {len(wrong)} rows. Correct the labels; nothing was written."
        )
    lower = pl.col(LABEL).cast(pl.String).str.to_lowercase().str.strip_chars()
    return (
        pl.when(lower.is_in(TRUE))
        .then(pl.lit(True))
        .when(lower.is_in(FALSE))
        .then(pl.lit(False))
        .otherwise(None)
        .alias(LABEL)
    )


def _dates(path: Path, known: pl.DataFrame) -> pl.Expr:
    if DATE not in known.columns:
        return pl.lit(None, dtype=pl.Date).alias(DATE)
    if known[DATE].dtype.is_temporal():
        return pl.col(DATE).cast(pl.Date)
    read = known[DATE].cast(pl.String).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    wrong = known[DATE].filter(read.is_null() & known[DATE].is_not_null())
    if len(wrong):
        raise ContractError(
            f"{path}: {DATE}: expected dates as 2025-03-31, got {str(wrong[0])!r} and the like in "
            f"{len(wrong)} rows."
        )
    return pl.lit(read).alias(DATE)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown
