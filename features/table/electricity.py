"""Features from electricity: daily use by tariff hour, and bills."""
# ruff: noqa: E501 (rows of a table are wrapped at 112 columns)

import polars as pl
from polars import col

from features.table.builders import changes, per_window, recent, rhythm
from features.table.feature import Feature
from features.table.formula import ratio

_KWH, _PEAK, _VALLEY = col("kwh"), col("kwh_peak"), col("kwh_valley")

STEADY_CV = 0.15
"""Unevenness of daily electricity below which a firm is steady (R188)."""

_CLOSING_DAYS = "closing days of the trade's week are part of it; weekly unevenness, which is not, carries the sign"

_CV_OF_DAYS = ratio((col("kwh_square") - _KWH * _KWH).clip(0).sqrt(), _KWH)

ELECTRICITY: tuple[Feature, ...] = (
    *per_window(
        (30, 90, 180, 365), name="electricity_mean_{d}d", frame="electricity_window", formula=_KWH,
        unit="kWh/day", sign=-1, display="number", theme="electricity_level",
        meaning="electricity a day over {d} days", meaning_zh="近{d}天日均用电量", reference="R122",
    ),
    *per_window(
        (30, 90, 180), name="electricity_idle_share_{d}d", frame="electricity_window", formula=col("idle"),
        unit="1", sign=0, display="percent", theme="electricity_rhythm",
        meaning="share of nearly idle days over {d} days", meaning_zh="近{d}天接近停工天数占比",
        note=_CLOSING_DAYS,
    ),
    *per_window(
        (30, 90, 180), name="electricity_cv_{d}d", frame="electricity_window", formula=_CV_OF_DAYS, unit="1",
        sign=0, display="percent", theme="electricity_rhythm",
        meaning="unevenness of daily electricity over {d} days", meaning_zh="近{d}天日用电波动率",
        reference="R122, R188",
        note=_CLOSING_DAYS,
    ),
    *per_window(
        (90,), name="electricity_worst_cv_3m", frame="electricity_months",
        formula=_CV_OF_DAYS.expression.max(), unit="1",
        sign=0, display="percent", theme="electricity_rhythm",
        meaning="highest monthly unevenness of electricity in three months",
        meaning_zh="近三个月最高月度用电波动率", reference="R188",
        note=_CLOSING_DAYS,
    ),
    *per_window(
        (90,), name="electricity_steady_3m", frame="electricity_months",
        formula=(_CV_OF_DAYS.expression.max() < STEADY_CV).cast(pl.Float64), unit="1", sign=-1, display="yes_no",
        theme="electricity_rhythm", meaning="three months in a row with unevenness of electricity below 15 %",
        meaning_zh="连续三个月用电波动率低于15%", reference="R188",
    ),
    *changes(
        "electricity", source="electricity", column="kwh", what="electricity use", what_zh="用电量",
        theme="electricity_trend",
    ),
    *rhythm(
        "electricity", source="electricity", column="kwh", what="electricity", what_zh="用电量",
        theme="electricity_rhythm", reference="R122",
    ),
    *per_window(
        (30, 180), name="electricity_peak_to_valley_{d}d", frame="electricity_window",
        formula=ratio(_PEAK, _VALLEY), unit="1", sign=0, display="number", theme="electricity_shape",
        meaning="peak per kWh of valley electricity over {d} days", meaning_zh="近{d}天峰谷用电比",
        reference="R122", note="night work is cheap power for one trade and despair in another",
    ),
    *per_window(
        (180,), name="electricity_valley_share_{d}d", frame="electricity_window", formula=ratio(_VALLEY, _KWH),
        unit="1", sign=0, display="percent", theme="electricity_shape",
        meaning="share of valley electricity over {d} days", meaning_zh="近{d}天谷段用电占比", reference="S10",
        note="as above",
    ),
    *per_window(
        (365,), name="electricity_season_swing", frame="electricity_months",
        formula=ratio(_KWH.max() - _KWH.min(), _KWH.mean()), unit="1", sign=0, display="percent",
        theme="electricity_shape", meaning="swing of electricity between the months of a year",
        meaning_zh="近一年用电季节性摆幅", reference="R122",
        note="season belongs to the trade; unevenness beyond it is measured elsewhere",
    ),
    # bills
    *per_window(
        (365,), name="electricity_bills_overdue", frame="bills", formula=col("overdue").sum(), unit="bills",
        sign=+1, display="number", theme="bills", meaning="electricity bills of a year overdue and unpaid",
        meaning_zh="近一年逾期未缴电费笔数", reference="S07",
    ),
    *per_window(
        (180, 365), name="electricity_bills_late_share_{d}d", frame="bills",
        formula=(col("late_days") > 0).mean(), unit="1", sign=+1, display="percent", theme="bills",
        meaning="share of electricity bills paid late over {d} days", meaning_zh="近{d}天电费逾期缴纳占比",
        reference="S07",
    ),
    *per_window(
        (365,), name="electricity_bills_late_days_{d}d", frame="bills", formula=col("late_days").mean(),
        unit="days", sign=+1, display="number", theme="bills",
        meaning="mean delay of electricity bills over {d} days", meaning_zh="近{d}天电费平均逾期天数",
        reference="S07",
    ),
    *per_window(
        (120, 365), name="electricity_pay_days_{d}d", frame="bills", formula=col("pay_days").mean(),
        unit="days", sign=+1, display="number", theme="bills",
        meaning="mean days from electricity bill to payment over {d} days",
        meaning_zh="近{d}天电费缴纳平均用时", reference="S07",
    ),
    *per_window(
        (365,), name="electricity_pay_days_recent", frame="bills", formula=recent(col("pay_days")),
        unit="days", sign=+1, display="number", theme="bills",
        meaning="days from electricity bill to payment, recent ones weighing more",
        meaning_zh="电费缴纳用时（近期加权）", reference="S07",
    ),
    *per_window(
        (365,), name="electricity_pay_days_last", frame="bills", formula=col("pay_days").drop_nulls().last(),
        unit="days", sign=+1, display="number", theme="bills",
        meaning="days from the last electricity bill to its payment", meaning_zh="最近一期电费缴纳用时",
        reference="S07",
    ),
    *per_window(
        (120, 365), name="electricity_pay_days_worst_{d}d", frame="bills", formula=col("pay_days").max(),
        unit="days", sign=+1, display="number", theme="bills",
        meaning="longest time from electricity bill to payment over {d} days",
        meaning_zh="近{d}天电费缴纳最长用时", reference="S07",
    ),
    *per_window(
        (180,), name="electricity_bills_worst_delay_{d}d", frame="bills", formula=col("late_days").max(),
        unit="days", sign=+1, display="number", theme="bills",
        meaning="longest delay of an electricity bill over {d} days", meaning_zh="近{d}天电费最长逾期天数",
        reference="S07",
    ),
    *per_window(
        (365,), name="electricity_arrears", frame="bills",
        formula=ratio(col("arrears_cny").sum(), col("amount_cny").mean()), unit="bills", sign=+1,
        display="number", theme="bills", meaning="electricity arrears, in mean bills",
        meaning_zh="电费欠缴额（以平均账单计）", reference="S07",
    ),
)  # fmt: skip
"""Every feature of the source `electricity`."""
