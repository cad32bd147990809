"""The frames that formulas read: their rows, their columns and the contract table behind them.

A frame has one row per week, bill, counterparty ... of each application, or one row for a whole
window of days. Its columns are the contract's own or are declared here, each with its meaning;
nothing else can be named in a formula.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from features.contract.tables import SOURCES, TABLES

HORIZON_DAYS = 455
"""Days of history that are looked at: a year, and a quarter to compare with the year before."""

FEN = 100.0
"""Fen of a yuan. Sums of whole fen are exact in a double, whatever the order of the rows."""

WINDOWS = (30, 90, 180, 365)
"""Days over which daily records are summed, counted back from the last day that can be known."""

WEEK, MONTH = 7, 28
"""Days of a week and of a month of four whole weeks, which holds no weekday pattern."""

PERIODS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "4w": (0, 4),
        "4w_before": (4, 16),
        "13w": (0, 13),
        "13w_before": (13, 26),
        "26w": (0, 26),
        "26w_before": (26, 52),
        "4w_last_year": (52, 56),
        "13w_last_year": (52, 65),
        "65w": (0, 65),
    }
)
"""Stretches of whole weeks, counted back: from the first included to the last excluded."""


class Kind(Enum):
    """Kind of rows of a frame."""

    WINDOW = auto()
    """One row: the days of the feature's window, summed up."""
    WEEKS = auto()
    """One row per week of the window; missing where half of it or more is unknown."""
    MONTHS = auto()
    """The same for months."""
    RECORDS = auto()
    """One row per record of the window."""
    COUNTERPARTIES = auto()
    """One row per counterparty, whatever the window."""
    ONE = auto()
    """One row, whatever the window."""


STEPS: Mapping[Kind, int] = MappingProxyType(
    {Kind.WEEKS: WEEK, Kind.MONTHS: MONTH, Kind.RECORDS: 1}
)
"""Days that one row stands for, of frames that are cut to a feature's window."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One kind of rows.

    Attributes
    ----------
    name : str
    source : str
        A data source of the contract, or register, loan, coverage, across, peers.
    tables : tuple of str
        Contract tables the rows are made from.
    contract : tuple of str
        Columns taken over from those tables.
    derived : mapping of str to str
        Further columns and what they hold.
    kind : Kind
    """

    name: str
    source: str
    tables: tuple[str, ...]
    contract: tuple[str, ...]
    derived: Mapping[str, str]
    kind: Kind = Kind.RECORDS

    def __post_init__(self) -> None:
        known = {column for table in self.tables for column in TABLES[table].columns}
        foreign = sorted(set(self.contract) - known)
        if foreign:
            raise ValueError(
                f"frame {self.name}: expected columns of {', '.join(self.tables)}, "
                f"got {', '.join(foreign)}"
            )

    @property
    def columns(self) -> frozenset[str]:
        """Names a formula on this frame may use."""
        return frozenset(self.contract) | frozenset(self.derived)


AGE = {"age": "days between the row and the last day that can be known, 0 or more"}

_TAX = {
    "sales_cny": "net value of valid output invoices, red ones subtracted",
    "purchases_cny": "net value of valid input invoices, red ones subtracted",
    "sales_count": "valid output invoices with an amount above zero",
    "purchase_count": "valid input invoices with an amount above zero",
    "void_count": "output invoices known to be void",
    "void_cny": "net value of output invoices known to be void",
    "red_count": "valid red output invoices",
    "red_cny": "value of valid red output invoices, above zero",
    "sale_days": "1 if a valid output invoice was written, else 0",
}
_TAX_WINDOW = {
    "since_sale": "days since the last valid output invoice, or since the first covered day",
    "longest_silence": "the most that since_sale came to",
}
_ELECTRICITY = {
    "kwh": "kwh_peak + kwh_flat + kwh_valley, or kwh_flat of a meter without bands",
    "kwh_square": "kwh * kwh, so that a mean of it tells how uneven the days were",
    "idle": "1 if kwh was below a quarter of the best month's mean, else 0",
}
_KWH = ("kwh_peak", "kwh_flat", "kwh_valley")
_LOGISTICS = ("parcels_out", "parcels_in", "weight_kg", "destinations", "late_parcels")
_LOGISTICS_DERIVED = {"parcel_days": "1 if parcels were sent, else 0"}
_LOGISTICS_WINDOW = {"since_parcel": "days since the last parcel was sent, 365 at most"}
_ECOMMERCE = (
    "visitors",
    "orders",
    "gmv_cny",
    "refunds",
    "refund_cny",
    "reviews",
    "bad_reviews",
    "buyers",
    "repeat_buyers",
)
_ECOMMERCE_DERIVED = {
    "stars": "reviews with a rating, times their rating",
    "rated": "reviews rated",
    "alarm": "1 if orders were 30 % below the mean of 28 days before, for the third day in a row",
}
_ECOMMERCE_WINDOW = {"since_order": "days since the last order, 365 at most"}


