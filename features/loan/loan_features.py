"""Features of an open loan: its repayment, its balance, the bureau, business since disbursement."""
# ruff: noqa: E501 (rows of a table are wrapped at 112 columns)

import polars as pl
from polars import col

from features.table.builders import feature
from features.table.feature import ChangeWords, Feature
from features.table.formula import change, ratio

_ACTIVITY = {
    "tax": ("sales", "invoiced sales", "开票销售额"),
    "electricity": ("electricity", "electricity use", "用电量"),
    "logistics": ("parcels", "parcels sent", "发件量"),
    "ecommerce": ("orders", "online orders", "订单量"),
}
"""Of each source the start of the feature's name, and what is measured."""

_SINCE = "last quarter against the year before disbursement, season adjusted"
_SINCE_ZH = "近一季较放款前一年（季节调整）"
_MONTH = "last 4 weeks against the 13 before, season adjusted"
_MONTH_ZH = "近4周较此前13周（季节调整）"


def _activity() -> tuple[Feature, ...]:
    """Season-adjusted changes of each source: since disbursement, and of the last month."""
    rows = []
    for source, (name, what, what_zh) in _ACTIVITY.items():
        for ending, days, now, before, when, when_zh in (
            ("since_disbursement", 455, "now", "before", _SINCE, _SINCE_ZH),
            ("month_adjusted", 119, "month", "quarter_before", _MONTH, _MONTH_ZH),
        ):
            words = ChangeWords(what, when, f"{what_zh}{when_zh}")
            rows.append(
                feature(
                    name=f"{name}_{ending}", frame=f"{source}_activity", days=days,
                    formula=change(col(f"{source}_{now}"), col(f"{source}_{before}")),
                    unit="1", sign=-1, display="change", theme="since_disbursement",
                    meaning=words.meaning, meaning_zh=words.meaning_zh,
                    change=words,
                    reference="R191" if ending == "month_adjusted" else "",
                )
            )  # fmt: skip
    return tuple(rows)


