"""Peer features: figures against the median among firms of the same trade, place and month.

The usual is the median of a feature in a cell of applications: sector, city and calendar month
where that holds 30 firms or more, else sector and month, else sector. It is counted once, on the
training side, and frozen with the model, so that no applicant's figures depend on who else
applies.
"""
# ruff: noqa: E501 (rows of a table are wrapped at 112 columns)

import numpy as np
import polars as pl
from polars import col

from features.arrays import Floats
from features.engine.period_sums import table
from features.table.builders import feature
from features.table.feature import EVERY_SOURCE, ONE_SOURCE, PEER_PREFIX, Feature
from features.table.formula import Formula, difference, log_ratio

SMALLEST_CELL = 30
"""Firms that a cell needs (docs/design.md, Peers)."""

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


def _beyond_trade(name: str) -> Formula:
    return difference(name, PEER_PREFIX + name)


def _against_trade(name: str) -> Formula:
    return log_ratio(name, PEER_PREFIX + name)


def _distance_from_trade(name: str) -> Formula:
    against = _against_trade(name)
    return Formula(against.value.abs(), form="log_distance", columns=against.columns)


_ALL, _ALL_ZH = EVERY_SOURCE
_ONE, _ONE_ZH = ONE_SOURCE

PEERS: tuple[Feature, ...] = (
    feature(
        name="peer_sales_change", frame="peers", days=182, formula=_beyond_trade("tax_sales_change_13w"),
        unit="1",
        sign=-1, display="percent", theme="peers",
        meaning="quarter's change of sales beyond that of the trade", meaning_zh="近一季销售变化与同业之差",
        reference="S26",
    ),
    feature(
        name="peer_sales_yoy", frame="peers", days=455, formula=_beyond_trade("tax_sales_yoy_13w"), unit="1",
        sign=-1,
        display="percent", theme="peers", meaning="year-on-year change of sales beyond that of the trade",
        meaning_zh="销售同比与同业之差",
    ),
    feature(
        name="peer_sales_cv", frame="peers", days=180, formula=_beyond_trade("tax_sales_week_cv_180d"),
        unit="1",
        sign=+1, display="percent", theme="peers", meaning="unevenness of sales beyond that of the trade",
        meaning_zh="销售波动与同业之差",
    ),
    feature(
        name="peer_sales_level", frame="peers", days=365, formula=_against_trade("tax_sales_mean_365d"),
        unit="log", sign=-1, display="number", theme="peers", meaning="size of sales against the trade",
        meaning_zh="销售规模与同业之比",
    ),
    feature(
        name="peer_sales_per_employee", frame="peers", days=365, formula=_against_trade("sales_per_employee"),
        unit="log", sign=-1, display="number", theme="peers", meaning="sales per employee against the trade",
        meaning_zh="人均销售与同业之比",
    ),
    feature(
        name="peer_electricity_change", frame="peers", days=182,
        formula=_beyond_trade("electricity_change_13w"),
        unit="1", sign=-1, display="percent", theme="peers",
        meaning="quarter's change of electricity beyond that of the trade",
        meaning_zh="近一季用电变化与同业之差", reference="S12",
    ),
    feature(
        name="peer_electricity_yoy", frame="peers", days=455, formula=_beyond_trade("electricity_yoy_13w"),
        unit="1",
        sign=-1, display="percent", theme="peers",
        meaning="year-on-year change of electricity beyond that of the trade", meaning_zh="用电同比与同业之差",
        reference="S12",
    ),
    feature(
        name="peer_electricity_cv", frame="peers", days=180, formula=_beyond_trade("electricity_week_cv_180d"),
        unit="1", sign=+1, display="percent", theme="peers",
        meaning="unevenness of electricity beyond that of the trade", meaning_zh="用电波动与同业之差",
        reference="S12",
    ),
    feature(
        name="peer_electricity_per_employee", frame="peers", days=365,
        formula=_against_trade("kwh_per_employee"),
        unit="log", sign=-1, display="number", theme="peers",
        meaning="electricity per employee against the trade", meaning_zh="人均用电与同业之比",
    ),
    *(
        feature(
            name=f"peer_electricity_{span}", frame="peers", days=455,
            formula=_beyond_trade(f"electricity_{span}"), unit="1", sign=-1, display="percent", theme="peers",
            meaning=f"electricity of {when}, beyond the trade's", meaning_zh=f"{when_zh}用电较近65周与同业之差",
            reference="S12",
        )
        for span, when, when_zh in (
            ("level_4w", "4 weeks against 65", "近4周"),
            ("level_13w", "a quarter against 65 weeks", "近一季"),
        )
    ),
    *(
        feature(
            name=f"peer_work_{span}", frame="peers", days=455, formula=_beyond_trade(f"work_{span}"), unit="1",
            sign=-1, display="percent", theme="peers", meaning=f"{_ALL}, {when}, beyond the trade's",
            meaning_zh=f"{_ALL_ZH}{when_zh}与同业之差", reference="S12",
            one_source=(f"{_ONE}, {when}, beyond the trade's", f"{_ONE_ZH}{when_zh}与同业之差"),
        )
        for span, when, when_zh in (
            ("level_4w", "4 weeks against 65", "近4周较近65周"),
            ("level_13w", "a quarter against 65 weeks", "近一季较近65周"),
            ("level_26w", "half a year against 65 weeks", "近半年较近65周"),
            ("yoy_13w", "a quarter against a year ago", "近一季同比"),
        )
    ),
    feature(
        name="peer_electricity_month_cv", frame="peers", days=365,
        formula=_beyond_trade("electricity_month_cv_365d"),
        unit="1", sign=+1, display="percent", theme="peers",
        meaning="unevenness of monthly electricity beyond that of the trade",
        meaning_zh="月用电波动与同业之差", reference="S12",
    ),
    feature(
        name="peer_work_month_cv", frame="peers", days=365, formula=_beyond_trade("work_month_cv"), unit="1",
        sign=+1,
        display="percent", theme="peers", meaning=f"unevenness of {_ALL} beyond that of the trade",
        meaning_zh=f"{_ALL_ZH}月度波动与同业之差",
        one_source=(f"unevenness of {_ONE} beyond that of the trade", f"{_ONE_ZH}月度波动与同业之差"),
    ),
    feature(
        name="peer_parcels_change", frame="peers", days=182, formula=_beyond_trade("logistics_out_change_13w"),
        unit="1", sign=-1, display="percent", theme="peers",
        meaning="quarter's change of parcels beyond that of the trade", meaning_zh="近一季发件变化与同业之差",
    ),
    feature(
        name="peer_parcels_yoy", frame="peers", days=455, formula=_beyond_trade("logistics_out_yoy_13w"),
        unit="1",
        sign=-1, display="percent", theme="peers",
        meaning="year-on-year change of parcels beyond that of the trade", meaning_zh="发件同比与同业之差",
    ),
    feature(
        name="peer_orders_change", frame="peers", days=182,
        formula=_beyond_trade("ecommerce_orders_change_13w"),
        unit="1", sign=-1, display="percent", theme="peers",
        meaning="quarter's change of orders beyond that of the trade", meaning_zh="近一季订单变化与同业之差",
    ),
    feature(
        name="peer_orders_yoy", frame="peers", days=455, formula=_beyond_trade("ecommerce_orders_yoy_13w"),
        unit="1",
        sign=-1, display="percent", theme="peers",
        meaning="year-on-year change of orders beyond that of the trade", meaning_zh="订单同比与同业之差",
    ),
    feature(
        name="peer_refunds", frame="peers", days=90, formula=_beyond_trade("ecommerce_refund_rate_90d"),
        unit="1",
        sign=+1, display="percent", theme="peers", meaning="refund rate beyond that of the trade",
        meaning_zh="退款率与同业之差",
    ),
    feature(
        name="peer_conversion", frame="peers", days=90, formula=_beyond_trade("ecommerce_conversion_90d"),
        unit="1",
        sign=-1, display="percent", theme="peers", meaning="conversion of visitors beyond that of the trade",
        meaning_zh="转化率与同业之差",
    ),
    feature(
        name="peer_kwh_per_sales", frame="peers", days=365, formula=_against_trade("kwh_per_sales_365d"),
        unit="log", sign=0, display="number", theme="consistency",
        meaning="electricity per invoiced yuan against the trade", meaning_zh="单位开票耗电与同业之比",
        reference="R190, S12", note="too much is unsold work, too little is invoices without work",
    ),
    feature(
        name="peer_kwh_per_sales_distance", frame="peers", days=365,
        formula=_distance_from_trade("kwh_per_sales_365d"), unit="log", sign=+1, display="number",
        theme="consistency", meaning="distance of electricity per invoiced yuan from the trade's",
        meaning_zh="单位开票耗电偏离同业程度", reference="R190, S12",
    ),
    feature(
        name="peer_parcels_per_order_distance", frame="peers", days=90,
        formula=_distance_from_trade("parcels_per_order_90d"), unit="log", sign=+1, display="number",
        theme="consistency", meaning="distance of parcels per order from the trade's",
        meaning_zh="每单发件数偏离同业程度", reference="C28",
    ),
    feature(
        name="peer_loan_to_sales", frame="peers", days=365, formula=_against_trade("loan_to_sales"), unit="log",
        sign=+1, display="number", theme="loan",
        meaning="amount applied for per yuan of sales against the trade", meaning_zh="申请额与销售之比较同业",
    ),
)  # fmt: skip
"""Every feature against peers; missing without a reference or where the trade is unknown."""


