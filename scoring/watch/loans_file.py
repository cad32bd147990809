"""The loans file: which loans can be watched on a day, and what is wrong with the others.

Every row of the file ends up in exactly one place, `frame` or `rejects`.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.io.csv_reader import Reading, read_csv
from scoring.input.row_checks import Rule, broken, id_rules, in_file_order, repeated
from scoring.watch.columns import REJECTS


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
            rejects=in_file_order([self.rejects, problems], REJECTS),
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
    later: Rule = (
        "disbursed_on",
        pl.col("disbursed_on") > as_of,
        f"is after the day asked about ({as_of})",
    )
    found = broken(frame, [later, *id_rules(("loan_id", "firm_id"))], REJECTS)
    found += repeated(frame, "loan_id", REJECTS)
    rejects = reading.rejects.rename({"id": "loan_id"}).select(*REJECTS)
    loans = Loans(frame, rejects, reading.rows, reading.warnings)
    return loans.without(in_file_order(found, REJECTS))