def _daily(
    name: str,
    source: str,
    table: str,
    contract: tuple[str, ...],
    derived: Mapping[str, str],
    *,
    window: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Frame, ...]:
    """Means per known day: of a window, of each week and month, and of the stretches of PERIODS."""
    periods = {
        f"{column}_{period}": f"{column} a known day, weeks {newest} to {oldest - 1} back"
        for column in (*contract, *derived)
        for period, (newest, oldest) in PERIODS.items()
    }
    counted = {f"{name}_known": "known days of the window"}
    return (
        Frame(
            f"{name}_window",
            source,
            (table,),
            contract,
            {**derived, **window, **counted},
            Kind.WINDOW,
        ),
        Frame(f"{name}_weeks", source, (table,), contract, {**AGE, **derived}, Kind.WEEKS),
        Frame(f"{name}_months", source, (table,), contract, {**AGE, **derived}, Kind.MONTHS),
        Frame(f"{name}_periods", source, (table,), (), periods, Kind.ONE),
    )


_COUNTERPARTY = {
    "cny_90": "value of valid invoices, days 0 to 89",
    "cny_before_90": "the same, days 90 to 179",
    "cny_365": "the same, days 0 to 364",
    "first_age": "age of the first known invoice",
}


def _activity(
    source: str,
    what: str,
    tables: tuple[str, ...],
    further: Mapping[str, str] = MappingProxyType({}),
) -> Frame:
    """Activity of one source against the usual of the season, of an open loan."""
    columns = {
        f"{source}_{when}": f"{what} a known day against the usual of the season, {weeks}"
        for when, weeks in (
            ("now", "last 13 weeks since disbursement"),
            ("before", "the year before disbursement"),
            ("month", "last 4 weeks"),
            ("quarter_before", "the 13 weeks before them"),
        )
    }
    return Frame(f"{source}_activity", source, tables, (), {**columns, **further}, Kind.ONE)


_LOAN = {
    "months_on_book": "months since disbursement",
    "months_left": "months to the end of the term, 0 or more",
    "limit": "limit of the loan, CNY",
    "balance": "balance at the last month's end that is known, CNY",
    "balance_before": "the same three months earlier, or at the first that is known",
    "drawn": "drawn since disbursement, CNY",
    "drawn_3m": "drawn in the last three known months, CNY",
    "paid_3m": "paid in them, CNY",
    "due_3m": "due in them, CNY",
    "dpd": "days past due at the last month's end that is known",
    "worst_dpd": "the most that it came to at any month's end",
    "months_late": "month-ends with any day past due",
    "months_known": "month-ends that are known",
    "bureau_open_loans": "open loans, bureau's latest report",
    "bureau_open_loans_before": "the same, latest report before disbursement",
    "bureau_balance": "balance of loans, latest report, CNY",
    "bureau_balance_before": "the same, latest report before disbursement",
    "bureau_worst_dpd": "worst days past due, latest report",
    "bureau_enquiries": "enquiries of six months, latest report",
}
_BILLS = {
    "bill_swing": "highest less lowest electricity bill of 90 days, CNY; missing below two bills",
    "bill_mean": "mean electricity bill of 90 days, CNY",
}
_SHOP = {
    "bad_reviews_surge": "bad reviews of 30 days beyond the year's share, in standard deviations",
    "orders_down": "days of 28 with orders 30 % below the usual of the season, third in a row",
    "orders_down_bare": "the same against the plain mean of 28 days before",
}
_EVERY_SOURCE = {
    "level_since": "activity of 13 weeks against the year before disbursement, mean of sources",
    "cusum": "weeks of activity lost since disbursement beyond 30 % (`features.loan.activity`)",
}

