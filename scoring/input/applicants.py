"""The applicants file: which rows can be scored, and what is wrong with the others.

Every row of the file ends up in exactly one place, `frame` or `rejects`.
"""

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.contract.errors import ContractError
from features.contract.tables import CHANNELS, LENDER_TYPES, PURPOSES
from features.io.csv_reader import Reading, read_csv
from features.io.storage import sha256_of
from scoring.run.output import SCORED_REJECTS, SEPARATOR

EARLIEST = dt.date(2000, 1, 1)
"""No record of any source goes back further; an older date is a slip of the pen."""

_LONGEST_ID = 100
_CONTROLS = r"\x00-\x1f\x7f"
_IDS = ("application_id", "firm_id")
_PLAIN_ID = re.compile(f"[^{_CONTROLS}]{{0,{_LONGEST_ID}}}")
"""An id in which `problems` finds nothing odd."""

_CATEGORIES = {
    "purpose": frozenset(PURPOSES),
    "lender_type": frozenset(LENDER_TYPES),
    "channel": frozenset(CHANNELS),
}


@dataclass(frozen=True, eq=False)
class Applicants:
    """What came out of an applicants file.

    Attributes
    ----------
    frame : polars.DataFrame
        Rows fit to score, in file order: the contract's columns, `line` (Int64, in the file),
        `row` (UInt32, position among them) and `category_flags`: columns whose value is on no list
        of the contract, such as `unknown_purpose`, joined by ;.
    rejects : polars.DataFrame
        One row per problem, schema `scoring.run.output.SCORED_REJECTS`.
    read : int
        Rows in the file.
    sha256 : str
        Hash of the file.
    warnings : tuple of str
    """

    frame: pl.DataFrame
    rejects: pl.DataFrame
    read: int
    sha256: str
    warnings: tuple[str, ...]

    @property
    def rejected(self) -> int:
        """Number of rows that cannot be scored."""
        return self.read - self.frame.height

    def without(self, problems: pl.DataFrame) -> "Applicants":
        """Move the rows on the lines of `problems` (schema `SCORED_REJECTS`) to the rejects."""
        lines = problems["line"].unique().implode()
        return Applicants(
            frame=self.frame.filter(~pl.col("line").is_in(lines)),
            rejects=_sorted([self.rejects, problems]),
            read=self.read,
            sha256=self.sha256,
            warnings=self.warnings,
        )


def read_applicants(path: Path, *, today: dt.date) -> Applicants:
    """Read an applicants file and set aside the rows that cannot be scored.

    Parameters
    ----------
    path : pathlib.Path
        CSV file of the contract's table `applications`.
    today : datetime.date
        Applications dated later are rejected.

    Raises
    ------
    ContractError
        If the file is missing, unreadable, empty, lacks a column, or changes while it is read.
    """
    before = _sha256(path) if path.is_file() else ""
    reading = read_csv(path, "applications")
    sha256 = _sha256(path)
    if sha256 != before:
        raise ContractError(
            f"{path}: the file changed while it was read. Wait until it is complete, "
            "then score again; nothing was written."
        )
    return split_rejects(reading, sha256=sha256, today=today)


def split_rejects(reading: Reading, *, sha256: str = "", today: dt.date) -> Applicants:
    """Part the rows that were read into those fit to score and the rejects.

    Parameters
    ----------
    reading : features.io.csv_reader.Reading
        Of the table `applications`.
    sha256 : str
        Hash of the file, empty where there is none.
    today : datetime.date
        Applications dated later are rejected.
    """
    frame = reading.frame.rename({"file_line": "line"})
    frame = frame.hstack([_category_flags(frame)])
    applicants = Applicants(
        frame=frame.with_row_index("row"),
        rejects=reading.rejects.rename({"id": "application_id"})[list(SCORED_REJECTS)],
        read=reading.rows,
        sha256=sha256,
        warnings=reading.warnings,
    )
    rejected = problems(applicants.frame, today=today)
    return applicants.without(rejected) if rejected.height else applicants


