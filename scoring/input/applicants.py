"""The applicants file: which rows can be scored, and what is wrong with the others.

Every row of the file ends up in exactly one place, `frame` or `rejects`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.contract.errors import ContractError
from features.contract.tables import CHANNELS, LENDER_TYPES, PURPOSES
from features.io.csv_reader import Reading, read_csv
from features.io.storage import sha256_of
from scoring.input.row_checks import (
    UNKNOWN_FIRM,
    Rule,
    broken,
    id_rules,
    in_file_order,
    repeated,
)
from scoring.run.output import SCORED_REJECTS, SEPARATOR

_IDS = ("application_id", "firm_id")

_CATEGORIES = {
    "purpose": frozenset(PURPOSES),
    "lender_type": frozenset(LENDER_TYPES),
    "channel": frozenset(CHANNELS),
}


@dataclass(frozen=True, eq=False)
class Applicants:
    """Scorable rows and rejects of an applicants file.

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
            rejects=in_file_order([self.rejects, problems], SCORED_REJECTS),
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
    """Split rows into scorable ones and rejects.

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
    """Check dates, id lengths, control characters and repeated ids.

    Parameters
    ----------
    frame : polars.DataFrame
        Typed applications with `line`.
    today : datetime.date

    Returns
    -------
    polars.DataFrame, schema `scoring.run.output.SCORED_REJECTS`
    """
    applied = pl.col("applied_on")
    late: Rule = ("applied_on", applied > today, f"is after today ({today})")
    found = broken(frame, [late, *id_rules(_IDS)], SCORED_REJECTS)
    found += repeated(frame, "application_id", SCORED_REJECTS, besides=("line", "row"))
    return in_file_order(found, SCORED_REJECTS)


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


def unmatched(frame: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Find applications of unknown firms, and of firms founded later.

    Parameters
    ----------
    frame : polars.DataFrame
        Applications with `line`.
    tables : mapping of table name to polars.DataFrame
        Signals of their firms.

    Returns
    -------
    polars.DataFrame, schema `scoring.run.output.SCORED_REJECTS`
    """
    founded = _founding_days(tables)
    firms = frame["firm_id"].to_list()
    unknown = _named_nowhere(set(firms) - founded.keys(), tables)
    too_early = [
        (day := founded.get(firm)) is not None and applied < day
        for firm, applied in zip(firms, frame["applied_on"], strict=True)
    ]
    rules: list[Rule] = [
        (
            "firm_id",
            pl.Series([firm in unknown for firm in firms], dtype=pl.Boolean),
            UNKNOWN_FIRM,
        ),
        (
            "applied_on",
            pl.Series(too_early, dtype=pl.Boolean),
            "is before the firm was founded",
        ),
    ]
    return in_file_order(broken(frame, rules, SCORED_REJECTS), SCORED_REJECTS)


def _founding_days(tables: Mapping[str, pl.DataFrame]) -> dict[str, dt.date | None]:
    """Founding day of every firm in the register, the earliest if it stands there twice."""
    founded: dict[str, dt.date | None] = {}
    if "firms" in tables:
        for firm, day in tables["firms"].select("firm_id", "founded_on").iter_rows():
            known = founded.get(firm)
            founded[firm] = day if known is None or (day and day < known) else known
    return founded


def _named_nowhere(firms: set[str], tables: Mapping[str, pl.DataFrame]) -> set[str]:
    for table in tables.values():
        if not firms:
            break
        firms = firms - set(table["firm_id"].unique())
    return firms


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""  # read_csv says what is wrong with the path
