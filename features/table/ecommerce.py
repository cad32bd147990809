"""Features from online shops: orders, turnover, returns, ratings, buyers."""
# ruff: noqa: E501 (rows of a table are wrapped at 112 columns)

from polars import col

from features.table.builders import changes, per_window, rhythm
from features.table.feature import Feature
from features.table.formula import ratio

_ORDERS, _GMV = col("orders"), col("gmv_cny")

ECOMMERCE: tuple[Feature, ...] = (
    *per_window(
        (30, 90, 180, 365), name="ecommerce_orders_mean_{d}d", frame="ecommerce_window", formula=_ORDERS,
        unit="orders/day", sign=-1, display="number", theme="orders_level",
        meaning="online orders a day over {d} days", meaning_zh="近{d}天日均订单量", reference="S39",
    ),
    *per_window(
        (30, 90, 365), name="ecommerce_gmv_mean_{d}d", frame="ecommerce_window", formula=_GMV, unit="CNY/day",
        sign=-1, display="money", theme="orders_level", meaning="online turnover a day over {d} days",
        meaning_zh="近{d}天日均网店成交额", reference="S39",
    ),
    *per_window(
        (90,), name="ecommerce_basket_{d}d", frame="ecommerce_window", formula=ratio(_GMV, _ORDERS),
        unit="CNY", sign=0, display="money", theme="orders_level",
        meaning="value of an online order over {d} days", meaning_zh="近{d}天客单价",
        note="a matter of the goods",
    ),
    *per_window(
        (365,), name="ecommerce_days_since_order", frame="ecommerce_window", formula=col("since_order"),
        unit="days", sign=+1, display="number", theme="orders_trend",
        meaning="days since the last online order", meaning_zh="距最近一笔订单天数",
    ),
    *changes(
        "ecommerce_orders", source="ecommerce", column="orders", what="online orders", what_zh="订单量",
        theme="orders_trend", reference="S39",
    ),
    *rhythm(
        "ecommerce_orders", source="ecommerce", column="orders", what="online orders", what_zh="订单量",
        theme="orders_rhythm",
    ),
    *per_window(
        (180,), name="ecommerce_alarm_days_{d}d", frame="ecommerce_window",
        formula=col("alarm") * col("ecommerce_known"), unit="days", sign=+1, display="number",
        theme="orders_rhythm",
        meaning="days on which orders were down 30 % for the third day in a row, over {d} days",
        meaning_zh="近{d}天订单连续三日下降30%的天数", reference="R189",
    ),
    *per_window(
        (30, 90, 365), name="ecommerce_refund_rate_{d}d", frame="ecommerce_window",
        formula=ratio(col("refunds"), _ORDERS), unit="1", sign=+1, display="percent", theme="refunds",
        meaning="refunds per order over {d} days", meaning_zh="近{d}天退款率",
    ),
    *per_window(
        (90,), name="ecommerce_refund_value_{d}d", frame="ecommerce_window",
        formula=ratio(col("refund_cny"), _GMV), unit="1", sign=+1, display="percent", theme="refunds",
        meaning="refunded share of online turnover over {d} days", meaning_zh="近{d}天退款金额占比",
    ),
    *per_window(
        (30, 90, 365), name="ecommerce_bad_reviews_{d}d", frame="ecommerce_window",
        formula=ratio(col("bad_reviews"), col("reviews")), unit="1", sign=+1, display="percent",
        theme="reviews", meaning="share of bad reviews over {d} days", meaning_zh="近{d}天差评率",
        reference="R191",
    ),
    *per_window(
        (90, 365), name="ecommerce_rating_{d}d", frame="ecommerce_window",
        formula=ratio(col("stars"), col("rated")), unit="stars", sign=-1, display="number", theme="reviews",
        meaning="mean rating over {d} days", meaning_zh="近{d}天平均评分", reference="R191",
    ),
    *per_window(
        (90,), name="ecommerce_review_rate_{d}d", frame="ecommerce_window",
        formula=ratio(col("reviews"), _ORDERS), unit="1", sign=0, display="percent", theme="reviews",
        meaning="reviews per order over {d} days", meaning_zh="近{d}天评价率",
        note="bought reviews and content buyers both raise it",
    ),
    *per_window(
        (90, 365), name="ecommerce_repeat_share_{d}d", frame="ecommerce_window",
        formula=ratio(col("repeat_buyers"), col("buyers")), unit="1", sign=-1, display="percent",
        theme="buyers", meaning="share of returning buyers over {d} days", meaning_zh="近{d}天复购买家占比",
    ),
    *per_window(
        (90, 365), name="ecommerce_conversion_{d}d", frame="ecommerce_window",
        formula=ratio(_ORDERS, col("visitors")), unit="1", sign=-1, display="percent", theme="buyers",
        meaning="orders per visitor over {d} days", meaning_zh="近{d}天访客转化率",
    ),
    *(f for f in changes("ecommerce_visitors", source="ecommerce", column="visitors", what="visitors",
    what_zh="访客数",
    theme="buyers") if f.name.removeprefix("ecommerce_visitors_") in ("change_26w", "level_13w", "yoy_13w")),
    *per_window(
        (90,), name="ecommerce_visitors_{d}d", frame="ecommerce_window", formula=col("visitors"),
        unit="visitors/day", sign=-1, display="number", theme="buyers", meaning="visitors a day over {d} days",
        meaning_zh="近{d}天日均访客",
    ),
)  # fmt: skip
"""Every feature of the source `ecommerce`."""
