"""The data contract: every table that firstloan reads or writes.

One class per table, in the order the data flow. Dates are calendar days, money is CNY, ids are
text. A firm's register entry may be empty but for its id, because an imported firm often has no
more than that. Frames are held against the contract by `features.contract.validation`; the day on
which a row becomes known is applied by `features.engine.point_in_time`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import pandera.polars as pa
import polars as pl
from pandera.api.checks import Check

SOURCE_NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "tax": ("tax and invoice", "税务发票"),
        "electricity": ("electricity", "用电"),
        "logistics": ("parcel", "物流"),
        "ecommerce": ("e-commerce", "电商"),
    }
)
"""The sources, and what people call each before the word record, in English and Chinese."""

SOURCES = tuple(SOURCE_NAMES)
LEGAL_FORMS = ("individual", "micro", "small")
AREAS = ("urban", "county", "rural")
PURPOSES = ("raw_material", "equipment", "online_marketing", "cash_gap", "green")
PLANS = ("equal", "interest_first", "seasonal", "line", "share_of_takings")
LENDER_TYPES = ("bank", "small_loan", "platform", "joint")
PLEDGES = ("stock", "equipment", "orders")
LOAN_STATUSES = ("current", "late", "cured", "default", "repaid", "written_off")
RECOVERY_KINDS = ("borrower", "guarantor", "pledge")
CHANNELS = ("online", "branch", "assisted")

SIX_MONTHS_DAYS = 182
"""Days within which a behaviour PD means default."""

BUCKET_FIRMS = 1_000
"""Firms per bucket: the unit of memory, of parallel work and of randomness."""

CONTRACT_VERSION = "1"
"""Written into files and manifests; rises when a table or column changes its meaning."""


FIRST_DAY, LAST_DAY = dt.date(2000, 1, 1), dt.date(2099, 12, 31)
"""Earliest and latest day of any event: no source goes back further; beyond lies a slip."""

FIRST_FOUNDING = dt.date(1901, 1, 1)
"""Earliest founding day: a spreadsheet writes an empty date as one of 1899 or 1900."""


def _day(*, optional: bool = False, nullable: bool = False, ge: dt.date = FIRST_DAY) -> Any:  # noqa: ANN401 - pandera types its fields so
    """Calendar day within the bounds of its column."""
    return pa.Field(
        ge=ge,
        le=LAST_DAY,
        nullable=optional or nullable,
        metadata={"unit": "date", "optional": optional},
    )


def _column(
    unit: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    isin: tuple[str, ...] | None = None,
    nullable: bool = False,
) -> Any:  # noqa: ANN401 - pandera types its fields so
    """Must be in the file; its cells may be empty where `nullable`."""
    return pa.Field(
        ge=ge,
        gt=gt,
        le=le,
        isin=isin,
        nullable=nullable,
        metadata={"unit": unit, "optional": False},
    )


def _optional(
    unit: str, *, ge: float | None = None, gt: float | None = None, le: float | None = None
) -> Any:  # noqa: ANN401 - pandera types its fields so
    """May be empty, and may be absent from the file."""
    return pa.Field(ge=ge, gt=gt, le=le, nullable=True, metadata={"unit": unit, "optional": True})


class Firms(pa.DataFrameModel):
    """The register: one row per firm, known always."""

    firm_id: str = _column("id")
    legal_form: str = _column("category", isin=LEGAL_FORMS, nullable=True)
    sector: str = _column("category", nullable=True)
    city: str = _column("category", nullable=True)
    county: str = _column("category", nullable=True)
    area: str = _column("category", isin=AREAS, nullable=True)
    cluster: str = _optional("category")
    founded_on: dt.date = _day(nullable=True, ge=FIRST_FOUNDING)
    registered_capital_cny: float = _column("CNY", ge=0, nullable=True)
    employees: int = _column("persons", ge=0, nullable=True)
    owner_age: int = _column("years", ge=0, le=120, nullable=True)


class Coverage(pa.DataFrameModel):
    """Reporting span of each firm and source; known always. An open end means until now."""

    firm_id: str = _column("id")
    source: str = _column("category", isin=SOURCES)
    covered_from: dt.date = _day()
    covered_to: dt.date = _day(optional=True)


class Invoices(pa.DataFrameModel):
    """VAT invoices, one row per line; known a day after issue, a void a day after voiding."""

    firm_id: str = _column("id")
    direction: str = _column("category", isin=("output", "input"))
    invoice_id: str = _column("id")
    line: int = _optional("count", ge=0)
    issued_on: dt.date = _day()
    counterparty_id: str = _column("id", nullable=True)
    amount_cny: float = _column("CNY, net, negative on red invoices")
    tax_cny: float = _column("CNY", nullable=True)
    status: str = _column("category", isin=("valid", "void"))
    voided_on: dt.date = _day(optional=True)


class TaxFilings(pa.DataFrameModel):
    """Returns; known a day after filing, a payment a day after paying, absence a day after due."""

    firm_id: str = _column("id")
    period_end: dt.date = _day()
    due_on: dt.date = _day()
    filed_on: dt.date = _day(optional=True)
    declared_sales_cny: float = _column("CNY", nullable=True)
    tax_due_cny: float = _column("CNY", nullable=True)
    tax_paid_cny: float = _optional("CNY")
    paid_on: dt.date = _day(optional=True)


class Electricity(pa.DataFrameModel):
    """Metered use by tariff band, one row per day; known a day later.

    A meter without tariff bands has all of its use in `kwh_flat`, and the others empty.
    """

    firm_id: str = _column("id")
    date: dt.date = _day()
    kwh_peak: float = _optional("kWh", ge=0)
    kwh_flat: float = _column("kWh", ge=0)
    kwh_valley: float = _optional("kWh", ge=0)


class ElectricityBills(pa.DataFrameModel):
    """Bills; each of their dates is known a day later."""

    firm_id: str = _column("id")
    billed_on: dt.date = _day()
    due_on: dt.date = _day()
    paid_on: dt.date = _day(optional=True)
    amount_cny: float = _column("CNY", ge=0)


class Logistics(pa.DataFrameModel):
    """Parcels, one row per day with any; known two days later."""

    firm_id: str = _column("id")
    date: dt.date = _day()
    parcels_out: int = _column("parcels", ge=0)
    parcels_in: int = _optional("parcels", ge=0)
    weight_kg: float = _optional("kg", ge=0)
    destinations: int = _optional("count", ge=0)
    late_parcels: int = _optional("parcels", ge=0)


class Ecommerce(pa.DataFrameModel):
    """A firm's online shops, one row per day with any traffic; known a day later."""

    firm_id: str = _column("id")
    date: dt.date = _day()
    visitors: int = _optional("persons", ge=0)
    orders: int = _column("orders", ge=0)
    gmv_cny: float = _column("CNY", ge=0)
    refunds: int = _optional("orders", ge=0)
    refund_cny: float = _optional("CNY", ge=0)
    reviews: int = _optional("reviews", ge=0)
    bad_reviews: int = _optional("reviews", ge=0)
    rating_mean: float = _optional("stars, 1 to 5", ge=1, le=5)
    buyers: int = _optional("persons", ge=0)
    repeat_buyers: int = _optional("persons", ge=0)


