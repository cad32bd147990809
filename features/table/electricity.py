"""Features from electricity: daily use by tariff hour, and bills."""
# ruff: noqa: E501, PLR2004 - a table reads best with one row to a line and its limits in place

import polars as pl
from polars import col

from features.table.builders import changes, per_window, recent, rhythm
from features.table.feature import Feature, ratio

_KWH, _PEAK, _VALLEY = col("kwh"), col("kwh_peak"), col("kwh_valley")


_CV_OF_DAYS = ratio((col("kwh_square") - _KWH * _KWH).clip(0).sqrt(), _KWH)

ELECTRICITY: tuple[Feature, ...] = (
    *per_window((30, 90, 180, 365), "electricity_mean_{d}d", "electricity_window", _KWH, "kWh/day", -1, "electricity a day over {d} days", "近{d}天日均用电量", "electricity_level", "R122"),
    *per_window((30, 90, 180), "electricity_idle_share_{d}d", "electricity_window", col("idle"), "1", 0, "share of nearly idle days over {d} days", "近{d}天接近停工天数占比", "electricity_rhythm", note="closing days of the trade's week are part of it; weekly unevenness, which is not, carries the sign"),
    *per_window((30, 90, 180), "electricity_cv_{d}d", "electricity_window", _CV_OF_DAYS, "1", 0, "unevenness of daily electricity over {d} days", "近{d}天日用电波动率", "electricity_rhythm", "R122, R188", "closing days of the trade's week are part of it; weekly unevenness, which is not, carries the sign"),
    *per_window((90,), "electricity_worst_cv_3m", "electricity_months", _CV_OF_DAYS.max(), "1", 0, "highest monthly unevenness of electricity in three months", "近三个月最高月度用电波动率", "electricity_rhythm", "R188", "closing days of the trade's week are part of it; weekly unevenness, which is not, carries the sign"),
    *per_window((90,), "electricity_steady_3m", "electricity_months", (_CV_OF_DAYS.max() < 0.15).cast(pl.Float64), "1", -1, "three months in a row with unevenness of electricity below 15 %", "连续三个月用电波动率低于15%", "electricity_rhythm", "R188"),
    *changes("electricity", "electricity", "kwh", "electricity use", "用电量", "electricity_trend"),
    *rhythm("electricity", "electricity", "kwh", "electricity", "用电量", "electricity_rhythm", reference="R122"),
    *per_window((30, 180), "electricity_peak_to_valley_{d}d", "electricity_window", ratio(_PEAK, _VALLEY), "1", 0, "peak per kWh of valley electricity over {d} days", "近{d}天峰谷用电比", "electricity_shape", "R122", note="night work is cheap power for one trade and despair in another"),
    *per_window((180,), "electricity_valley_share_{d}d", "electricity_window", ratio(_VALLEY, _KWH), "1", 0, "share of valley electricity over {d} days", "近{d}天谷段用电占比", "electricity_shape", "S10", note="as above"),
    *per_window((365,), "electricity_season_swing", "electricity_months", ratio(_KWH.max() - _KWH.min(), _KWH.mean()), "1", 0, "swing of electricity between the months of a year", "近一年用电季节性摆幅", "electricity_shape", "R122", note="season belongs to the trade; unevenness beyond it is measured elsewhere"),
    # bills
    *per_window((365,), "electricity_bills_overdue", "bills", col("overdue").sum(), "bills", +1, "electricity bills of a year overdue and unpaid", "近一年逾期未缴电费笔数", "bills", "S07"),
    *per_window((180, 365), "electricity_bills_late_share_{d}d", "bills", (col("late_days") > 0).mean(), "1", +1, "share of electricity bills paid late over {d} days", "近{d}天电费逾期缴纳占比", "bills", "S07"),
    *per_window((365,), "electricity_bills_late_days_{d}d", "bills", col("late_days").mean(), "days", +1, "mean delay of electricity bills over {d} days", "近{d}天电费平均逾期天数", "bills", "S07"),
    *per_window((120, 365), "electricity_pay_days_{d}d", "bills", col("pay_days").mean(), "days", +1, "mean days from electricity bill to payment over {d} days", "近{d}天电费缴纳平均用时", "bills", "S07"),
    *per_window((365,), "electricity_pay_days_recent", "bills", recent(col("pay_days")), "days", +1, "days from electricity bill to payment, recent ones weighing more", "电费缴纳用时（近期加权）", "bills", "S07"),
    *per_window((365,), "electricity_pay_days_last", "bills", col("pay_days").drop_nulls().last(), "days", +1, "days from the last electricity bill to its payment", "最近一期电费缴纳用时", "bills", "S07"),
    *per_window((120, 365), "electricity_pay_days_worst_{d}d", "bills", col("pay_days").max(), "days", +1, "longest time from electricity bill to payment over {d} days", "近{d}天电费缴纳最长用时", "bills", "S07"),
    *per_window((180,), "electricity_bills_worst_delay_{d}d", "bills", col("late_days").max(), "days", +1, "longest delay of an electricity bill over {d} days", "近{d}天电费最长逾期天数", "bills", "S07"),
    *per_window((365,), "electricity_arrears", "bills", ratio(col("arrears_cny").sum(), col("amount_cny").mean()), "bills", +1, "electricity arrears, in mean bills", "电费欠缴额（以平均账单计）", "bills", "S07"),
)  # fmt: skip
"""Every feature of the source `electricity`."""
