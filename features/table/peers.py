"""Figures against what is usual among firms of the same trade, place and month.

The usual is the median of a feature in a cell of applications: sector, city and calendar month
where that holds 30 firms or more, else sector and month, else sector. It is counted once, on the
training side, and frozen with the model, so that no applicant's figures depend on who else
applies.
"""
# ruff: noqa: E501 - a table reads best with one row to a line

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from polars import col

from features.arrays import Floats
from features.engine.period_sums import table
from features.table.feature import EVERY_SOURCE, PEER_PREFIX, Feature

SMALLEST_CELL = 30
"""Firms that a cell needs (design.md section 5)."""

PLACE = ("sector", "city", "month")
_CELLS = (("sector", "city", "month"), ("sector", "month"), ("sector",))

COMPARED = (
    "tax_sales_change_13w",
    "tax_sales_yoy_13w",
    "tax_sales_week_cv_180d",
    "tax_sales_mean_365d",
    "electricity_change_13w",
    "electricity_yoy_13w",
    "electricity_week_cv_180d",
    "logistics_out_change_13w",
    "logistics_out_yoy_13w",
    "ecommerce_orders_change_13w",
    "ecommerce_orders_yoy_13w",
    "ecommerce_refund_rate_90d",
    "ecommerce_conversion_90d",
    "kwh_per_sales_365d",
    "kwh_per_sales_90d",
    "kwh_per_employee",
    "sales_per_employee",
    "parcels_per_order_90d",
    "loan_to_sales",
    "electricity_level_4w",
    "electricity_level_13w",
    "electricity_month_cv_365d",
    "work_level_4w",
    "work_level_13w",
    "work_level_26w",
    "work_yoy_13w",
    "work_month_cv",
)
"""Features for which the usual is kept."""


def _minus(name: str) -> pl.Expr:
    return col(name) - col(PEER_PREFIX + name)


def _log_times(name: str) -> pl.Expr:
    """Logarithm of the ratio to the usual: 0 as usual, 0.7 the double, -0.7 the half."""
    value, typical = col(name), col(PEER_PREFIX + name)
    return pl.when((value > 0) & (typical > 0)).then((value / typical).log())


_ALL, _ALL_ZH = EVERY_SOURCE

