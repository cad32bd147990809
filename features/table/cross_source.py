"""Features across sources: how long the records are, and whether they agree with each other.

Formulas read other features of the same applicant by name.
"""
# ruff: noqa: E501, PLR2004 - a table reads best with one row to a line and its limits in place

import polars as pl
from polars import col

from features.contract.tables import SOURCE_NAMES, SOURCES
from features.table.feature import EVERY_SOURCE, Feature, ratio


def _gap(a: str, b: str) -> pl.Expr:
    """Distance between two changes; each lies between -1 and 1."""
    return (col(a) - col(b)).abs()


def _log_ratio(name: str) -> pl.Expr:
    """Logarithm of the ratio that a change of `features.table.feature.change` stands for."""
    return 2 * col(name).clip(-0.99, 0.99).arctanh()


def _rise_beyond(a: str, b: str, span: str) -> pl.Expr:
    """How much more one trace rose than another: 0 as much or less, 0.7 the double."""
    return (_log_ratio(f"{a}_{span}") - _log_ratio(f"{b}_{span}")).clip(0)


def _unsupported_growth(claim: str, traces: tuple[str, ...], span: str) -> pl.Expr:
    """How much more a claim rose than the trace of real work that rose most; 0 for less."""
    most = pl.max_horizontal(*[_log_ratio(f"{trace}_{span}") for trace in traces])
    return (_log_ratio(f"{claim}_{span}") - most).clip(0)


def _credibility(count: str, days: int, enough: int) -> pl.Expr:
    """Weight of a figure that rests on so many events: a half where there are just enough."""
    events = col(count) * days
    return events / (events + enough)


def _cv_log_ratio(a: str, b: str) -> pl.Expr:
    """How many times as uneven one series is as another, as a logarithm."""
    return pl.when((col(a) > 0) & (col(b) > 0)).then((col(a) / col(b)).log())


def _mean_of(*names: str) -> pl.Expr:
    return pl.mean_horizontal(*names)


def _mean_change(span: str) -> pl.Expr:
    return _mean_of(
        *(
            f"{series}_{span}"
            for series in ("tax_sales", "electricity", "logistics_out", "ecommerce_orders")
        )
    )


_SPANS = (
    ("change_4w", 112, "last 4 weeks", "近4周"),
    ("change_13w", 182, "last quarter", "近一季"),
    ("change_26w", 364, "last half-year", "近半年"),
    ("level_4w", 455, "last 4 weeks against 65", "近4周较近65周"),
    ("level_13w", 455, "last quarter against 65 weeks", "近一季较近65周"),
    ("level_26w", 455, "last half-year against 65 weeks", "近半年较近65周"),
    ("yoy_4w", 392, "last 4 weeks against a year ago", "近4周同比"),
    ("yoy_13w", 455, "last quarter against a year ago", "近一季同比"),
)

_TRACES = (
    (
        "tax_sales",
        "electricity",
        "sales",
        "electricity",
        "electricity",
        "销售",
        "用电",
        "R190, C26",
    ),
    ("tax_sales", "logistics_out", "sales", "parcels", "parcels", "销售", "发件", "C28"),
    ("tax_sales", "tax_purchases", "sales", "purchases", "purchases", "销售", "进项", ""),
    ("tax_count", "logistics_out", "invoices", "parcels", "parcels", "开票张数", "发件", "C28"),
    ("ecommerce_orders", "logistics_out", "orders", "parcels", "parcels", "订单", "发件", "C28"),
)
"""Work that can be invented, beside a trace that costs money to fake."""

_RISES = (
    ("change_26w", 364, "half-year's", "近半年"),
    ("level_13w", 455, "quarter's", "近一季（较近65周）"),
    ("yoy_13w", 455, "year-on-year", "同比"),
)

_SAID = ("electricity", "level_13w")
"""Left out: `sales_beyond_electricity_13w` says it."""

