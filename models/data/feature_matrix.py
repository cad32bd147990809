"""Reader of any other feature matrix with labels, by id; it has no feature table and no signs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from features.contract.cells import EMPTY_WORDS, canonical_ids, local_day, numbers, typed
from features.contract.errors import ContractError
from features.io.csv_reader import read_text
from models.data.exclusion import excluded
from models.data.split import random_order
from models.data.training_data import ATTRIBUTES, TrainingData
from models.estimators.model import OWN
from models.tracking.registry import NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ID, LABEL, DATE = "id", "defaulted", "date"
BAD = ("true", "1", "1.0", "yes", "y", "t", "bad", "default", "defaulted", "是", "坏", "违约")
GOOD = ("false", "0", "0.0", "no", "n", "f", "good", "paid", "repaid", "否", "好", "正常")
EMPTY = ("", "?", *EMPTY_WORDS)
MOST_LEVELS = 100  # different words that make a category
NUMERIC_FROM = 0.5  # share of cells that are numbers above which a column is meant to be numeric
NAMED = 3  # columns or ids named in a message
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

RESERVED = frozenset(
    {
        *(
            "application_id",
            "firm_id",
            "as_of",
            DATE,
            "approved",
            "accepted",
            "slice",
            "labelled",
            "order_",
        ),
        *("first_time", "lender_type", "sources_covered", "month", *ATTRIBUTES),
    }
)
"""Names that a training gives to columns of its own; a feature so called gets a prefix."""
PREFIX = "own_"


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


def read_matrix(
    features: Path,
    labels: Path | None,
    *,
    exclude: Sequence[str] = (),
    missing_codes: Sequence[str] = (),
) -> TrainingData:
    """Read features and labels, each a CSV or Parquet file, and join them by id.

    Parameters
    ----------
    features : Path
        `id`, and any further columns of numbers, booleans or words; a column of words is a
        category. An empty cell, `?`, `NA`, `NULL` and the like are missing.
    labels : Path or None
        `id`, `defaulted` (true or false, 1 or 0, bad or good, empty where unknown) and, if the
        split shall be by time, `date`. Without it nothing is labelled.
    exclude : sequence of str
        Columns of the features to leave out, by name or pattern.
    missing_codes : sequence of str
        Further words or numbers that mean missing, such as -999.

    Returns
    -------
    TrainingData
        Its rows in order of time, or without dates in an order that only the ids decide; `as_of` is
        null then. Categories are still words: `models.data.training_data.with_codes` codes them.

    Raises
    ------
    ContractError
        When columns are missing, hold neither numbers nor categories, or are empty, or ids are
        repeated or do not meet.
    """
    matrix = _read(features)
    _need(features, matrix, (ID,))
    left_out = excluded(exclude, [name for name in matrix.columns if name != ID])
    columns = tuple(name for name in matrix.columns if name not in {ID, *left_out})
    if LABEL in columns:
        raise ContractError(
            f"{features}: {LABEL} is among the features: a model must not see what it predicts. "
            "Drop the column, or name it under `exclude` in the settings."
        )
    named = {f"{PREFIX}{name}" if name in RESERVED else name: name for name in columns}
    values = _values(features, matrix, named, missing_codes)
    outcome = read_labels(labels)
    rows = values.join(outcome, on=ID, how="left", maintain_order="left")
    if labels is not None and not rows[LABEL].is_not_null().any():
        raise ContractError(
            f"{labels}: none of its {outcome.height} rows labels one of the {matrix.height} ids of "
            f"{features}. They belong to different data."
        )
    rows = rows.rename({ID: "application_id", DATE: "as_of"}).with_columns(
        firm_id="application_id",
        approved=pl.lit(None, dtype=pl.Boolean),
        accepted=pl.lit(None, dtype=pl.Boolean),
    )
    names = tuple(named)
    return TrainingData(
        rows=_in_order(rows, labels or features),
        names=names,
        signs=dict.fromkeys(names, 0),
        sources=dict.fromkeys(names, OWN),
        fingerprint="",
        trained_on=OWN,
        origin=str(features),
        labels_without_features=outcome.join(matrix, on=ID, how="anti").height,
        columns={name: column for name, column in named.items() if name != column},
    )


def read_labels(labels: Path | None) -> pl.DataFrame:
    """Read labels: id, defaulted (Boolean) and date (Date); without a file there are none.

    Raises
    ------
    ContractError
        When columns are missing, cells are no labels or dates, or ids are repeated.
    """
    if labels is None:
        return pl.DataFrame(schema={ID: pl.String, LABEL: pl.Boolean, DATE: pl.Date})
    known = _read(labels)
    _need(labels, known, (ID, LABEL))
    return pl.DataFrame([known[ID], _labels(labels, known), _dates(labels, known)])


def _in_order(rows: pl.DataFrame, labels: Path) -> pl.DataFrame:
    if not rows["as_of"].is_not_null().any():
        return random_order(rows)
    undated = rows.filter(pl.col("as_of").is_null() & pl.col(LABEL).is_not_null()).height
    if undated:
        raise ContractError(
            f"{labels}: {DATE}: empty in {undated} labelled rows. Give every label its date, "
            "or leave the column out for a random split."
        )
    return rows.sort("as_of", "application_id")


def _read(path: Path) -> pl.DataFrame:
    """A table with its ids as text; of a CSV file every column is text."""
    if not path.is_file():
        raise ContractError(f"{path}: no such file. Give a CSV or Parquet file.")
    if path.suffix.lower() in {".parquet", ".pq"}:
        try:
            lazy = pl.scan_parquet(path)
            for column, dtype in lazy.collect_schema().items():
                if dtype.is_nested():  # a deep one would end the process when it is read
                    raise ContractError(
                        f"{path}: {column}: expected numbers or words, got {type(dtype).__name__}. "
                        "Leave the column out of the file."
                    )
            table = lazy.collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise ContractError(f"{path}: not readable as Parquet: {reason}.") from None
    else:
        text = read_text(path, expected=(ID,))
        if text.rejects.height:
            first = text.rejects.row(0, named=True)
            raise ContractError(
                f"{path}: line {first['line']}: {first['problem']}; {text.rejects.height} such "
                "lines. Mend them; nothing was written."
            )
        table = text.frame.drop("file_line")
        # an index that pandas wrote has no name, and says nothing
        table = table.drop(name for name in table.columns if name.startswith("(column "))
    if ID not in table.columns:
        return table
    # as they are written: 007 is not 7
    return table.with_columns(canonical_ids(table[ID].cast(pl.String)))


def _need(path: Path, table: pl.DataFrame, needed: Sequence[str]) -> None:
    absent = [name for name in needed if name not in table.columns]
    if absent:
        raise ContractError(
            f"{path}: column {', '.join(absent)} is missing, it has {_some(table.columns)}. "
            f"Expected {ID} and numbers or words in the features; {ID}, {LABEL} and perhaps {DATE} "
            "in the labels."
        )
    ids = table[ID]
    repeated = ids.filter(ids.is_duplicated()).drop_nulls().unique(maintain_order=True)
    if len(repeated) or ids.null_count():
        what = (
            f"{len(repeated)} ids stand more than once, first {repeated[0]!r}"
            if len(repeated)
            else f"{ids.null_count()} rows have none"
        )
        raise ContractError(f"{path}: {ID}: expected one row for each id; {what}.")


def _values(
    path: Path, matrix: pl.DataFrame, named: dict[str, str], codes: Sequence[str]
) -> pl.DataFrame:
    """Ids, and each feature as floats or, of a category, as words."""
    if not named:
        raise ContractError(f"{path}: no column of features beside {ID}.")
    values = [_feature(path, matrix[column], codes).alias(name) for name, column in named.items()]
    frame = pl.DataFrame([matrix[ID], *values])
    empty = [named[name] for name in named if frame[name].null_count() == frame.height]
    if empty:
        raise ContractError(
            f"{path}: {_some(empty)}: empty in all {frame.height} rows. Fill the column, drop it, "
            "or name it under `exclude` in the settings."
        )
    endless = [
        named[name]
        for name in named
        if frame[name].dtype == pl.Float64 and frame[name].is_infinite().any()
    ]
    if endless:
        raise ContractError(
            f"{path}: {_some(endless)}: infinite in some rows. Give numbers, or leave cells empty."
        )
    return frame


def _feature(path: Path, column: pl.Series, codes: Sequence[str]) -> pl.Series:
    """Floats with null where missing, or words of a category."""
    dtype = column.dtype
    coded = numbers(pl.Series(list(codes), dtype=pl.String)).drop_nulls()
    if dtype.is_numeric() or dtype in (pl.Boolean, pl.Null):
        value = column.cast(pl.Float64, strict=False).fill_nan(None)
        return value.set(value.is_in(coded.implode()), None)
    if dtype not in (pl.String, pl.Categorical) and not isinstance(dtype, pl.Enum):
        raise ContractError(
            f"{path}: {column.name}: expected numbers or words, got {dtype}. Turn the column into "
            "numbers, or name it under `exclude` in the settings."
        )
    text = column.cast(pl.String).str.strip_chars()
    text = text.set(text.str.to_lowercase().is_in([*EMPTY, *codes]) | text.is_in(codes), None)
    value = numbers(text)
    unread = text.filter(value.is_null() & text.is_not_null())
    if unread.is_empty():
        value = value.fill_nan(None)
        return value.set(value.is_in(coded.implode()), None)
    truth = typed(text, pl.Boolean)
    if truth.null_count() == text.null_count():
        return truth.cast(pl.Float64)
    filled = len(text) - text.null_count()
    if filled - len(unread) > NUMERIC_FROM * filled:
        raise ContractError(
            f"{path}: {column.name}: expected numbers, got {unread[0]!r} and the like in "
            f"{len(unread)} rows. Mend them, or give the word as a code of missing (--missing)."
        )
    if (levels := unread.n_unique()) > MOST_LEVELS:
        raise ContractError(
            f"{path}: {column.name}: {levels} different words, such as {unread[0]!r}; a category "
            f"has at most {MOST_LEVELS}. Group them, or name the column under `exclude` in the "
            "settings."
        )
    return text


def _labels(path: Path, known: pl.DataFrame) -> pl.Series:
    text = known[LABEL].cast(pl.String).str.to_lowercase().str.strip_chars()
    text = text.set(text.is_in(EMPTY), None)
    bad, good = text.is_in(BAD), text.is_in(GOOD)
    wrong = known[LABEL].filter(text.is_not_null() & ~(bad | good))
    if len(wrong):
        raise ContractError(
            f"{path}: {LABEL}: expected true or false (1 or 0, bad or good, or empty), got "
            f"{str(wrong[0])!r} and the like in {len(wrong)} rows. Correct the labels; nothing was "
            "written."
        )
    return bad.set(text.is_null(), None).alias(LABEL)


def _dates(path: Path, known: pl.DataFrame) -> pl.Series:
    if DATE not in known.columns:
        return pl.Series(DATE, [None], pl.Date).new_from_index(0, known.height)
    given = known[DATE]
    if isinstance(given.dtype, pl.Datetime) and given.dtype.time_zone is not None:
        return known.select(local_day(pl.col(DATE), given.dtype))[DATE]
    if given.dtype.is_temporal():
        return given.cast(pl.Date)
    text = given.cast(pl.String).str.strip_chars()
    text = text.set(text.str.to_lowercase().is_in(EMPTY), None)
    days = typed(text, pl.Date)
    wrong = text.filter(days.is_null() & text.is_not_null())
    if len(wrong):
        raise ContractError(
            f"{path}: {DATE}: expected dates as 2025-03-31, got {wrong[0]!r} and the like in "
            f"{len(wrong)} rows."
        )
    return days


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown
