"""Features from tax records: invoices sold and bought, counterparties, returns filed and paid."""
# ruff: noqa: E501, PLR2004 - a table reads best with one row to a line and its limits in place

import polars as pl
from polars import col

from features.table.builders import changes, per_window, recent, rhythm
from features.table.feature import Feature, change, ratio
from features.table.frames import FEN

_SALES, _BOUGHT = col("sales_cny"), col("purchases_cny")
_VOID, _RED, _COUNT = col("void_count"), col("red_count"), col("sales_count")
_NOW, _BEFORE, _YEAR = col("cny_90"), col("cny_before_90"), col("cny_365")
_TICKET = col("ticket_fen")
_DECLARED, _INVOICED = col("declared_sales_cny"), col("invoiced_cny")
_BOTH = _DECLARED.is_not_null() & _INVOICED.is_not_null()


def _share_of_top(amount: pl.Expr) -> pl.Expr:
    return ratio(amount.max(), amount.clip(0).sum())


def _concentration(amount: pl.Expr) -> pl.Expr:
    """Herfindahl index: 1 for a single counterparty, 1/n for n equal ones."""
    kept = amount.clip(0)
    return ratio((kept * kept).sum(), kept.sum() * kept.sum())


TAX: tuple[Feature, ...] = (
    # sales
    *per_window((30, 90, 180, 365), "tax_sales_mean_{d}d", "tax_window", _SALES, "CNY/day", -1, "invoiced sales a day over {d} days", "近{d}天日均开票销售额", "sales_level", "S03"),
    *per_window((90, 365), "tax_sales_count_{d}d", "tax_window", _COUNT, "invoices/day", -1, "sales invoices a day over {d} days", "近{d}天日均开票张数", "sales_level", "S03"),
    *per_window((180,), "tax_ticket_median_{d}d", "tickets", _TICKET.median() / FEN, "CNY", 0, "median sales invoice over {d} days", "近{d}天单张发票金额中位数", "sales_level", note="small tickets are retail, large ones industry; neither is safer"),
    *per_window((365,), "tax_ticket_top_share_{d}d", "tickets", ratio(_TICKET.max(), _TICKET.sum()), "1", +1, "largest invoice's share of sales over {d} days", "近{d}天最大单张发票占比", "sales_rhythm"),
    *per_window((30, 90, 180, 365), "tax_active_share_{d}d", "tax_window", col("sale_days"), "1", -1, "share of days with a sales invoice over {d} days", "近{d}天有开票的天数占比", "sales_rhythm"),
    *per_window((365,), "tax_days_since_sale", "tax_window", col("since_sale"), "days", +1, "days since the last sales invoice", "距最近一次开票天数", "sales_trend"),
    *per_window((180, 365), "tax_longest_gap_{d}d", "tax_window", col("longest_silence"), "days", +1, "longest time without a sales invoice in {d} days", "近{d}天最长未开票间隔", "sales_rhythm"),
    *changes("tax_sales", "tax", "sales_cny", "invoiced sales", "开票销售额", "sales_trend", reference="S03"),
    *changes("tax_count", "tax", "sales_count", "number of sales invoices", "开票张数", "sales_trend"),
    *rhythm("tax_sales", "tax", "sales_cny", "sales", "销售额", "sales_rhythm"),
    *per_window((180, 365), "tax_sales_best_week_{d}d", "tax_weeks", ratio(_SALES.max(), _SALES.clip(0).sum()), "1", +1, "best week's share of sales over {d} days", "近{d}天最好一周销售占比", "sales_rhythm"),
    # purchases
    *per_window((90, 365), "tax_purchases_mean_{d}d", "tax_window", _BOUGHT, "CNY/day", -1, "invoiced purchases a day over {d} days", "近{d}天日均进项金额", "suppliers"),
    *changes("tax_purchases", "tax", "purchases_cny", "invoiced purchases", "进项金额", "suppliers"),
    *per_window((180, 365), "tax_purchases_week_cv_{d}d", "tax_weeks", ratio(_BOUGHT.std(), _BOUGHT.mean()), "1", +1, "unevenness of weekly purchases over {d} days", "近{d}天每周进项波动率", "suppliers"),
    *per_window((90, 365), "tax_bought_to_sold_{d}d", "tax_window", ratio(_BOUGHT, _SALES), "1", 0, "purchases per yuan of sales over {d} days", "近{d}天进项与销项之比", "suppliers", note="much is a thin margin, little is a firm that can no longer buy"),
    # void and red invoices
    *per_window((90, 365), "tax_void_rate_{d}d", "tax_window", ratio(_VOID, _VOID + _COUNT), "1", +1, "share of sales invoices made void over {d} days", "近{d}天销项发票作废率", "invoice_quality"),
    *per_window((365,), "tax_void_value_{d}d", "tax_window", ratio(col("void_cny"), col("void_cny") + _SALES), "1", +1, "share of invoiced value made void over {d} days", "近{d}天作废金额占比", "invoice_quality"),
    *per_window((90, 365), "tax_red_rate_{d}d", "tax_window", ratio(_RED, _RED + _COUNT), "1", 0, "share of red sales invoices over {d} days", "近{d}天红字发票占比", "invoice_quality", note="who takes back what was wrong may be careful or in trouble"),
    *per_window((365,), "tax_red_value_{d}d", "tax_window", ratio(col("red_cny"), col("red_cny") + _SALES.clip(0)), "1", 0, "share of sales value taken back by red invoices over {d} days", "近{d}天红字冲销金额占比", "invoice_quality", note="as above"),
    # customers
    *per_window((365,), "tax_customers", "customers", (_YEAR > 0).sum(), "customers", -1, "customers in a year", "近一年客户数", "customers"),
    *per_window((90,), "tax_customers_now", "customers", (_NOW > 0).sum(), "customers", -1, "customers in 90 days", "近90天客户数", "customers"),
    *per_window((365,), "tax_top_customer", "customers", _share_of_top(_YEAR), "1", +1, "largest customer's share of a year's sales", "近一年最大客户占比", "customers", "S28"),
    *per_window((365,), "tax_customer_concentration", "customers", _concentration(_YEAR), "1", +1, "concentration of a year's sales on few customers", "近一年客户集中度", "customers", "S28"),
    *per_window((90,), "tax_top_customer_now", "customers", _share_of_top(_NOW), "1", +1, "largest customer's share of sales in 90 days", "近90天最大客户占比", "customers", "S28"),
    *per_window((365,), "tax_top_customer_change", "customers", change(_NOW.get(_YEAR.arg_max()), _BEFORE.get(_YEAR.arg_max())), "1", -1, "change of business with the largest customer, 90 days against the 90 before", "最大客户近90天较此前90天交易变化", "customers", "S28, C25"),
    *per_window((365,), "tax_customers_lost", "customers", ratio(_BEFORE.filter(_NOW <= 0).clip(0).sum(), _BEFORE.clip(0).sum()), "1", +1, "share of earlier sales to customers that bought nothing in 90 days", "近90天流失客户此前销售占比", "customers"),
    *per_window((365,), "tax_customers_new", "customers", ratio(_NOW.filter(col("first_age") < 90).clip(0).sum(), _NOW.clip(0).sum()), "1", 0, "share of 90 days' sales that went to new customers", "近90天新客户销售占比", "customers", note="new buyers are growth for some and the replacement of lost ones for others"),
    *per_window((180,), "tax_top_new_customers", "customers", ratio(_NOW.filter(col("first_age") < 180).clip(0).top_k(3).sum(), _NOW.clip(0).sum()), "1", +1, "share of 90 days' sales to the three largest customers met within {d} days", "近90天销售中近{d}天新结识的三大客户占比", "customers"),
    # suppliers
    *per_window((365,), "tax_suppliers", "suppliers", (_YEAR > 0).sum(), "suppliers", -1, "suppliers in a year", "近一年供应商数", "suppliers"),
    *per_window((365,), "tax_top_supplier", "suppliers", _share_of_top(_YEAR), "1", +1, "largest supplier's share of a year's purchases", "近一年最大供应商占比", "suppliers"),
    *per_window((365,), "tax_suppliers_lost", "suppliers", ratio(_BEFORE.filter(_NOW <= 0).clip(0).sum(), _BEFORE.clip(0).sum()), "1", +1, "share of earlier purchases from suppliers not used in 90 days", "近90天流失供应商此前采购占比", "suppliers"),
    # returns
    *per_window((365,), "tax_unfiled", "filings", col("unfiled").sum(), "returns", +1, "returns of a year due and not filed", "近一年逾期未申报次数", "tax_filing", "R190"),
    *per_window((180, 365), "tax_late_share_{d}d", "filings", (col("late_days") > 0).mean(), "1", +1, "share of returns filed late over {d} days", "近{d}天逾期申报占比", "tax_filing", "R190"),
    *per_window((180, 365), "tax_late_days_{d}d", "filings", col("late_days").mean(), "days", +1, "mean delay of returns over {d} days", "近{d}天申报平均逾期天数", "tax_filing", "R190"),
    *per_window((120, 365), "tax_file_days_{d}d", "filings", col("file_days").mean(), "days", +1, "mean days from a period's end to its return over {d} days", "近{d}天申报平均用时", "tax_filing"),
    *per_window((120, 365), "tax_pay_days_{d}d", "filings", col("pay_days").mean(), "days", +1, "mean days from return to tax payment over {d} days", "近{d}天申报后缴税平均用时", "tax_filing"),
    *per_window((365,), "tax_file_days_recent", "filings", recent(col("file_days")), "days", +1, "days from a period's end to its return, recent ones weighing more", "申报用时（近期加权）", "tax_filing"),
    *per_window((365,), "tax_pay_days_recent", "filings", recent(col("pay_days")), "days", +1, "days from return to tax payment, recent ones weighing more", "申报后缴税用时（近期加权）", "tax_filing"),
    *per_window((365,), "tax_pay_days_last", "filings", col("pay_days").drop_nulls().last(), "days", +1, "days from the last return to its tax payment", "最近一次申报后缴税用时", "tax_filing"),
    *per_window((180,), "tax_pay_days_worst_{d}d", "filings", col("pay_days").max(), "days", +1, "longest time from return to tax payment over {d} days", "近{d}天申报后缴税最长用时", "tax_filing"),
    *per_window((180, 365), "tax_pay_late_days_{d}d", "filings", col("pay_late_days").mean(), "days", +1, "mean delay of tax payments over {d} days", "近{d}天缴税平均逾期天数", "tax_filing", "R190"),
    *per_window((365,), "tax_unpaid", "filings", col("unpaid").sum(), "returns", +1, "returns of a year whose tax is due and unpaid", "近一年欠税次数", "tax_filing", "R190"),
    *per_window((365,), "tax_burden", "filings", ratio(col("tax_due_cny").sum(), _DECLARED.sum()), "1", 0, "tax due per yuan of declared sales", "税负率", "tax_filing", "S02", note="depends on the trade's tax rate as much as on the margin"),
    *per_window((365,), "tax_declared_to_invoiced", "filings", ratio(_DECLARED.filter(_BOTH).sum(), _INVOICED.filter(_BOTH).sum()), "1", 0, "declared per yuan of invoiced sales over a year", "近一年申报与开票销售之比", "declared_sales", note="both ways of disagreeing are bad; the distance carries the sign"),
    *per_window((365,), "tax_declared_distance", "filings", change(_DECLARED.filter(_BOTH).sum(), _INVOICED.filter(_BOTH).sum()).abs(), "1", +1, "distance between declared and invoiced sales over a year", "近一年申报与开票销售差异", "declared_sales"),
)  # fmt: skip
"""Every feature of the source `tax`."""
