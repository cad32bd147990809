"""The frames that formulas read: their rows, their columns and the contract table behind them.

A frame has one row per day, week, bill, counterparty ... of each application. Its columns are the
contract's own or are declared here, each with its meaning; nothing else can be named in a formula.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from features.tables import TABLES

HORIZON_DAYS = 455
"""Days of history that are looked at: a year, and a quarter to compare with the year before."""

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


@dataclass(frozen=True, eq=False)
class Frame:
    """One kind of rows.

    Attributes
    ----------
    name : str
    source : str
        A data source of the contract, or register, coverage, across, peers.
    tables : tuple of str
        Contract tables the rows are made from.
    contract : tuple of str
        Columns taken over from those tables.
    derived : mapping of str to str
        Further columns and what they hold.
    step : int or None
        Days that one row stands for; None if the frame is not cut to a feature's window.
    single : bool
        Whether every application has one row, so that formulas need not aggregate.
    """

    name: str
    source: str
    tables: tuple[str, ...]
    contract: tuple[str, ...]
    derived: Mapping[str, str]
    step: int | None = None
    single: bool = False

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
    "silence": "days since the last valid output invoice, or since the first covered day",
}
_POWER = {
    "kwh": "kwh_peak + kwh_flat + kwh_valley",
    "kwh_square": "kwh * kwh, so that a month's mean of it tells how uneven its days were",
}
_KWH = ("kwh_peak", "kwh_flat", "kwh_valley")
_PARCELS = ("parcels_out", "parcels_in", "weight_kg", "destinations", "late_parcels")
_SHOP = (
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
_SHOP_MORE = {
    "stars": "reviews with a rating, times their rating",
    "rated": "reviews rated",
    "alarm": "1 if orders were 30 % below the mean of 28 days before, for the third day in a row",
}


def _days(
    name: str, source: str, table: str, own: tuple[str, ...], more: Mapping[str, str]
) -> Frame:
    return Frame(f"{name}_days", source, (table,), own, {**AGE, **more}, 1)


def _blocks(
    name: str, source: str, table: str, own: tuple[str, ...], more: Mapping[str, str]
) -> tuple[Frame, Frame, Frame]:
    """Weeks and months (means per known day) and, one row for all, the stretches of PERIODS."""
    periods = {
        f"{column}_{period}": f"{column} a known day, weeks {newest} to {oldest - 1} back"
        for column in (*own, *more)
        for period, (newest, oldest) in PERIODS.items()
    }
    return (
        Frame(f"{name}_weeks", source, (table,), own, {**AGE, **more}, WEEK),
        Frame(f"{name}_months", source, (table,), own, {**AGE, **more}, MONTH),
        Frame(f"{name}_periods", source, (table,), (), periods, single=True),
    )


_PARTY = {
    **AGE,
    "cny_90": "value of valid invoices, days 0 to 89",
    "cny_before_90": "the same, days 90 to 179",
    "cny_365": "the same, days 0 to 364",
    "first_age": "age of the first known invoice",
    "last_age": "age of the last known invoice",
}

FRAMES: Mapping[str, Frame] = MappingProxyType(
    {
        frame.name: frame
        for frame in (
            _days("tax", "tax", "invoices", (), _TAX),
            *_blocks("tax", "tax", "invoices", (), _TAX),
            Frame(
                "tickets",
                "tax",
                ("invoices",),
                (),
                {**AGE, "ticket_cny": "net value above zero"},
                1,
            ),
            Frame("customers", "tax", ("invoices",), (), _PARTY),
            Frame("suppliers", "tax", ("invoices",), (), _PARTY),
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
                1,
            ),
            _days("power", "electricity", "electricity", _KWH, _POWER),
            *_blocks("power", "electricity", "electricity", _KWH, _POWER),
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
                1,
            ),
            _days("parcel", "logistics", "logistics", _PARCELS, {}),
            *_blocks("parcel", "logistics", "logistics", _PARCELS, {}),
            _days("shop", "ecommerce", "ecommerce", _SHOP, _SHOP_MORE),
            *_blocks("shop", "ecommerce", "ecommerce", _SHOP, _SHOP_MORE),
            Frame(
                "register",
                "register",
                ("firms", "applications"),
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
                ),
                {"firm_age_days": "days from founding to as_of"},
                single=True,
            ),
            Frame(
                "coverage",
                "coverage",
                ("coverage",),
                (),
                {
                    f"{source}_{days}": f"known days of {source} among the last {days}"
                    for source in ("tax", "electricity", "logistics", "ecommerce")
                    for days in (180, HORIZON_DAYS)
                },
                single=True,
            ),
        )
    }
)
"""Every frame but `across` and `peers`, whose columns are features themselves."""