FRAMES: Mapping[str, Frame] = MappingProxyType(
    {
        frame.name: frame
        for frame in (
            *_daily("tax", "tax", "invoices", (), _TAX, window=_TAX_WINDOW),
            Frame(
                "tickets",
                "tax",
                ("invoices",),
                (),
                {**AGE, "ticket_fen": "net value above zero; sums of whole fen are exact"},
            ),
            Frame("customers", "tax", ("invoices",), (), _COUNTERPARTY, Kind.COUNTERPARTIES),
            Frame("suppliers", "tax", ("invoices",), (), _COUNTERPARTY, Kind.COUNTERPARTIES),
            Frame(
                "filings",
                "tax",
                ("tax_filings",),
                ("declared_sales_cny", "tax_due_cny"),
                {
                    "age": "days since the period's end",
                    "unfiled": "1 if due and not filed, else 0",
                    "late_days": "days from due to filing, or to as_of while unfiled, 0 or more",
                    "file_days": "days from the period's end to filing, to as_of while unfiled",
                    "unpaid": "1 if due, filed, owed and not known to be paid, else 0",
                    "pay_late_days": "days from due to payment, to as_of while unpaid, 0 or more",
                    "pay_days": "days from filing to payment of tax owed, to as_of if overdue",
                    "invoiced_cny": "valid output invoices since the period before, where covered",
                },
            ),
            *_daily("electricity", "electricity", "electricity", _KWH, _ELECTRICITY),
            Frame(
                "bills",
                "electricity",
                ("electricity_bills",),
                ("amount_cny",),
                {
                    "age": "days since billing",
                    "overdue": "1 if due and not known to be paid, else 0",
                    "late_days": "days from due to payment, to as_of while unpaid, 0 or more",
                    "pay_days": "days from billing to payment, to as_of if overdue; else missing",
                    "arrears_cny": "amount overdue and unpaid",
                },
            ),
            *_daily(
                "logistics",
                "logistics",
                "logistics",
                _LOGISTICS,
                _LOGISTICS_DERIVED,
                window=_LOGISTICS_WINDOW,
            ),
            *_daily(
                "ecommerce",
                "ecommerce",
                "ecommerce",
                _ECOMMERCE,
                _ECOMMERCE_DERIVED,
                window=_ECOMMERCE_WINDOW,
            ),
            Frame(
                "register",
                "register",
                ("firms", "applications", "credit_history"),
                (
                    "legal_form",
                    "sector",
                    "city",
                    "area",
                    "cluster",
                    "registered_capital_cny",
                    "employees",
                    "owner_age",
                    "amount_cny",
                    "term_months",
                    "purpose",
                    "plan",
                    "loans",
                    "max_dpd",
                    "lenders",
                    "months_in_arrears",
                    "open_loans",
                    "balance_cny",
                    "enquiries_6m",
                ),
                {
                    "firm_age_days": "days from founding to as_of",
                    "credit_age_days": "days from the first loan to as_of",
                    "instalment_share": "mean share of the amount due in months 1 to 9 at 5 %",
                },
                Kind.ONE,
            ),
            Frame(
                "coverage",
                "coverage",
                ("coverage",),
                (),
                {
                    f"{source}_{days}": f"known days of {source} among the last {days}"
                    for source in SOURCES
                    for days in (180, HORIZON_DAYS)
                },
                Kind.ONE,
            ),
            Frame("loan", "loan", ("loans", "loan_months", "bureau"), (), _LOAN, Kind.ONE),
            _activity("tax", "invoiced sales", ("invoices",)),
            _activity("electricity", "kWh", ("electricity", "electricity_bills"), _BILLS),
            _activity("logistics", "parcels sent", ("logistics",)),
            _activity("ecommerce", "online orders", ("ecommerce",), _SHOP),
            Frame("activity", "across", (), (), _EVERY_SOURCE, Kind.ONE),
        )
    }
)
"""Every frame but `cross_source` and `peers`, whose columns are features themselves."""

TOGETHER = "activity"
"""Frame of what the sources of an open loan say together."""

OF_LOANS = (
    "loan",
    "tax_activity",
    "electricity_activity",
    "logistics_activity",
    "ecommerce_activity",
    TOGETHER,
)
"""Frames of open loans; applications have none."""