PEERS: tuple[Feature, ...] = (
    Feature("peer_sales_change", "peers", 182, _minus("tax_sales_change_13w"), "1", -1, "quarter's change of sales beyond that of the trade", "近一季销售变化与同业之差", "peers", "S26"),
    Feature("peer_sales_yoy", "peers", 455, _minus("tax_sales_yoy_13w"), "1", -1, "year-on-year change of sales beyond that of the trade", "销售同比与同业之差", "peers"),
    Feature("peer_sales_cv", "peers", 180, _minus("tax_sales_week_cv_180d"), "1", +1, "unevenness of sales beyond that of the trade", "销售波动与同业之差", "peers"),
    Feature("peer_sales_level", "peers", 365, _log_times("tax_sales_mean_365d"), "log", -1, "size of sales against the trade", "销售规模与同业之比", "peers"),
    Feature("peer_sales_per_employee", "peers", 365, _log_times("sales_per_employee"), "log", -1, "sales per employee against the trade", "人均销售与同业之比", "peers"),
    Feature("peer_electricity_change", "peers", 182, _minus("electricity_change_13w"), "1", -1, "quarter's change of electricity beyond that of the trade", "近一季用电变化与同业之差", "peers", "S12"),
    Feature("peer_electricity_yoy", "peers", 455, _minus("electricity_yoy_13w"), "1", -1, "year-on-year change of electricity beyond that of the trade", "用电同比与同业之差", "peers", "S12"),
    Feature("peer_electricity_cv", "peers", 180, _minus("electricity_week_cv_180d"), "1", +1, "unevenness of electricity beyond that of the trade", "用电波动与同业之差", "peers", "S12"),
    Feature("peer_electricity_per_employee", "peers", 365, _log_times("kwh_per_employee"), "log", -1, "electricity per employee against the trade", "人均用电与同业之比", "peers"),
    *(Feature(f"peer_{name}", "peers", days, _minus(name), "1", -1, f"{meaning}, beyond the trade's", f"{meaning_zh}与同业之差", "peers", "S12") for name, days, meaning, meaning_zh in (
        ("electricity_level_4w", 455, "electricity of 4 weeks against 65", "近4周用电较近65周"),
        ("electricity_level_13w", 455, "electricity of a quarter against 65 weeks", "近一季用电较近65周"),
        ("work_level_4w", 455, f"{_ALL}, 4 weeks against 65", f"{_ALL_ZH}近4周较近65周"),
        ("work_level_13w", 455, f"{_ALL}, a quarter against 65 weeks", f"{_ALL_ZH}近一季较近65周"),
        ("work_level_26w", 455, f"{_ALL}, half a year against 65 weeks", f"{_ALL_ZH}近半年较近65周"),
        ("work_yoy_13w", 455, f"{_ALL}, a quarter against a year ago", f"{_ALL_ZH}近一季同比"),
    )),
    Feature("peer_electricity_month_cv", "peers", 365, _minus("electricity_month_cv_365d"), "1", +1, "unevenness of monthly electricity beyond that of the trade", "月用电波动与同业之差", "peers", "S12"),
    Feature("peer_work_month_cv", "peers", 365, _minus("work_month_cv"), "1", +1, f"unevenness of {_ALL} beyond that of the trade", f"{_ALL_ZH}月度波动与同业之差", "peers"),
    Feature("peer_parcels_change", "peers", 182, _minus("logistics_out_change_13w"), "1", -1, "quarter's change of parcels beyond that of the trade", "近一季发件变化与同业之差", "peers"),
    Feature("peer_parcels_yoy", "peers", 455, _minus("logistics_out_yoy_13w"), "1", -1, "year-on-year change of parcels beyond that of the trade", "发件同比与同业之差", "peers"),
    Feature("peer_orders_change", "peers", 182, _minus("ecommerce_orders_change_13w"), "1", -1, "quarter's change of orders beyond that of the trade", "近一季订单变化与同业之差", "peers"),
    Feature("peer_orders_yoy", "peers", 455, _minus("ecommerce_orders_yoy_13w"), "1", -1, "year-on-year change of orders beyond that of the trade", "订单同比与同业之差", "peers"),
    Feature("peer_refunds", "peers", 90, _minus("ecommerce_refund_rate_90d"), "1", +1, "refund rate beyond that of the trade", "退款率与同业之差", "peers"),
    Feature("peer_conversion", "peers", 90, _minus("ecommerce_conversion_90d"), "1", -1, "conversion of visitors beyond that of the trade", "转化率与同业之差", "peers"),
    Feature("peer_kwh_per_sales", "peers", 365, _log_times("kwh_per_sales_365d"), "log", 0, "electricity per invoiced yuan against the trade", "单位开票耗电与同业之比", "consistency", "R190, S12", "too much is unsold work, too little is invoices without work"),
    Feature("peer_kwh_per_sales_distance", "peers", 365, _log_times("kwh_per_sales_365d").abs(), "log", +1, "distance of electricity per invoiced yuan from the trade's", "单位开票耗电偏离同业程度", "consistency", "R190, S12"),
    Feature("peer_parcels_per_order_distance", "peers", 90, _log_times("parcels_per_order_90d").abs(), "log", +1, "distance of parcels per order from the trade's", "每单发件数偏离同业程度", "consistency", "C28"),
    Feature("peer_loan_to_sales", "peers", 365, _log_times("loan_to_sales"), "log", +1, "amount applied for per yuan of sales against the trade", "申请额与销售之比较同业", "loan"),
)  # fmt: skip
"""Every feature against peers; missing without a reference or where the trade is unknown."""