def problems(frame: pl.DataFrame, *, today: dt.date) -> pl.DataFrame:
    """Find what the contract's own checks leave open: dates, lengths, repeated ids.

    Parameters
    ----------
    frame : polars.DataFrame
        Typed applications with `line`.
    today : datetime.date

    Returns
    -------
    polars.DataFrame, schema `scoring.run.output.SCORED_REJECTS`
    """
    if not _suspicious(frame, today):
        return pl.DataFrame(schema=SCORED_REJECTS)
    applied = pl.col("applied_on")
    parts = [
        _problem(frame, applied > today, "applied_on", f"is after today ({today})"),
        _problem(frame, applied < EARLIEST, "applied_on", f"is before {EARLIEST}"),
    ]
    for name in _IDS:
        column = pl.col(name)
        parts += [
            _problem(
                frame,
                column.str.len_chars() > _LONGEST_ID,
                name,
                f"is longer than {_LONGEST_ID} characters",
            ),
            _problem(
                frame,
                column.str.contains(f"[{_CONTROLS}]"),
                name,
                "holds a line break or another control character",
            ),
        ]
    return _sorted([*parts, _repeated(frame)])


def _suspicious(frame: pl.DataFrame, today: dt.date) -> bool:
    """One quick look at whether `problems` would find any."""
    if frame.is_empty():
        return False
    days = frame["applied_on"]
    first, last = days.min(), days.max()
    assert isinstance(first, dt.date)  # noqa: S101 - the contract wants the column filled
    assert isinstance(last, dt.date)  # noqa: S101
    return (
        first < EARLIEST
        or last > today
        or frame["application_id"].n_unique() < frame.height
        or not all(all(map(_PLAIN_ID.fullmatch, frame[name].to_list())) for name in _IDS)
    )


def _category_flags(frame: pl.DataFrame) -> pl.Series:
    """Names of the columns whose value is on no list of the contract, joined by ;."""
    name = "category_flags"
    unlisted = [
        column
        for column, known in _CATEGORIES.items()
        if not set(frame[column].to_list()) <= known | {None}
    ]
    if not unlisted:
        return pl.Series(name, [""]).new_from_index(0, frame.height)
    marks = [
        pl.when(~pl.col(column).is_in(_CATEGORIES[column])).then(pl.lit(f"unknown_{column}"))
        for column in unlisted
    ]
    joined = pl.concat_str(marks, separator=SEPARATOR, ignore_nulls=True)
    return frame.select(joined.alias(name)).to_series()


def unmatched(frame: pl.DataFrame, firms: pl.DataFrame) -> pl.DataFrame:
    """Find applications of unknown firms, and of firms founded later.

    Parameters
    ----------
    frame : polars.DataFrame
        Applications with `line`.
    firms : polars.DataFrame with columns firm_id, founded_on
        Every firm that any signal table names.

    Returns
    -------
    polars.DataFrame, schema `scoring.run.output.SCORED_REJECTS`
    """
    known = frame.join(firms.with_columns(found=pl.lit(True)), on="firm_id", how="left")
    return _sorted(
        [
            _problem(
                known,
                pl.col("found").is_null(),
                "firm_id",
                "no signal table names this firm; check the id and that its signals were delivered",
            ),
            _problem(
                known,
                pl.col("applied_on") < pl.col("founded_on"),
                "applied_on",
                "is before the firm was founded",
            ),
        ]
    )


def _repeated(frame: pl.DataFrame) -> pl.DataFrame:
    """A row that repeats another word for word goes; of contradicting rows none can be trusted."""
    content = [c for c in frame.columns if c not in ("line", "row")]
    marked = frame.with_columns(
        copies=pl.len().over("application_id"),
        same=pl.struct(content).n_unique().over("application_id"),
        first=pl.col("line").min().over("application_id"),
    ).filter(pl.col("copies") > 1)
    again = (pl.col("same") == 1) & (pl.col("line") > pl.col("first"))
    clash = pl.col("same") > 1
    return (
        marked.filter(again | clash)
        .with_columns(
            problem=pl.when(again)
            .then(pl.format("repeats line {}", pl.col("first")))
            .otherwise(pl.format("{} rows with this id contradict each other", pl.col("copies"))),
            column=pl.lit("application_id"),
            value=pl.col("application_id"),
        )
        .select(*SCORED_REJECTS)
    )


def _problem(frame: pl.DataFrame, bad: pl.Expr, column: str, text: str) -> pl.DataFrame:
    return (
        frame.filter(bad)
        .with_columns(
            column=pl.lit(column), value=pl.col(column).cast(pl.String), problem=pl.lit(text)
        )
        .select(*SCORED_REJECTS)
    )


def _sorted(parts: list[pl.DataFrame]) -> pl.DataFrame:
    schema = pl.DataFrame(schema=SCORED_REJECTS)
    return pl.concat([schema, *parts]).sort("line", maintain_order=True, nulls_last=True)


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""  # read_csv says what is wrong with the path
