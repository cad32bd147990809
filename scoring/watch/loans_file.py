"""The loans file: which loans can be watched on a day, and what is wrong with the others.

Every row of the file ends up in exactly one place, `frame` or `rejects`.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.io.csv_reader import Reading, read_csv
from scoring.watch.columns import REJECTS

_LONGEST_ID = 100
_CONTROLS = r"[\x00-\x1f\x7f]"


@dataclass(frozen=True, eq=False)
class Loans:
    """Rows of a loans file.

    Attributes
    ----------
    frame : polars.DataFrame
        Loans that can be watched, in file order: the contract's table `loans`, and `line`.
    rejects : polars.DataFrame, schema `scoring.watch.columns.REJECTS`
        One row per problem.
    read : int
        Rows in the file.
    warnings : tuple of str
    """

    frame: pl.DataFrame
    rejects: pl.DataFrame
    read: int
    warnings: tuple[str, ...]

    @property
    def rejected(self) -> int:
        """Number of rows that cannot be watched."""
        return self.read - self.frame.height

    def without(self, problems: pl.DataFrame) -> "Loans":
        """Move the rows on the lines of `problems` (schema `REJECTS`) to the rejects."""
        lines = problems["line"].unique().implode()
        return Loans(
            frame=self.frame.filter(~pl.col("line").is_in(lines)),
            rejects=_sorted([self.rejects, problems]),
            read=self.read,
            warnings=self.warnings,
        )


def read_loans_file(path: Path, *, as_of: dt.date) -> Loans:
    """Read a CSV file of the contract's table `loans` and set aside what cannot be watched.

    Raises
    ------
    ContractError
        If the file is missing, unreadable, empty or lacks a column.
    """
    return checked_loans(read_csv(path, "loans"), as_of=as_of)


def checked_loans(reading: Reading, *, as_of: dt.date) -> Loans:
    """Split loans into those that can be watched on a day, and rejects."""
    frame = reading.frame.rename({"file_line": "line"})
    disbursed = pl.col("disbursed_on")
    rules = [
        ("disbursed_on", disbursed > as_of, f"is after the day asked about ({as_of})"),
        *(
            rule
            for name in ("loan_id", "firm_id")
            for rule in (
                (
                    name,
                    pl.col(name).str.len_chars() > _LONGEST_ID,
                    f"is longer than {_LONGEST_ID} characters",
                ),
                (
                    name,
                    pl.col(name).str.contains(_CONTROLS),
                    "holds a line break or another control character",
                ),
            )
        ),
    ]
    problems = [_problem(frame, *rule) for rule in rules]
    problems.append(_repeated(frame))
    return _without(frame, reading, problems)


def _without(frame: pl.DataFrame, reading: Reading, problems: list[pl.DataFrame]) -> Loans:
    rejects = reading.rejects.rename({"id": "loan_id"}).select(*REJECTS)
    return Loans(frame, rejects, reading.rows, reading.warnings).without(pl.concat(problems))


def _repeated(frame: pl.DataFrame) -> pl.DataFrame:
    """Reject exact duplicates, and all rows of a loan that contradict each other."""
    content = [name for name in frame.columns if name != "line"]
    marked = frame.with_columns(
        copies=pl.len().over("loan_id"),
        same=pl.struct(content).n_unique().over("loan_id"),
        first=pl.col("line").min().over("loan_id"),
    ).filter(pl.col("copies") > 1)
    again = (pl.col("same") == 1) & (pl.col("line") > pl.col("first"))
    return (
        marked.filter(again | (pl.col("same") > 1))
        .with_columns(
            problem=pl.when(again)
            .then(pl.format("repeats line {}", pl.col("first")))
            .otherwise(pl.format("{} rows of this loan contradict each other", pl.col("copies"))),
            column=pl.lit("loan_id"),
            value=pl.col("loan_id"),
        )
        .select(*REJECTS)
    )


def _problem(frame: pl.DataFrame, column: str, bad: pl.Expr, text: str) -> pl.DataFrame:
    return (
        frame.filter(bad)
        .with_columns(
            column=pl.lit(column), value=pl.col(column).cast(pl.String), problem=pl.lit(text)
        )
        .select(*REJECTS)
    )


def _sorted(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts).sort("line", maintain_order=True, nulls_last=True)