_ALL, _ALL_ZH = EVERY_SOURCE

_DELAYS = ("tax_pay_days", "electricity_pay_days", "tax_file_days")
"""What a firm does late when money is short: pays taxes and bills, and files what makes it pay."""


def _payment_delay(span: str) -> pl.Expr:
    return _mean_of(*(f"{name}_{span}" for name in _DELAYS))


COVERAGE: tuple[Feature, ...] = (
    *(Feature(f"coverage_{source}", "coverage", 180, col(f"{source}_180") / 180, "1", -1, f"known share of the last 180 days, {source}", f"近180天{SOURCE_NAMES[source][1]}数据覆盖率", "coverage", "S04" if source == "tax" else "") for source in SOURCES),
    *(Feature(f"history_{source}", "coverage", 455, col(f"{source}_455"), "days", -1, f"known days of 455, {source}", f"近455天{SOURCE_NAMES[source][1]}数据天数", "coverage") for source in SOURCES),
)  # fmt: skip
"""How much is known. `coverage_*` decides whether an applicant can be scored."""

CROSS_SOURCE: tuple[Feature, ...] = (
    Feature("sources_covered", "cross_source", 180, pl.sum_horizontal(*[col(f"coverage_{s}") >= 0.5 for s in SOURCES]), "sources", -1, "sources with 90 known days in the last 180", "近180天有90天以上数据的来源数", "coverage"),
    Feature("loan_to_sales", "cross_source", 365, ratio(col("loan_amount"), 365 * col("tax_sales_mean_365d")), "1", +1, "amount applied for per yuan of a year's invoiced sales", "申请金额与近一年开票销售之比", "loan", "R034"),
    Feature("loan_to_turnover", "cross_source", 365, ratio(col("loan_amount"), 365 * col("ecommerce_gmv_mean_365d")), "1", +1, "amount applied for per yuan of a year's online turnover", "申请金额与近一年网店成交额之比", "loan"),
    Feature("sales_per_employee", "cross_source", 365, ratio(col("tax_sales_mean_365d"), col("firm_employees")), "CNY/day", -1, "invoiced sales a day per employee", "人均日开票销售额", "sales_level"),
    Feature("kwh_per_employee", "cross_source", 365, ratio(col("electricity_mean_365d"), col("firm_employees")), "kWh/day", 0, "electricity a day per employee", "人均日用电量", "electricity_level", note="a matter of the trade"),
    Feature("kwh_per_sales_90d", "cross_source", 90, ratio(col("electricity_mean_90d"), col("tax_sales_mean_90d")), "kWh/CNY", 0, "electricity per invoiced yuan over 90 days", "近90天单位开票销售耗电", "consistency", "R190", "too much is unsold work, too little is invoices without work"),
    Feature("kwh_per_sales_365d", "cross_source", 365, ratio(col("electricity_mean_365d"), col("tax_sales_mean_365d")), "kWh/CNY", 0, "electricity per invoiced yuan over a year", "近一年单位开票销售耗电", "consistency", "R190", "as above"),
    Feature("parcels_per_order_90d", "cross_source", 90, ratio(col("logistics_out_mean_90d"), col("ecommerce_orders_mean_90d")), "1", 0, "parcels sent per online order over 90 days", "近90天每单发件数", "consistency", "C28", "orders without parcels are invented, parcels without orders are offline sales"),
    Feature("parcels_per_order_365d", "cross_source", 365, ratio(col("logistics_out_mean_365d"), col("ecommerce_orders_mean_365d")), "1", 0, "parcels sent per online order over a year", "近一年每单发件数", "consistency", "C28", "as above"),
    Feature("turnover_to_sales_365d", "cross_source", 365, ratio(col("ecommerce_gmv_mean_365d"), col("tax_sales_mean_365d")), "1", 0, "online turnover per invoiced yuan over a year", "近一年网店成交与开票之比", "consistency", note="depends on how much of the trade is online"),
    Feature("sales_against_electricity_13w", "cross_source", 182, _gap("tax_sales_change_13w", "electricity_change_13w"), "1", +1, "disagreement of the quarter's sales and electricity", "近一季销售与用电变化背离", "consistency", "R190, C26"),
    Feature("sales_against_electricity_yoy", "cross_source", 455, _gap("tax_sales_yoy_13w", "electricity_yoy_13w"), "1", +1, "disagreement of sales and electricity with a year ago", "同比销售与用电变化背离", "consistency", "R190, C26"),
    Feature("orders_against_parcels_13w", "cross_source", 182, _gap("ecommerce_orders_change_13w", "logistics_out_change_13w"), "1", +1, "disagreement of the quarter's orders and parcels", "近一季订单与发件变化背离", "consistency", "C28"),
    Feature("sales_against_orders_13w", "cross_source", 182, _gap("tax_sales_change_13w", "ecommerce_orders_change_13w"), "1", +1, "disagreement of the quarter's invoiced and online sales", "近一季开票与网店销售变化背离", "consistency"),
    Feature("steady_electricity_late_tax", "cross_source", 180, pl.when(col("electricity_week_cv_180d") < 0.15).then(col("tax_late_share_180d")).otherwise(0.0 * col("tax_late_share_180d")), "1", +1, "late returns of a firm with steady electricity", "用电平稳但申报逾期", "consistency", "R190, C26"),
    *(Feature(f"work_{span}", "cross_source", days, _mean_change(span), "1", -1, f"mean change of {_ALL}, {when}", f"{_ALL_ZH}{when_zh}平均变化", "consistency") for span, days, when, when_zh in _SPANS),
    Feature("work_month_cv", "cross_source", 365, _mean_of("tax_sales_month_cv_365d", "electricity_month_cv_365d", "logistics_out_month_cv_365d", "ecommerce_orders_month_cv_365d"), "1", +1, f"mean unevenness of {_ALL} from month to month", f"{_ALL_ZH}月度波动平均值", "consistency"),
    Feature("sales_beyond_electricity_13w", "cross_source", 455, col("tax_sales_level_13w") - col("electricity_level_13w"), "1", +1, "rise of the quarter's sales beyond that of electricity", "近一季销售增幅超出用电增幅", "consistency", "R190, C26"),
    Feature("orders_beyond_parcels_13w", "cross_source", 455, col("ecommerce_orders_level_13w") - col("logistics_out_level_13w"), "1", +1, "rise of the quarter's orders beyond that of parcels", "近一季订单增幅超出发件增幅", "consistency", "C28"),
    Feature("sales_cv_beyond_electricity", "cross_source", 365, col("tax_sales_week_cv_365d") - col("electricity_week_cv_365d"), "1", +1, "unevenness of sales beyond that of electricity", "销售波动超出用电波动", "consistency", "R190, C26"),
    *(Feature(f"{what}_rise_beyond_{trace}_{span}", "cross_source", days, _rise_beyond(a, b, span), "log", +1, f"{when} rise of {what} that is not seen in {trace_text}", f"{when_zh}{what_zh}增幅超出{trace_zh}增幅的部分", "consistency", reference) for a, b, what, trace, trace_text, what_zh, trace_zh, reference in _TRACES for span, days, when, when_zh in _RISES if (trace, span) != _SAID),
    Feature("orders_unsupported_growth_13w", "cross_source", 455, _unsupported_growth("ecommerce_orders", ("ecommerce_visitors", "logistics_out"), "level_13w") * _credibility("ecommerce_orders_mean_90d", 90, 50), "log", +1, "rise of orders that neither visitors nor parcels show, quarter against 65 weeks", "近一季订单增幅中访客与发件均未见的部分", "consistency", "C28"),
    Feature("sales_unsupported_growth_13w", "cross_source", 455, _unsupported_growth("tax_sales", ("electricity", "tax_purchases", "logistics_out", "ecommerce_orders"), "level_13w") * _credibility("tax_sales_count_90d", 90, 10), "log", +1, "rise of sales that no other record shows, quarter against 65 weeks", "近一季开票增幅中其他记录均未见的部分", "consistency", "R190, C26"),
    Feature("sales_to_top_new_customers", "cross_source", 180, col("tax_top_new_customers") * _credibility("tax_sales_count_90d", 90, 20), "1", +1, "sales to the three largest new customers, weighed by the number of invoices", "销售集中于新结识三大客户的程度（按发票数加权）", "customers", "R190"),
    Feature("sales_cv_ratio_electricity_180d", "cross_source", 180, _cv_log_ratio("tax_sales_week_cv_180d", "electricity_week_cv_180d"), "log", +1, "unevenness of sales against that of electricity, half-year", "近半年销售波动与用电波动之比", "consistency", "R190, C26, S12"),
    Feature("parcels_cv_ratio_electricity", "cross_source", 365, _cv_log_ratio("logistics_out_week_cv_365d", "electricity_week_cv_365d"), "log", +1, "unevenness of parcels against that of electricity", "近一年发件波动与用电波动之比", "consistency", "R190, C28"),
    Feature("orders_cv_ratio_electricity", "cross_source", 365, _cv_log_ratio("ecommerce_orders_week_cv_365d", "electricity_week_cv_365d"), "log", +1, "unevenness of orders against that of electricity", "近一年订单波动与用电波动之比", "consistency", "R190, C28"),
    Feature("sales_cv_ratio_purchases", "cross_source", 365, _cv_log_ratio("tax_sales_week_cv_365d", "tax_purchases_week_cv_365d"), "log", +1, "unevenness of sales against that of purchases", "近一年销售波动与进项波动之比", "consistency"),
    Feature("payment_delay_recent", "cross_source", 365, _payment_delay("recent"), "days", +1, "mean days to pay taxes and bills and to file, recent ones weighing more", "缴税、缴电费与申报平均用时（近期加权）", "bills"),
    Feature("payment_delay_now", "cross_source", 120, _payment_delay("120d"), "days", +1, "mean days to pay taxes and bills and to file over 120 days", "近120天缴税、缴电费与申报平均用时", "bills"),
    Feature("payment_delay_growing", "cross_source", 365, _payment_delay("recent") - _payment_delay("365d"), "days", +1, "recent days to pay and to file beyond the year's", "近期缴费与申报用时较全年增加天数", "bills"),
    Feature("purchases_beyond_sales_4w", "cross_source", 455, col("tax_purchases_level_4w") - col("tax_sales_level_4w"), "1", -1, "purchases kept up against sales, last 4 weeks", "近4周进项相对销项的维持程度", "suppliers"),
    Feature("purchases_beyond_sales_13w", "cross_source", 455, col("tax_purchases_level_13w") - col("tax_sales_level_13w"), "1", -1, "purchases kept up against sales, last quarter", "近一季进项相对销项的维持程度", "suppliers"),
    Feature("pay_days", "cross_source", 365, _mean_of("tax_pay_days_365d", "electricity_pay_days_365d"), "days", +1, "mean days to pay tax and electricity over a year", "近一年缴税与电费平均用时", "bills"),
    Feature("pay_days_now", "cross_source", 120, _mean_of("tax_pay_days_120d", "electricity_pay_days_120d"), "days", +1, "mean days to pay tax and electricity over 120 days", "近120天缴税与电费平均用时", "bills"),
    Feature("late_payer", "cross_source", 365, pl.mean_horizontal("tax_late_share_365d", "electricity_bills_late_share_365d"), "1", +1, "share of returns and electricity bills late in a year", "近一年申报与电费逾期占比", "tax_filing"),
)  # fmt: skip
"""Agreement between sources, and figures that need two of them."""