LOAN: tuple[Feature, ...] = (
    feature(
        name="months_on_book", frame="loan", days=0, formula=col("months_on_book"), unit="months", sign=0,
        display="number", theme="utilisation", meaning="months since disbursement", meaning_zh="放款以来月数",
        note="a new loan has not fallen due, an old one has shown that it is paid",
    ),
    feature(
        name="months_left", frame="loan", days=0, formula=col("months_left"), unit="months", sign=0,
        display="number", theme="utilisation", meaning="months to the end of the term",
        meaning_zh="距到期月数", note="more months to fail in; but at the end of a term a bullet falls due",
    ),
    feature(
        name="utilisation", frame="loan", days=0, formula=ratio(col("balance"), col("limit")), unit="1",
        sign=+1, display="percent", theme="utilisation", meaning="balance as a share of the limit",
        meaning_zh="额度使用率",
    ),
    feature(
        name="repaid_share", frame="loan", days=0,
        formula=ratio(col("drawn") - col("balance"), col("drawn")), unit="1", sign=-1, display="percent",
        theme="utilisation", meaning="share repaid of what was drawn", meaning_zh="已还本金占累计支用比",
    ),
    feature(
        name="drawn_share_3m", frame="loan", days=0, formula=ratio(col("drawn_3m"), col("limit")), unit="1",
        sign=0, display="percent", theme="utilisation",
        meaning="drawn in three months as a share of the limit", meaning_zh="近三月支用占额度比",
        note="a draw may feed orders or fill a hole",
    ),
    feature(
        name="balance_change_3m", frame="loan", days=0,
        formula=ratio(col("balance") - col("balance_before"), col("limit")), unit="1", sign=+1,
        display="percent", theme="utilisation", meaning="change of the balance in three months, share of the limit",
        meaning_zh="近三月余额变化占额度比",
    ),
    feature(
        name="paid_to_due_3m", frame="loan", days=0, formula=ratio(pl.min_horizontal("paid_3m", "due_3m"), col("due_3m")), unit="1",
        sign=-1, display="percent", theme="repayment", meaning="paid of what fell due in three months",
        meaning_zh="近三月应还款实还比例",
    ),
    feature(
        name="days_past_due", frame="loan", days=0, formula=col("dpd"), unit="days", sign=+1,
        display="number", theme="repayment", meaning="days past due at the last month's end",
        meaning_zh="上月末逾期天数",
    ),
    feature(
        name="worst_days_past_due", frame="loan", days=0, formula=col("worst_dpd"), unit="days", sign=+1,
        display="number", theme="repayment", meaning="most days past due at any month's end",
        meaning_zh="历史最长逾期天数",
    ),
    feature(
        name="share_of_months_late", frame="loan", days=0,
        formula=ratio(col("months_late"), col("months_known")), unit="1", sign=+1, display="percent",
        theme="repayment", meaning="share of month-ends with a payment past due", meaning_zh="逾期月份占比",
    ),
    feature(
        name="bureau_open_loans", frame="loan", days=0, formula=col("bureau_open_loans"), unit="loans",
        sign=+1, display="number", theme="bureau", meaning="open loans in the bureau's latest report",
        meaning_zh="征信报告未结清贷款笔数", reference="D13",
    ),
    feature(
        name="bureau_new_loans", frame="loan", days=0,
        formula=col("bureau_open_loans") - col("bureau_open_loans_before"), unit="loans", sign=+1,
        display="number", theme="bureau", meaning="open loans in the bureau's report more than before disbursement",
        meaning_zh="放款以来征信未结清贷款增加笔数", reference="D13",
    ),
    feature(
        name="bureau_balance_to_limit", frame="loan", days=0,
        formula=ratio(col("bureau_balance"), col("limit")), unit="1", sign=+1, display="percent",
        theme="bureau", meaning="balance in the bureau's report against the limit", meaning_zh="征信贷款余额与额度之比",
    ),
    feature(
        name="bureau_worst_days_past_due", frame="loan", days=0, formula=col("bureau_worst_dpd"),
        unit="days", sign=+1, display="number", theme="bureau",
        meaning="worst days past due in the bureau's report", meaning_zh="征信最长逾期天数",
    ),
    feature(
        name="bureau_enquiries", frame="loan", days=0, formula=col("bureau_enquiries"), unit="enquiries",
        sign=+1, display="number", theme="bureau", meaning="enquiries at the bureau in six months",
        meaning_zh="近六月征信查询次数",
    ),
    *_activity(),
    feature(
        name="activity_since_disbursement", frame="activity", days=455, formula=col("level_since"), unit="1",
        sign=-1, display="percent", theme="since_disbursement",
        meaning="activity of the last quarter against the year before disbursement, all sources, season adjusted",
        meaning_zh="近一季经营活跃度与放款前一年之比（各来源，季节调整）",
    ),
    feature(
        name="activity_cusum", frame="activity", days=455, formula=col("cusum"), unit="weeks", sign=+1,
        display="number", theme="since_disbursement",
        meaning="weeks of activity lost since disbursement, beyond 30 %, season adjusted (CUSUM)",
        meaning_zh="放款以来损失的经营活跃周数（超出30%部分累计，季节调整）",
    ),
    feature(
        name="orders_down_days_28d", frame="ecommerce_activity", days=28, formula=col("orders_down"), unit="days", sign=+1,
        display="number", theme="since_disbursement",
        meaning="days of 28 on which orders were down 30 % for the third day in a row, season adjusted",
        meaning_zh="近28天订单连续三日下降30%的天数（季节调整）", reference="R189",
    ),
    feature(
        name="orders_down_days_bare_28d", frame="ecommerce_activity", days=28, formula=col("orders_down_bare"),
        unit="days", sign=+1, display="number", theme="since_disbursement",
        meaning="days of 28 on which orders were down 30 % for the third day in a row",
        meaning_zh="近28天订单连续三日下降30%的天数", reference="R189",
    ),
    feature(
        name="bad_reviews_surge_30d", frame="ecommerce_activity", days=30, formula=col("bad_reviews_surge"), unit="sd",
        sign=+1, display="number", theme="since_disbursement",
        meaning="bad reviews of 30 days beyond the share of the year", meaning_zh="近30天差评超出全年水平的程度",
        reference="R191",
    ),
    feature(
        name="bill_swing_90d", frame="electricity_activity", days=90, formula=ratio(col("bill_swing"), col("bill_mean")),
        unit="1", sign=+1, display="percent", theme="since_disbursement",
        meaning="spread of three months' electricity bills against their mean",
        meaning_zh="近三月电费最高与最低之差与均值之比", reference="R192",
    ),
)  # fmt: skip
"""Features of an open loan beyond those of an application."""
