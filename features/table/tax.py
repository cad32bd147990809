"""Features from tax records: invoices sold and bought, counterparties, returns filed and paid."""
# ruff: noqa: E501, PLR2004 (rows of a table are wrapped at 112 columns, limits in place)

import polars as pl
from polars import col

from features.table.builders import changes, per_window, recent, rhythm
from features.table.feature import ChangeWords, Feature
from features.table.formula import Formula, change, formula_of_columns, ratio
from features.table.frames import FEN

_SALES, _BOUGHT = col("sales_cny"), col("purchases_cny")
_COUNT = col("sales_count")
_NOW, _BEFORE, _YEAR = col("cny_90"), col("cny_before_90"), col("cny_365")
_TICKET = col("ticket_fen")
_DECLARED, _INVOICED = col("declared_sales_cny"), col("invoiced_cny")
_BOTH = _DECLARED.is_not_null() & _INVOICED.is_not_null()


@formula_of_columns
def _share_of_all(part: pl.Expr, rest: pl.Expr) -> Formula:
    """Share of a part in the sum of it and the rest."""
    return ratio(part, part + rest)


def _share_of_top(amount: pl.Expr) -> Formula:
    """Share of the largest counterparty."""
    return ratio(amount.max(), amount.clip(0).sum())


def _concentration(amount: pl.Expr) -> Formula:
    """Herfindahl index: 1 for a single counterparty, 1/n for n equal ones."""
    kept = amount.clip(0)
    return ratio((kept * kept).sum(), kept.sum() * kept.sum())


_TOP_CUSTOMER = ChangeWords(
    "business with the largest customer",
    "90 days against the 90 before",
    "最大客户近90天较此前90天交易",
)