class CreditHistory(pa.DataFrameModel):
    """Credit register extract on the day of the application; repeat borrowers only."""

    application_id: str = _column("id")
    firm_id: str = _column("id")
    first_loan_on: dt.date = _day()
    loans: int = _column("count", ge=1)
    max_dpd: int = _column("days past due", ge=0)
    lenders: int = _column("count", ge=1)
    months_in_arrears: int = _optional("count", ge=0)
    open_loans: int = _optional("count", ge=0)
    balance_cny: float = _optional("CNY", ge=0)
    enquiries_6m: int = _optional("count", ge=0)


class Applications(pa.DataFrameModel):
    """Who applied, when, for what. `applied_on` is the `as_of` of every feature."""

    application_id: str = _column("id")
    firm_id: str = _column("id")
    applied_on: dt.date = _day()
    amount_cny: float = _optional("CNY", gt=0)
    term_months: int = _optional("months", gt=0)
    purpose: str = _optional("category")
    plan: str = _optional("category")
    lender_type: str = _optional("category")
    channel: str = _optional("category")
    first_time: bool = _column("yes or no", nullable=True)
    consent_on: dt.date = _day(optional=True)


class Outcomes(pa.DataFrameModel):
    """Decision, offer and default; `defaulted` is empty unless a loan was taken 12 months ago."""

    application_id: str = _column("id")
    approved: bool = _column("yes or no")
    accepted: bool = _optional("yes or no")
    offered_amount_cny: float = _optional("CNY", gt=0)
    offered_rate_pct: float = _optional("% a year", ge=0)
    offered_term_months: int = _optional("months", gt=0)
    offered_plan: str = _optional("category")
    disbursed_on: dt.date = _day(optional=True)
    defaulted: bool = _optional("yes or no")
    defaulted_on: dt.date = _day(optional=True)
    observed_until: dt.date = _day()


