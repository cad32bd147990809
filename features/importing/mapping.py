"""Mapping file (TOML): which source feeds which table, and what its columns and words mean.

`examples/vat-invoices.toml` is a worked one; docs/own-data.md explains every key.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from features.contract.errors import ContractError
from features.contract.tables import SIGNALS, TABLES
from features.settings import Settings, read_toml

Words = str | tuple[str, ...]
"""One word, or several of which any will do."""

FOOTERS = ("合计", "总计", "小计", "本页合计", "total", "grand total", "subtotal", "sum")
"""First word of a row that adds up those above it."""


class ColumnFrom(Settings):
    """Cells that are computed or apply to some rows only.

    Attributes
    ----------
    column : str, optional
        Source column.
    value : str, int, float or bool, optional
        In place of a column, the value of every row to which it applies.
    distinct : str, optional
        In place of a column, the source column whose different words are counted where rows are
        added up.
    times : str or float, optional
        Factor: a number, or the source column that holds it.
    where : dict
        Column (ours or the source's) -> word or words. Elsewhere the cell is empty, or 0 where
        rows are added up.
    """

    column: str | None = None
    value: str | int | float | bool | None = None
    distinct: str | None = None
    times: str | float | None = None
    where: dict[str, Words] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if [self.column, self.value, self.distinct].count(None) != 2:  # noqa: PLR2004
            raise ValueError("expected one of column, value and distinct")
        return self


class Wide(Settings):
    """Readings that stand side by side in one row.

    Attributes
    ----------
    columns : str
        Regular expression of the source columns that hold readings.
    names : {"firm_id", "time"}
        What the names of these columns tell: the firm, or the time of day. Points of a day are
        taken in the order of the columns, evenly over 24 hours.
    into : str
        Our column of the readings.
    bands : dict
        With times: our column -> spans of the day such as "08:00-11:00"; the others go `into`.
    scale : float
        Factor: 0.25 makes kWh of mean kW over a quarter of an hour.
    times : str, optional
        Source column of a further factor, such as the ratio of the transformers.
    """

    columns: str
    names: Literal["firm_id", "time"]
    into: str = "kwh_flat"
    bands: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    scale: float = 1.0
    times: str | None = None

    @model_validator(mode="after")
    def _readable(self) -> Self:
        re.compile(self.columns)
        for span in (span for spans in self.bands.values() for span in spans):
            if not re.fullmatch(r"\d{2}:\d{2}-\d{2}:\d{2}", span):
                raise ValueError(f"expected spans such as 08:00-11:00, got {span!r}")
        return self


class Source(Settings):
    """One file, workbook, group of files or query that feeds one table.

    Attributes
    ----------
    file : str, optional
        Name below the source folder, or a pattern such as `orders-*.csv`: CSV, optionally gzip,
        or a workbook (XLSX, XLS, ODS).
    sheet : str, optional
        Of a workbook; by default its first.
    database, query : str, optional
        SQLAlchemy URL, and a table's name or a SELECT statement, in place of a file.
    delimiter, encoding : str, optional
        By default told from the file.
    skip : int
        Lines above the header; the header is also found by its names.
    columns : dict
        Our column -> its column, or a `ColumnFrom`.
    constants : dict
        Our column -> the value of every row.
    values : dict
        Our column -> {their word: ours}. A word that is not listed makes the row a reject.
    only : dict
        Source column -> word or words: other rows are passed over.
    dates : str or list of str, optional
        Formats of their days, as strptime writes them; by default all that start with the year.
    lines : bool
        Whether rows that share a key are lines of one document and are numbered.
    sum : bool
        Whether rows that share a key are added up, such as orders to days of a shop.
    keep_repeats : bool
        Whether a row that repeats another in every column counts again.
    wide : Wide, optional
    """

    file: str | None = None
    sheet: str | None = None
    database: str | None = None
    query: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str | None = None
    skip: int = Field(default=0, ge=0)
    columns: dict[str, str | ColumnFrom]
    constants: dict[str, str | int | float | bool] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    only: dict[str, Words] = Field(default_factory=dict)
    dates: str | tuple[str, ...] = ()
    lines: bool = False
    sum: bool = False
    keep_repeats: bool = False
    wide: Wide | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.file is None) == (self.database is None):
            raise ValueError("expected either file or database")
        if (self.database is None) != (self.query is None):
            raise ValueError("expected database and query together")
        counted = [c for c in self.columns.values() if isinstance(c, ColumnFrom) and c.distinct]
        if counted and not self.sum:
            raise ValueError("expected sum = true where distinct words are counted")
        return self

    @property
    def formats(self) -> tuple[str, ...]:
        """Formats of days; none for all that start with the year."""
        return (self.dates,) if isinstance(self.dates, str) else self.dates

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Columns that the source must have."""
        named = [
            *(c if isinstance(c, str) else c.column for c in self.columns.values()),
            *(c.times for c in self.columns.values() if isinstance(c, ColumnFrom)),
            *(c.distinct for c in self.columns.values() if isinstance(c, ColumnFrom)),
            *self.only,
            *([self.wide.times] if self.wide else []),
        ]
        return tuple(dict.fromkeys(name for name in named if isinstance(name, str)))

    def words_asked(self) -> Iterable[str]:
        """Columns, ours or the source's, on which a `where` depends."""
        for column in self.columns.values():
            if isinstance(column, ColumnFrom):
                yield from column.where


class ApplicationOfEachFirm(Settings):
    """The one application that import makes for every firm, as written in a CSV cell."""

    applied_on: str
    first_time: str = "true"
    amount_cny: str = ""
    term_months: str = ""
    purpose: str = ""
    plan: str = ""
    lender_type: str = ""
    channel: str = ""
    consent_on: str = ""


class ImportMapping(Settings):
    """A whole mapping file: one list of sources per table, and the application.

    With loans among the tables each of them is an application of its own, on the day of its
    disbursement; `applications` is then that of the firms without a loan, if any.
    """

    tables: dict[str, tuple[Source, ...]]
    applications: ApplicationOfEachFirm | None = None

    @model_validator(mode="after")
    def _applications_known(self) -> Self:
        if self.applications is None and "loans" not in self.tables:
            raise ValueError(
                "expected [applications] with applied_on, or loans, which are applications"
            )
        return self


def words(value: Words) -> list[str]:
    """One word or several, as a list."""
    return [value] if isinstance(value, str) else list(value)


def load_mapping(path: Path) -> ImportMapping:
    """Read a mapping file.

    Raises
    ------
    ContractError
        If it is absent, no TOML, or names a table, column or setting that does not exist.
    """
    content = read_toml(path, expected="a mapping")
    applications = content.pop("applications", None)
    try:
        mapping = ImportMapping(tables=content, applications=applications)
    except ValidationError as error:
        found = error.errors()
        # a column is text or a table: what is wrong with the table says more
        first = next((each for each in found if each["loc"][-1:] != ("str",)), found[0])
        where = ".".join(str(part) for part in first["loc"] if part != "tables")
        where = where or "whole file"
        raise ContractError(
            f"{path}: {where}: {first['msg'].lower()}; {error.error_count()} such places. "
            "See examples/vat-invoices.toml."
        ) from error
    for table, sources in mapping.tables.items():
        _check_names(path, "tables", [table], SIGNALS)
        for source in sources:
            wide = [source.wide.into, *source.wide.bands] if source.wide else []
            named = [*source.columns, *source.constants, *source.values, *wide]
            _check_names(path, f"columns of {table}", named, tuple(TABLES[table].dtypes))
            if source.lines and "line" not in TABLES[table].key:
                with_lines = ", ".join(t for t in SIGNALS if "line" in TABLES[t].key)
                raise ContractError(
                    f"{path}: {table}: lines: expected only for {with_lines}, whose rows have "
                    "lines. Set `sum = true` if rows that share a key add up."
                )
        if len({source.sum for source in sources}) > 1:
            raise ContractError(
                f"{path}: {table}: sum: expected the same in every source of a table. "
                "Set it in all of them."
            )
    return mapping


def _check_names(path: Path, what: str, names: list[str], valid: tuple[str, ...]) -> None:
    if unknown := [name for name in names if name not in valid]:
        raise ContractError(
            f"{path}: expected {what} among {', '.join(valid)}; got {', '.join(unknown)}. "
            "Correct the mapping."
        )