def build_reference(features: pl.DataFrame, place: pl.DataFrame) -> pl.DataFrame:
    """Count what is usual in every cell that is large enough.

    Parameters
    ----------
    features : polars.DataFrame
        Rows of the training side, as `features.engine.build.build_features` returns them.
    place : polars.DataFrame
        sector, city, month of the same rows, from `places` or `places_of`.

    Returns
    -------
    polars.DataFrame
        sector, city, month (null where the cell spans them all), firms, and the median of each
        compared feature. To be saved with the model.
    """
    rows = pl.concat([features.select("firm_id", *COMPARED), place.select(PLACE)], how="horizontal")
    medians = [col(name).median().cast(pl.Float64) for name in COMPARED]
    parts = []
    for cell in _CELLS:
        known = rows.filter(pl.all_horizontal(col(c).is_not_null() for c in cell))
        part = known.group_by(cell).agg(col("firm_id").n_unique().alias("firms"), *medians)
        parts.append(
            part.filter(col("firms") >= SMALLEST_CELL).select(
                *[col(c) if c in cell else pl.lit(None, _PLACE_TYPES[c]).alias(c) for c in PLACE],
                "firms",
                *COMPARED,
            )
        )
    # what no firm of a cell shows is taken from the wider cell around it
    filled = parts[-1:]
    for part in reversed(parts[:-1]):
        wider = usual(part, pl.concat(filled))
        filled.append(
            part.with_columns(
                col(name).fill_null(pl.Series(wider[:, i], nan_to_null=True))
                for i, name in enumerate(COMPARED)
            )
        )
    return pl.concat(filled).sort(PLACE, nulls_last=True)


_PLACE_TYPES = {"sector": pl.String, "city": pl.String, "month": pl.Int8}


def places(register: pl.DataFrame) -> pl.DataFrame:
    """Give the cell of each application: sector, city, calendar month.

    Parameters
    ----------
    register : polars.DataFrame
        sector and city of the firm, and the day of application as `applied_on`.
    """
    return register.select_seq("sector", "city", month=col("applied_on").dt.month())


def places_of(features: pl.DataFrame, firms: pl.DataFrame) -> pl.DataFrame:
    """Give the cells of the rows of a feature matrix, from the register's rows of their firms."""
    register = firms.select("firm_id", "sector", "city").unique("firm_id", keep="first")
    rows = features.select("firm_id", applied_on="as_of")
    return places(rows.join(register, on="firm_id", how="left", maintain_order="left"))


def usual(place: pl.DataFrame, reference: pl.DataFrame) -> Floats:
    """Look up the usual of each row's cell, the narrowest that the reference holds.

    Returns
    -------
    ndarray of shape (n, len(COMPARED))
        NaN where the trade is unknown.
    """
    cell_of, medians = _cells(_Frozen(reference))
    keys = place[list(PLACE)].iter_rows()
    positions = [
        next((c for c in map(cell_of.get, _around(*key)) if c is not None), reference.height)
        for key in keys
    ]
    return medians[positions]


def _around(
    sector: str | None, city: str | None, month: int | None
) -> tuple[tuple[str | int | None, ...], ...]:
    """Cells that hold a place, the narrowest first."""
    return (sector, city, month), (sector, None, month), (sector, None, None)


@dataclass(frozen=True, eq=False)
class _Frozen:
    """A reference, known again by being the same object."""

    frame: pl.DataFrame

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and other.frame is self.frame

    def __hash__(self) -> int:
        return id(self.frame)


@lru_cache(maxsize=4)
def _cells(
    reference: _Frozen,
) -> tuple[dict[tuple[str | int | None, ...], int], Floats]:
    """Row of each cell, and the medians by row with a last one of NaN."""
    frame = reference.frame
    rows = {key: row for row, key in enumerate(frame.select(PLACE).iter_rows())}
    medians = frame.select(COMPARED).to_numpy()
    return rows, np.vstack([medians, np.full(len(COMPARED), np.nan)])


def with_typical(
    features: pl.DataFrame, place: pl.DataFrame, reference: pl.DataFrame
) -> pl.DataFrame:
    """Add the usual of each row's cell as `typical_*` columns."""
    names = [PEER_PREFIX + name for name in COMPARED]
    return features.hstack(table(dict(zip(names, usual(place, reference).T, strict=True))))


def apply_reference(
    features: pl.DataFrame, place: pl.DataFrame, reference: pl.DataFrame
) -> pl.DataFrame:
    """Fill the peer features of a feature matrix that was built without a reference."""
    usual = with_typical(features, place, reference)
    filled = usual.with_columns(f.formula.cast(pl.Float32).alias(f.name) for f in PEERS)
    return filled.select(features.columns)