class Loans(pa.DataFrameModel):
    """Loans that were taken, as the lender's system has them; known when disbursed."""

    loan_id: str = _column("id")
    application_id: str = _optional("id")
    firm_id: str = _column("id")
    lender_id: str = _optional("id")
    lender_type: str = _optional("category")
    disbursed_on: dt.date = _day()
    limit_cny: float = _column("CNY", gt=0)
    rate_pct: float = _optional("% a year", ge=0)
    term_months: int = _optional("months", gt=0)
    plan: str = _optional("category")
    guaranteed_share: float = _optional("share of the balance", ge=0, le=1)
    pledge: str = _optional("category")


class LoanMonths(pa.DataFrameModel):
    """Months of loans, one row a loan and month until it ends; known a day after the month's end.

    The closing balance is the opening one, and what was drawn, less what was paid without its
    interest, recovered and written off.
    """

    loan_id: str = _column("id")
    firm_id: str = _column("id")
    month_end: dt.date = _day()
    drawn_cny: float = _optional("CNY", ge=0)
    balance_cny: float = _column("CNY", ge=0)
    due_cny: float = _optional("CNY", ge=0)
    paid_cny: float = _optional("CNY", ge=0)
    interest_cny: float = _optional("CNY, part of what was paid", ge=0)
    recovered_cny: float = _optional("CNY", ge=0)
    written_off_cny: float = _optional("CNY", ge=0)
    dpd: int = _column("days past due", ge=0)
    status: str = _column("category", isin=LOAN_STATUSES)


class Recoveries(pa.DataFrameModel):
    """What was recovered after default, one row a payment; known a day later."""

    loan_id: str = _column("id")
    firm_id: str = _column("id")
    received_on: dt.date = _day()
    amount_cny: float = _column("CNY", gt=0)
    kind: str = _column("category", isin=RECOVERY_KINDS)


class Bureau(pa.DataFrameModel):
    """Reports of the credit bureau, one row a firm and report; known when reported."""

    firm_id: str = _column("id")
    reported_on: dt.date = _day()
    open_loans: int = _column("count", ge=0)
    balance_cny: float = _column("CNY", ge=0)
    worst_dpd: int = _column("days past due", ge=0)
    enquiries_6m: int = _optional("count", ge=0)


class Snapshots(pa.DataFrameModel):
    """Days on which loans are looked at; what is known on `as_of` makes their features."""

    loan_id: str = _column("id")
    firm_id: str = _column("id")
    as_of: dt.date = _day()


_DTYPES: Mapping[Any, Any] = MappingProxyType(
    {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean, dt.date: pl.Date}
)