TAX: tuple[Feature, ...] = (
    # sales
    *per_window(
        (30, 90, 180, 365), name="tax_sales_mean_{d}d", frame="tax_window", formula=_SALES, unit="CNY/day",
        sign=-1, display="money", theme="sales_level", meaning="invoiced sales a day over {d} days",
        meaning_zh="近{d}天日均开票销售额", reference="S03",
    ),
    *per_window(
        (90, 365), name="tax_sales_count_{d}d", frame="tax_window", formula=_COUNT, unit="invoices/day",
        sign=-1, display="number", theme="sales_level", meaning="sales invoices a day over {d} days",
        meaning_zh="近{d}天日均开票张数", reference="S03",
    ),
    *per_window(
        (180,), name="tax_ticket_median_{d}d", frame="tickets", formula=_TICKET.median() / FEN, unit="CNY",
        sign=0, display="money", theme="sales_level", meaning="median sales invoice over {d} days",
        meaning_zh="近{d}天单张发票金额中位数",
        note="small tickets are retail, large ones industry; neither is safer",
    ),
    *per_window(
        (365,), name="tax_ticket_top_share_{d}d", frame="tickets", formula=ratio(_TICKET.max(), _TICKET.sum()),
        unit="1", sign=+1, display="percent", theme="sales_rhythm",
        meaning="largest invoice's share of sales over {d} days", meaning_zh="近{d}天最大单张发票占比",
    ),
    *per_window(
        (30, 90, 180, 365), name="tax_active_share_{d}d", frame="tax_window", formula=col("sale_days"),
        unit="1", sign=-1, display="percent", theme="sales_rhythm",
        meaning="share of days with a sales invoice over {d} days", meaning_zh="近{d}天有开票的天数占比",
    ),
    *per_window(
        (365,), name="tax_days_since_sale", frame="tax_window", formula=col("since_sale"), unit="days",
        sign=+1, display="number", theme="sales_trend", meaning="days since the last sales invoice",
        meaning_zh="距最近一次开票天数",
    ),
    *per_window(
        (180, 365), name="tax_longest_gap_{d}d", frame="tax_window", formula=col("longest_silence"),
        unit="days", sign=+1, display="number", theme="sales_rhythm",
        meaning="longest time without a sales invoice in {d} days", meaning_zh="近{d}天最长未开票间隔",
    ),
    *changes(
        "tax_sales", source="tax", column="sales_cny", what="invoiced sales", what_zh="开票销售额",
        theme="sales_trend", reference="S03",
    ),
    *changes(
        "tax_count", source="tax", column="sales_count", what="number of sales invoices", what_zh="开票张数",
        theme="sales_trend",
    ),
    *rhythm("tax_sales", source="tax", column="sales_cny", what="sales", what_zh="销售额", theme="sales_rhythm"),
    *per_window(
        (180, 365), name="tax_sales_best_week_{d}d", frame="tax_weeks",
        formula=ratio(_SALES.max(), _SALES.clip(0).sum()), unit="1", sign=+1, display="percent",
        theme="sales_rhythm", meaning="best week's share of sales over {d} days",
        meaning_zh="近{d}天最好一周销售占比",
    ),
    # purchases
    *per_window(
        (90, 365), name="tax_purchases_mean_{d}d", frame="tax_window", formula=_BOUGHT, unit="CNY/day",
        sign=-1, display="money", theme="suppliers", meaning="invoiced purchases a day over {d} days",
        meaning_zh="近{d}天日均进项金额",
    ),
    *changes(
        "tax_purchases", source="tax", column="purchases_cny", what="invoiced purchases", what_zh="进项金额",
        theme="suppliers",
    ),
    *per_window(
        (180, 365), name="tax_purchases_week_cv_{d}d", frame="tax_weeks",
        formula=ratio(_BOUGHT.std(), _BOUGHT.mean()), unit="1", sign=+1, display="percent", theme="suppliers",
        meaning="unevenness of weekly purchases over {d} days", meaning_zh="近{d}天每周进项波动率",
    ),
    *per_window(
        (90, 365), name="tax_bought_to_sold_{d}d", frame="tax_window", formula=ratio(_BOUGHT, _SALES),
        unit="1", sign=0, display="number", theme="suppliers",
        meaning="purchases per yuan of sales over {d} days", meaning_zh="近{d}天进项与销项之比",
        note="much is a thin margin, little is a firm that can no longer buy",
    ),
    # void and red invoices
    *per_window(
        (90, 365), name="tax_void_rate_{d}d", frame="tax_window", formula=_share_of_all("void_count", "sales_count"),
        unit="1", sign=+1, display="percent", theme="invoice_quality",
        meaning="share of sales invoices made void over {d} days", meaning_zh="近{d}天销项发票作废率",
    ),
    *per_window(
        (365,), name="tax_void_value_{d}d", frame="tax_window",
        formula=_share_of_all("void_cny", "sales_cny"), unit="1", sign=+1, display="percent",
        theme="invoice_quality", meaning="share of invoiced value made void over {d} days",
        meaning_zh="近{d}天作废金额占比",
    ),
    *per_window(
        (90, 365), name="tax_red_rate_{d}d", frame="tax_window", formula=_share_of_all("red_count", "sales_count"), unit="1",
        sign=0, display="percent", theme="invoice_quality",
        meaning="share of red sales invoices over {d} days", meaning_zh="近{d}天红字发票占比",
        note="who takes back what was wrong may be careful or in trouble",
    ),
    *per_window(
        (365,), name="tax_red_value_{d}d", frame="tax_window",
        formula=ratio(col("red_cny"), col("red_cny") + _SALES.clip(0)), unit="1", sign=0, display="percent",
        theme="invoice_quality", meaning="share of sales value taken back by red invoices over {d} days",
        meaning_zh="近{d}天红字冲销金额占比", note="as above",
    ),
    # customers
    *per_window(
        (365,), name="tax_customers", frame="customers", formula=(_YEAR > 0).sum(), unit="customers", sign=-1,
        display="number", theme="customers", meaning="customers in a year", meaning_zh="近一年客户数",
    ),
    *per_window(
        (90,), name="tax_customers_now", frame="customers", formula=(_NOW > 0).sum(), unit="customers",
        sign=-1, display="number", theme="customers", meaning="customers in 90 days",
        meaning_zh="近90天客户数",
    ),
    *per_window(
        (365,), name="tax_top_customer", frame="customers", formula=_share_of_top(_YEAR), unit="1", sign=+1,
        display="percent", theme="customers", meaning="largest customer's share of a year's sales",
        meaning_zh="近一年最大客户占比", reference="S28",
    ),
    *per_window(
        (365,), name="tax_customer_concentration", frame="customers", formula=_concentration(_YEAR), unit="1",
        sign=+1, display="percent", theme="customers",
        meaning="concentration of a year's sales on few customers", meaning_zh="近一年客户集中度",
        reference="S28",
    ),
    *per_window(
        (90,), name="tax_top_customer_now", frame="customers", formula=_share_of_top(_NOW), unit="1", sign=+1,
        display="percent", theme="customers", meaning="largest customer's share of sales in 90 days",
        meaning_zh="近90天最大客户占比", reference="S28",
    ),
    *per_window(
        (365,), name="tax_top_customer_change", frame="customers",
        formula=change(_NOW.get(_YEAR.arg_max()), _BEFORE.get(_YEAR.arg_max())), unit="1", sign=-1,
        display="change", theme="customers",
        meaning=_TOP_CUSTOMER.meaning, meaning_zh=_TOP_CUSTOMER.meaning_zh, reference="S28, C25",
        change=_TOP_CUSTOMER,
    ),
    *per_window(
        (365,), name="tax_customers_lost", frame="customers",
        formula=ratio(_BEFORE.filter(_NOW <= 0).clip(0).sum(), _BEFORE.clip(0).sum()), unit="1", sign=+1,
        display="percent", theme="customers",
        meaning="share of earlier sales to customers that bought nothing in 90 days",
        meaning_zh="近90天流失客户此前销售占比",
    ),
    *per_window(
        (365,), name="tax_customers_new", frame="customers",
        formula=ratio(_NOW.filter(col("first_age") < 90).clip(0).sum(), _NOW.clip(0).sum()), unit="1", sign=0,
        display="percent", theme="customers", meaning="share of 90 days' sales that went to new customers",
        meaning_zh="近90天新客户销售占比",
        note="new buyers are growth for some and the replacement of lost ones for others",
    ),
    *per_window(
        (180,), name="tax_top_new_customers", frame="customers",
        formula=ratio(_NOW.filter(col("first_age") < 180).clip(0).top_k(3).sum(), _NOW.clip(0).sum()),
        unit="1", sign=+1, display="percent", theme="customers",
        meaning="share of 90 days' sales to the three largest customers met within {d} days",
        meaning_zh="近90天销售中近{d}天新结识的三大客户占比",
    ),
    # suppliers
    *per_window(
        (365,), name="tax_suppliers", frame="suppliers", formula=(_YEAR > 0).sum(), unit="suppliers", sign=-1,
        display="number", theme="suppliers", meaning="suppliers in a year", meaning_zh="近一年供应商数",
    ),
    *per_window(
        (365,), name="tax_top_supplier", frame="suppliers", formula=_share_of_top(_YEAR), unit="1", sign=+1,
        display="percent", theme="suppliers", meaning="largest supplier's share of a year's purchases",
        meaning_zh="近一年最大供应商占比",
    ),
    *per_window(
        (365,), name="tax_suppliers_lost", frame="suppliers",
        formula=ratio(_BEFORE.filter(_NOW <= 0).clip(0).sum(), _BEFORE.clip(0).sum()), unit="1", sign=+1,
        display="percent", theme="suppliers",
        meaning="share of earlier purchases from suppliers not used in 90 days",
        meaning_zh="近90天流失供应商此前采购占比",
    ),
    # returns
    *per_window(
        (365,), name="tax_unfiled", frame="filings", formula=col("unfiled").sum(), unit="returns", sign=+1,
        display="number", theme="tax_filing", meaning="returns of a year due and not filed",
        meaning_zh="近一年逾期未申报次数", reference="R190",
    ),
    *per_window(
        (180, 365), name="tax_late_share_{d}d", frame="filings", formula=(col("late_days") > 0).mean(),
        unit="1", sign=+1, display="percent", theme="tax_filing",
        meaning="share of returns filed late over {d} days", meaning_zh="近{d}天逾期申报占比",
        reference="R190",
    ),
    *per_window(
        (180, 365), name="tax_late_days_{d}d", frame="filings", formula=col("late_days").mean(), unit="days",
        sign=+1, display="number", theme="tax_filing", meaning="mean delay of returns over {d} days",
        meaning_zh="近{d}天申报平均逾期天数", reference="R190",
    ),
    *per_window(
        (120, 365), name="tax_file_days_{d}d", frame="filings", formula=col("file_days").mean(), unit="days",
        sign=+1, display="number", theme="tax_filing",
        meaning="mean days from a period's end to its return over {d} days", meaning_zh="近{d}天申报平均用时",
    ),
    *per_window(
        (120, 365), name="tax_pay_days_{d}d", frame="filings", formula=col("pay_days").mean(), unit="days",
        sign=+1, display="number", theme="tax_filing",
        meaning="mean days from return to tax payment over {d} days", meaning_zh="近{d}天申报后缴税平均用时",
    ),
    *per_window(
        (365,), name="tax_file_days_recent", frame="filings", formula=recent(col("file_days")), unit="days",
        sign=+1, display="number", theme="tax_filing",
        meaning="days from a period's end to its return, recent ones weighing more",
        meaning_zh="申报用时（近期加权）",
    ),
    *per_window(
        (365,), name="tax_pay_days_recent", frame="filings", formula=recent(col("pay_days")), unit="days",
        sign=+1, display="number", theme="tax_filing",
        meaning="days from return to tax payment, recent ones weighing more",
        meaning_zh="申报后缴税用时（近期加权）",
    ),
    *per_window(
        (365,), name="tax_pay_days_last", frame="filings", formula=col("pay_days").drop_nulls().last(),
        unit="days", sign=+1, display="number", theme="tax_filing",
        meaning="days from the last return to its tax payment", meaning_zh="最近一次申报后缴税用时",
    ),
    *per_window(
        (180,), name="tax_pay_days_worst_{d}d", frame="filings", formula=col("pay_days").max(), unit="days",
        sign=+1, display="number", theme="tax_filing",
        meaning="longest time from return to tax payment over {d} days",
        meaning_zh="近{d}天申报后缴税最长用时",
    ),
    *per_window(
        (180, 365), name="tax_pay_late_days_{d}d", frame="filings", formula=col("pay_late_days").mean(),
        unit="days", sign=+1, display="number", theme="tax_filing",
        meaning="mean delay of tax payments over {d} days", meaning_zh="近{d}天缴税平均逾期天数",
        reference="R190",
    ),
    *per_window(
        (365,), name="tax_unpaid", frame="filings", formula=col("unpaid").sum(), unit="returns", sign=+1,
        display="number", theme="tax_filing", meaning="returns of a year whose tax is due and unpaid",
        meaning_zh="近一年欠税次数", reference="R190",
    ),
    *per_window(
        (365,), name="tax_burden", frame="filings", formula=ratio(col("tax_due_cny").sum(), _DECLARED.sum()),
        unit="1", sign=0, display="percent", theme="tax_filing", meaning="tax due per yuan of declared sales",
        meaning_zh="税负率", reference="S02", note="depends on the trade's tax rate as much as on the margin",
    ),
    *per_window(
        (365,), name="tax_declared_to_invoiced", frame="filings",
        formula=ratio(_DECLARED.filter(_BOTH).sum(), _INVOICED.filter(_BOTH).sum()), unit="1", sign=0,
        display="number", theme="declared_sales", meaning="declared per yuan of invoiced sales over a year",
        meaning_zh="近一年申报与开票销售之比",
        note="both ways of disagreeing are bad; the distance carries the sign",
    ),
    *per_window(
        (365,), name="tax_declared_distance", frame="filings",
        formula=change(_DECLARED.filter(_BOTH).sum(), _INVOICED.filter(_BOTH).sum()).expression.abs(),
        unit="1", sign=+1,
        display="number", theme="declared_sales",
        meaning="distance between declared and invoiced sales over a year",
        meaning_zh="近一年申报与开票销售差异",
    ),
)  # fmt: skip
"""Every feature of the source `tax`."""