def build_reference(features: pl.DataFrame, place: pl.DataFrame) -> pl.DataFrame:
    """Compute the peer reference: medians of every cell that is large enough.

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
    """Peer cell of each application: sector, city, calendar month.

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
    """Look up the peer medians of each row, from the narrowest cell that the reference holds.

    Returns
    -------
    ndarray of shape (n, len(COMPARED))
        NaN where the trade is unknown.
    """
    cell_of, medians = _cells(reference)
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


def _cells(
    reference: pl.DataFrame,
) -> tuple[dict[tuple[str | int | None, ...], int], Floats]:
    """Row of each cell, and the medians by row with a last one of NaN."""
    keys = zip(*(reference[name].to_list() for name in PLACE), strict=True)
    medians = np.full((reference.height + 1, len(COMPARED)), np.nan)
    for column, name in zip(medians.T, COMPARED, strict=True):
        column[:-1] = reference[name].to_numpy()
    return {key: row for row, key in enumerate(keys)}, medians


def with_typical(
    features: pl.DataFrame, place: pl.DataFrame, reference: pl.DataFrame
) -> pl.DataFrame:
    """Add peer medians as `typical_*` columns."""
    names = [PEER_PREFIX + name for name in COMPARED]
    return features.hstack(table(dict(zip(names, usual(place, reference).T, strict=True))))


def apply_reference(
    features: pl.DataFrame, place: pl.DataFrame, reference: pl.DataFrame
) -> pl.DataFrame:
    """Fill the peer features of a feature matrix that was built without a reference."""
    usual = with_typical(features, place, reference)
    filled = usual.with_columns(f.formula.expression.cast(pl.Float32).alias(f.name) for f in PEERS)
    return filled.select(features.columns)
