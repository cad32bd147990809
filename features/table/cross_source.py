"""Features across sources: how long the records are, and whether they agree with each other.

Formulas read other features of the same applicant by name.
"""
# ruff: noqa: E501, PLR2004 (rows of a table are wrapped at 112 columns, limits in place)

import polars as pl
from polars import col

from features.contract.tables import SOURCE_NAMES, SOURCES
from features.table.builders import feature
from features.table.electricity import STEADY_CV
from features.table.feature import EVERY_SOURCE, ONE_SOURCE, ChangeWords, Feature
from features.table.formula import (
    Formula,
    difference,
    formula_of_columns,
    log_ratio,
    mean_of,
    ratio,
)


@formula_of_columns
def _known_share(days: pl.Expr) -> pl.Expr:
    return days / 180


@formula_of_columns
def _disagreement(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Distance between two changes; each lies between -1 and 1."""
    return (a - b).abs()


@formula_of_columns
def _daily_ratio(amount: pl.Expr, daily: pl.Expr) -> Formula:
    """Ratio of an amount to a year's total, of which the daily mean is given."""
    return ratio(amount, 365 * daily)


@formula_of_columns
def _part_to_month(amount: pl.Expr, share: pl.Expr, daily: pl.Expr) -> Formula:
    """Ratio of a share of an amount to a month's total, of which the daily mean is given."""
    return ratio(amount * share, 365 / 12 * daily)


@formula_of_columns
def _rise_beyond(claim: pl.Expr, trace: pl.Expr) -> pl.Expr:
    """How much more one series rose than another: 0 as much or less, 0.7 the double."""
    return (_log_change(claim) - _log_change(trace)).clip(0)


def _unsupported_growth(claim: str, *traces: str) -> pl.Expr:
    """How much more a claim rose than the trace of real work that rose most; 0 for less."""
    most = pl.max_horizontal(*[_log_change(col(trace)) for trace in traces])
    return (_log_change(col(claim)) - most).clip(0)


def _log_change(change: pl.Expr) -> pl.Expr:
    """Logarithm of the ratio that a symmetric change stands for."""
    return 2 * change.clip(-0.99, 0.99).arctanh()


@formula_of_columns
def _late_while_steady(variation: pl.Expr, late: pl.Expr) -> pl.Expr:
    """Late share of a firm whose consumption is steady; 0 of one whose is not."""
    return pl.when(variation < STEADY_CV).then(late).otherwise(0.0 * late)


def _credibility(count: str, days: int, enough: int) -> pl.Expr:
    """Weight of a figure that rests on so many events: a half where there are just enough."""
    events = col(count) * days
    return events / (events + enough)


_SERIES = ("tax_sales", "electricity", "logistics_out", "ecommerce_orders")
"""One series of activity from each source."""

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


_ONE, _ONE_ZH = ONE_SOURCE


@formula_of_columns
def _rise_of_mean(*columns: pl.Expr) -> pl.Expr:
    """Mean of the first half of the columns beyond that of the second half."""
    half = len(columns) // 2
    return pl.mean_horizontal(columns[:half]) - pl.mean_horizontal(columns[half:])


def _delays(span: str) -> list[str]:
    return [f"{name}_{span}" for name in _DELAYS]


COVERAGE: tuple[Feature, ...] = (
    *(
        feature(
            name=f"coverage_{source}", frame="coverage", days=180, formula=_known_share(f"{source}_180"),
            unit="1", sign=-1, display="percent", theme="coverage",
            meaning=f"known share of the last 180 days, {source}",
            meaning_zh=f"近180天{SOURCE_NAMES[source][1]}数据覆盖率",
            reference="S04" if source == "tax" else "",
        )
        for source in SOURCES
    ),
    *(
        feature(
            name=f"history_{source}", frame="coverage", days=455, formula=col(f"{source}_455"), unit="days",
            sign=-1, display="number", theme="coverage", meaning=f"known days of 455, {source}",
            meaning_zh=f"近455天{SOURCE_NAMES[source][1]}数据天数",
        )
        for source in SOURCES
    ),
)  # fmt: skip
"""How much is known. `coverage_*` decides whether an applicant can be scored."""

CROSS_SOURCE: tuple[Feature, ...] = (
    feature(
        name="sources_covered", frame="cross_source", days=180,
        formula=pl.sum_horizontal(*[col(f"coverage_{s}") >= 0.5 for s in SOURCES]), unit="sources", sign=-1,
        display="number", theme="coverage", meaning="sources with 90 known days in the last 180",
        meaning_zh="近180天有90天以上数据的来源数",
    ),
    feature(
        name="loan_to_sales", frame="cross_source", days=365,
        formula=_daily_ratio("loan_amount", "tax_sales_mean_365d"), unit="1", sign=+1,
        display="number", theme="loan", meaning="amount applied for per yuan of a year's invoiced sales",
        meaning_zh="申请金额与近一年开票销售之比", reference="R034",
    ),
    feature(
        name="loan_to_turnover", frame="cross_source", days=365,
        formula=_daily_ratio("loan_amount", "ecommerce_gmv_mean_365d"), unit="1", sign=+1,
        display="number", theme="loan", meaning="amount applied for per yuan of a year's online turnover",
        meaning_zh="申请金额与近一年网店成交额之比",
    ),
    *(
        feature(
            name=f"loan_instalment_to_{what}", frame="cross_source", days=365,
            formula=_part_to_month("loan_amount", "loan_instalment_share", daily), unit="1", sign=+1,
            display="percent", theme="loan",
            meaning=f"mean instalment of the first nine months per yuan of a month's {what_text}",
            meaning_zh=f"前九个月月均还款额与月均{what_zh}之比", reference="R034",
        )
        for what, daily, what_text, what_zh in (
            ("sales", "tax_sales_mean_365d", "invoiced sales", "开票销售"),
            ("turnover", "ecommerce_gmv_mean_365d", "online turnover", "网店成交额"),
        )
    ),
    feature(
        name="sales_per_employee", frame="cross_source", days=365,
        formula=ratio(col("tax_sales_mean_365d"), col("firm_employees")), unit="CNY/day", sign=-1,
        display="money", theme="sales_level", meaning="invoiced sales a day per employee",
        meaning_zh="人均日开票销售额",
    ),
    feature(
        name="kwh_per_employee", frame="cross_source", days=365,
        formula=ratio(col("electricity_mean_365d"), col("firm_employees")), unit="kWh/day", sign=0,
        display="number", theme="electricity_level", meaning="electricity a day per employee",
        meaning_zh="人均日用电量", note="a matter of the trade",
    ),
    feature(
        name="kwh_per_sales_90d", frame="cross_source", days=90,
        formula=ratio(col("electricity_mean_90d"), col("tax_sales_mean_90d")), unit="kWh/CNY", sign=0,
        display="number", theme="consistency", meaning="electricity per invoiced yuan over 90 days",
        meaning_zh="近90天单位开票销售耗电", reference="R190",
        note="too much is unsold work, too little is invoices without work",
    ),
    feature(
        name="kwh_per_sales_365d", frame="cross_source", days=365,
        formula=ratio(col("electricity_mean_365d"), col("tax_sales_mean_365d")), unit="kWh/CNY", sign=0,
        display="number", theme="consistency", meaning="electricity per invoiced yuan over a year",
        meaning_zh="近一年单位开票销售耗电", reference="R190", note="as above",
    ),
    feature(
        name="parcels_per_order_90d", frame="cross_source", days=90,
        formula=ratio(col("logistics_out_mean_90d"), col("ecommerce_orders_mean_90d")), unit="1", sign=0,
        display="number", theme="consistency", meaning="parcels sent per online order over 90 days",
        meaning_zh="近90天每单发件数", reference="C28",
        note="orders without parcels are invented, parcels without orders are offline sales",
    ),
    feature(
        name="parcels_per_order_365d", frame="cross_source", days=365,
        formula=ratio(col("logistics_out_mean_365d"), col("ecommerce_orders_mean_365d")), unit="1", sign=0,
        display="number", theme="consistency", meaning="parcels sent per online order over a year",
        meaning_zh="近一年每单发件数", reference="C28", note="as above",
    ),
    feature(
        name="turnover_to_sales_365d", frame="cross_source", days=365,
        formula=ratio(col("ecommerce_gmv_mean_365d"), col("tax_sales_mean_365d")), unit="1", sign=0,
        display="number", theme="consistency", meaning="online turnover per invoiced yuan over a year",
        meaning_zh="近一年网店成交与开票之比", note="depends on how much of the trade is online",
    ),
    feature(
        name="sales_against_electricity_13w", frame="cross_source", days=182,
        formula=_disagreement("tax_sales_change_13w", "electricity_change_13w"), unit="1", sign=+1,
        display="number",
        theme="consistency", meaning="disagreement of the quarter's sales and electricity",
        meaning_zh="近一季销售与用电变化背离", reference="R190, C26",
    ),
    feature(
        name="sales_against_electricity_yoy", frame="cross_source", days=455,
        formula=_disagreement("tax_sales_yoy_13w", "electricity_yoy_13w"), unit="1", sign=+1, display="number",
        theme="consistency", meaning="disagreement of sales and electricity with a year ago",
        meaning_zh="同比销售与用电变化背离", reference="R190, C26",
    ),
    feature(
        name="orders_against_parcels_13w", frame="cross_source", days=182,
        formula=_disagreement("ecommerce_orders_change_13w", "logistics_out_change_13w"), unit="1", sign=+1,
        display="number", theme="consistency", meaning="disagreement of the quarter's orders and parcels",
        meaning_zh="近一季订单与发件变化背离", reference="C28",
    ),
    feature(
        name="sales_against_orders_13w", frame="cross_source", days=182,
        formula=_disagreement("tax_sales_change_13w", "ecommerce_orders_change_13w"), unit="1", sign=+1,
        display="number", theme="consistency",
        meaning="disagreement of the quarter's invoiced and online sales",
        meaning_zh="近一季开票与网店销售变化背离",
    ),
    feature(
        name="steady_electricity_late_tax", frame="cross_source", days=180,
        formula=_late_while_steady("electricity_week_cv_180d", "tax_late_share_180d"),
        unit="1", sign=+1, display="percent", theme="consistency",
        meaning="late returns of a firm with steady electricity", meaning_zh="用电平稳但申报逾期",
        reference="R190, C26",
    ),
    *(
        feature(
            name=f"work_{span}", frame="cross_source", days=days,
            formula=mean_of(*(f"{series}_{span}" for series in _SERIES)),
            unit="1", sign=-1, display="change", theme="consistency",
            meaning=f"mean change of {_ALL}, {when}", meaning_zh=f"{_ALL_ZH}{when_zh}平均变化",
            change=ChangeWords(_ALL, when, f"{_ALL_ZH}{when_zh}平均", mean=True),
            one_source=ChangeWords(_ONE, when, f"{_ONE_ZH}{when_zh}"),
        )
        for span, days, when, when_zh in _SPANS
    ),
    feature(
        name="work_month_cv", frame="cross_source", days=365,
        formula=mean_of(*(f"{series}_month_cv_365d" for series in _SERIES)), unit="1", sign=+1,
        display="percent", theme="consistency",
        meaning=f"mean unevenness of {_ALL} from month to month", meaning_zh=f"{_ALL_ZH}月度波动平均值",
        one_source=(f"unevenness of {_ONE} from month to month", f"{_ONE_ZH}月度波动"),
    ),
    feature(
        name="sales_beyond_electricity_13w", frame="cross_source", days=455,
        formula=difference("tax_sales_level_13w", "electricity_level_13w"), unit="1", sign=+1,
        display="percent", theme="consistency",
        meaning="rise of the quarter's sales beyond that of electricity",
        meaning_zh="近一季销售增幅超出用电增幅", reference="R190, C26",
    ),
    feature(
        name="orders_beyond_parcels_13w", frame="cross_source", days=455,
        formula=difference("ecommerce_orders_level_13w", "logistics_out_level_13w"), unit="1", sign=+1,
        display="percent", theme="consistency", meaning="rise of the quarter's orders beyond that of parcels",
        meaning_zh="近一季订单增幅超出发件增幅", reference="C28",
    ),
    feature(
        name="sales_cv_beyond_electricity", frame="cross_source", days=365,
        formula=difference("tax_sales_week_cv_365d", "electricity_week_cv_365d"), unit="1", sign=+1,
        display="percent", theme="consistency", meaning="unevenness of sales beyond that of electricity",
        meaning_zh="销售波动超出用电波动", reference="R190, C26",
    ),
    *(
        feature(
            name=f"{what}_rise_beyond_{trace}_{span}", frame="cross_source", days=days,
            formula=_rise_beyond(f"{a}_{span}", f"{b}_{span}"), unit="log", sign=+1, display="number",
            theme="consistency",
            meaning=f"{when} rise of {what} that is not seen in {trace_text}",
            meaning_zh=f"{when_zh}{what_zh}增幅超出{trace_zh}增幅的部分", reference=reference,
        )
        for a, b, what, trace, trace_text, what_zh, trace_zh, reference in _TRACES
        for span, days, when, when_zh in _RISES
        if (trace, span) != _SAID
    ),
    feature(
        name="orders_unsupported_growth_13w", frame="cross_source", days=455,
        formula=_unsupported_growth(
            "ecommerce_orders_level_13w", "ecommerce_visitors_level_13w", "logistics_out_level_13w",
        )
        * _credibility("ecommerce_orders_mean_90d", 90, 50),
        unit="log", sign=+1, display="number", theme="consistency",
        meaning="rise of orders that neither visitors nor parcels show, quarter against 65 weeks",
        meaning_zh="近一季订单增幅中访客与发件均未见的部分", reference="C28",
    ),
    feature(
        name="sales_unsupported_growth_13w", frame="cross_source", days=455,
        formula=_unsupported_growth(
            "tax_sales_level_13w", "electricity_level_13w", "tax_purchases_level_13w",
            "logistics_out_level_13w", "ecommerce_orders_level_13w",
        )
        * _credibility("tax_sales_count_90d", 90, 10),
        unit="log", sign=+1, display="number", theme="consistency",
        meaning="rise of sales that no other record shows, quarter against 65 weeks",
        meaning_zh="近一季开票增幅中其他记录均未见的部分", reference="R190, C26",
    ),
    feature(
        name="sales_to_top_new_customers", frame="cross_source", days=180,
        formula=col("tax_top_new_customers") * _credibility("tax_sales_count_90d", 90, 20), unit="1", sign=+1,
        display="percent", theme="customers",
        meaning="sales to the three largest new customers, weighed by the number of invoices",
        meaning_zh="销售集中于新结识三大客户的程度（按发票数加权）", reference="R190",
    ),
    feature(
        name="sales_cv_ratio_electricity_180d", frame="cross_source", days=180,
        formula=log_ratio("tax_sales_week_cv_180d", "electricity_week_cv_180d"), unit="log", sign=+1,
        display="number", theme="consistency",
        meaning="unevenness of sales against that of electricity, half-year",
        meaning_zh="近半年销售波动与用电波动之比", reference="R190, C26, S12",
    ),
    feature(
        name="parcels_cv_ratio_electricity", frame="cross_source", days=365,
        formula=log_ratio("logistics_out_week_cv_365d", "electricity_week_cv_365d"), unit="log", sign=+1,
        display="number", theme="consistency", meaning="unevenness of parcels against that of electricity",
        meaning_zh="近一年发件波动与用电波动之比", reference="R190, C28",
    ),
    feature(
        name="orders_cv_ratio_electricity", frame="cross_source", days=365,
        formula=log_ratio("ecommerce_orders_week_cv_365d", "electricity_week_cv_365d"), unit="log",
        sign=+1, display="number", theme="consistency",
        meaning="unevenness of orders against that of electricity", meaning_zh="近一年订单波动与用电波动之比",
        reference="R190, C28",
    ),
    feature(
        name="sales_cv_ratio_purchases", frame="cross_source", days=365,
        formula=log_ratio("tax_sales_week_cv_365d", "tax_purchases_week_cv_365d"), unit="log", sign=+1,
        display="number", theme="consistency", meaning="unevenness of sales against that of purchases",
        meaning_zh="近一年销售波动与进项波动之比",
    ),
    feature(
        name="payment_delay_recent", frame="cross_source", days=365, formula=mean_of(*_delays("recent")),
        unit="days", sign=+1, display="number", theme="bills",
        meaning="mean days to pay taxes and bills and to file, recent ones weighing more",
        meaning_zh="缴税、缴电费与申报平均用时（近期加权）",
    ),
    feature(
        name="payment_delay_now", frame="cross_source", days=120, formula=mean_of(*_delays("120d")),
        unit="days",
        sign=+1, display="number", theme="bills",
        meaning="mean days to pay taxes and bills and to file over 120 days",
        meaning_zh="近120天缴税、缴电费与申报平均用时",
    ),
    feature(
        name="payment_delay_growing", frame="cross_source", days=365,
        formula=_rise_of_mean(*_delays("recent"), *_delays("365d")), unit="days", sign=+1, display="number",
        theme="bills", meaning="recent days to pay and to file beyond the year's",
        meaning_zh="近期缴费与申报用时较全年增加天数",
    ),
    feature(
        name="purchases_beyond_sales_4w", frame="cross_source", days=455,
        formula=difference("tax_purchases_level_4w", "tax_sales_level_4w"), unit="1", sign=-1,
        display="percent", theme="suppliers", meaning="purchases kept up against sales, last 4 weeks",
        meaning_zh="近4周进项相对销项的维持程度",
    ),
    feature(
        name="purchases_beyond_sales_13w", frame="cross_source", days=455,
        formula=difference("tax_purchases_level_13w", "tax_sales_level_13w"), unit="1", sign=-1,
        display="percent", theme="suppliers", meaning="purchases kept up against sales, last quarter",
        meaning_zh="近一季进项相对销项的维持程度",
    ),
    feature(
        name="pay_days", frame="cross_source", days=365,
        formula=mean_of("tax_pay_days_365d", "electricity_pay_days_365d"), unit="days", sign=+1,
        display="number", theme="bills", meaning="mean days to pay tax and electricity over a year",
        meaning_zh="近一年缴税与电费平均用时",
    ),
    feature(
        name="pay_days_now", frame="cross_source", days=120,
        formula=mean_of("tax_pay_days_120d", "electricity_pay_days_120d"), unit="days", sign=+1,
        display="number", theme="bills", meaning="mean days to pay tax and electricity over 120 days",
        meaning_zh="近120天缴税与电费平均用时",
    ),
    feature(
        name="late_payer", frame="cross_source", days=365,
        formula=mean_of("tax_late_share_365d", "electricity_bills_late_share_365d"), unit="1",
        sign=+1, display="percent", theme="tax_filing",
        meaning="share of returns and electricity bills late in a year", meaning_zh="近一年申报与电费逾期占比",
    ),
)  # fmt: skip
"""Agreement between sources, and figures that need two of them."""