@dataclass(frozen=True, eq=False)
class Table:
    """One table of the contract.

    Attributes
    ----------
    name : str
        File or folder name without ending.
    model : type of pandera.polars.DataFrameModel
    key : tuple of str
        Columns that name one row; in signal tables several rows with one key are versions.
    source : str or None
        The data source, one of `SOURCES`, whose coverage governs the table.
    event : str
        Column with the day on which a row's event happened; empty where rows are known always.
    lag_days : int
        Days between that event and its being known (docs/design.md, Point in time).
    versioned : bool
        Whether `known_on` may replace the default day of knowledge.
    """

    name: str
    model: type[pa.DataFrameModel]
    key: tuple[str, ...]
    source: str | None = None
    event: str = ""
    lag_days: int = 1
    versioned: bool = False

    KNOWN_ON: ClassVar[str] = "known_on"

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Polars data type of each contract column, in contract order."""
        return {name: _DTYPES[hint] for name, hint in self.model.__annotations__.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """Contract columns in order, without `known_on`."""
        return tuple(self.schema)

    @cached_property
    def checks(self) -> pa.DataFrameSchema:
        """The pandera schema with every check on values."""
        return self.model.to_schema()

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Columns a file must have; cells may still be empty where the contract allows it."""
        columns = self.checks.columns
        return tuple(c for c in self.columns if not columns[c].metadata["optional"])

    @cached_property
    def dtypes(self) -> dict[str, Any]:
        """Data types including `known_on` where the table may carry it."""
        return self.schema | ({self.KNOWN_ON: pl.Date} if self.versioned else {})

    def fits(self, frame: pl.DataFrame) -> bool:
        """Whether a frame has the contract's columns, in their order and types, and no others."""
        names, dtypes = frame.columns, frame.dtypes
        return any(
            names == list(exact) and dtypes == list(exact.values())
            for exact in (self.schema, self.dtypes)
        )

    def expected(self, column: str) -> str:
        """What a cell of `column` must hold, in words, for error messages."""
        kind = {
            pl.String: "text",
            pl.Int64: "a whole number",
            pl.Float64: "a number",
            pl.Boolean: "true or false",
            pl.Date: "a date",
        }[self.dtypes[column]]
        if column == self.KNOWN_ON:
            return _day_in_words(FIRST_DAY, LAST_DAY)
        checks = self.checks.columns[column].checks
        if self.dtypes[column] == pl.Date:
            limits = {key: day for check in checks for key, day in check.statistics.items()}
            return _day_in_words(limits["min_value"], limits["max_value"])
        rules = [_in_words(check) for check in checks]
        if rules and rules[0].startswith("one of"):
            return rules[0]
        return " ".join([kind, " and ".join(rules)]).strip()


def _day_in_words(first: dt.date, last: dt.date) -> str:
    return f"a date such as 2025-03-04, from {first} to {last}"


def _in_words(check: Check) -> str:
    limits = check.statistics or {}
    words = {
        "greater_than_or_equal_to": ">= {min_value}",
        "greater_than": "> {min_value}",
        "less_than_or_equal_to": "<= {max_value}",
    }
    if check.name == "isin":
        return "one of " + ", ".join(limits["allowed_values"])
    return words[str(check.name)].format(**limits)


TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            Table("firms", Firms, ("firm_id",)),
            Table("coverage", Coverage, ("firm_id", "source")),
            Table(
                "invoices",
                Invoices,
                ("firm_id", "direction", "invoice_id", "line"),
                "tax",
                "issued_on",
                versioned=True,
            ),
            Table(
                "tax_filings",
                TaxFilings,
                ("firm_id", "period_end"),
                "tax",
                "period_end",
                versioned=True,
            ),
            Table(
                "electricity",
                Electricity,
                ("firm_id", "date"),
                "electricity",
                "date",
                versioned=True,
            ),
            Table(
                "electricity_bills",
                ElectricityBills,
                ("firm_id", "billed_on"),
                "electricity",
                "billed_on",
                versioned=True,
            ),
            Table(
                "logistics",
                Logistics,
                ("firm_id", "date"),
                "logistics",
                "date",
                lag_days=2,
                versioned=True,
            ),
            Table("ecommerce", Ecommerce, ("firm_id", "date"), "ecommerce", "date", versioned=True),
            Table("credit_history", CreditHistory, ("application_id",)),
            Table("applications", Applications, ("application_id",)),
            Table("outcomes", Outcomes, ("application_id",)),
            Table("loans", Loans, ("loan_id",), event="disbursed_on", lag_days=0),
            Table("loan_months", LoanMonths, ("loan_id", "month_end"), event="month_end"),
            Table(
                "recoveries", Recoveries, ("loan_id", "received_on", "kind"), event="received_on"
            ),
            Table("bureau", Bureau, ("firm_id", "reported_on"), event="reported_on", lag_days=0),
            Table("snapshots", Snapshots, ("loan_id", "as_of")),
        )
    }
)
"""The contract, by table name, in the order of the data flow."""

SIGNALS = tuple(name for name in TABLES if name not in ("applications", "outcomes", "snapshots"))
"""Tables that lie in the signals folder."""


def empty(table: str) -> pl.DataFrame:
    """A frame of `table` without rows."""
    return pl.DataFrame(schema=TABLES[table].schema)
