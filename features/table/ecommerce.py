"""Features from online shops: orders, turnover, returns, ratings, buyers."""
# ruff: noqa: E501 - a table reads best with one row to a line

from polars import col

from features.table.builders import changes, per_window, rhythm
from features.table.feature import Feature, ratio

_ORDERS, _GMV = col("orders"), col("gmv_cny")

ECOMMERCE: tuple[Feature, ...] = (
    *per_window((30, 90, 180, 365), "ecommerce_orders_mean_{d}d", "ecommerce_window", _ORDERS, "orders/day", -1, "online orders a day over {d} days", "近{d}天日均订单量", "orders_level", "S39"),
    *per_window((30, 90, 365), "ecommerce_gmv_mean_{d}d", "ecommerce_window", _GMV, "CNY/day", -1, "online turnover a day over {d} days", "近{d}天日均网店成交额", "orders_level", "S39"),
    *per_window((90,), "ecommerce_basket_{d}d", "ecommerce_window", ratio(_GMV, _ORDERS), "CNY", 0, "value of an online order over {d} days", "近{d}天客单价", "orders_level", note="a matter of the goods"),
    *per_window((365,), "ecommerce_days_since_order", "ecommerce_window", col("since_order"), "days", +1, "days since the last online order", "距最近一笔订单天数", "orders_trend"),
    *changes("ecommerce_orders", "ecommerce", "orders", "online orders", "订单量", "orders_trend", reference="S39"),
    *rhythm("ecommerce_orders", "ecommerce", "orders", "online orders", "订单量", "orders_rhythm"),
    *per_window((180,), "ecommerce_alarm_days_{d}d", "ecommerce_window", col("alarm") * col("ecommerce_known"), "days", +1, "days on which orders were down 30 % for the third day in a row, over {d} days", "近{d}天订单连续三日下降30%的天数", "orders_rhythm", "R189"),
    *per_window((30, 90, 365), "ecommerce_refund_rate_{d}d", "ecommerce_window", ratio(col("refunds"), _ORDERS), "1", +1, "refunds per order over {d} days", "近{d}天退款率", "refunds"),
    *per_window((90,), "ecommerce_refund_value_{d}d", "ecommerce_window", ratio(col("refund_cny"), _GMV), "1", +1, "refunded share of online turnover over {d} days", "近{d}天退款金额占比", "refunds"),
    *per_window((30, 90, 365), "ecommerce_bad_reviews_{d}d", "ecommerce_window", ratio(col("bad_reviews"), col("reviews")), "1", +1, "share of bad reviews over {d} days", "近{d}天差评率", "reviews", "R191"),
    *per_window((90, 365), "ecommerce_rating_{d}d", "ecommerce_window", ratio(col("stars"), col("rated")), "stars", -1, "mean rating over {d} days", "近{d}天平均评分", "reviews", "R191"),
    *per_window((90,), "ecommerce_review_rate_{d}d", "ecommerce_window", ratio(col("reviews"), _ORDERS), "1", 0, "reviews per order over {d} days", "近{d}天评价率", "reviews", note="bought reviews and content buyers both raise it"),
    *per_window((90, 365), "ecommerce_repeat_share_{d}d", "ecommerce_window", ratio(col("repeat_buyers"), col("buyers")), "1", -1, "share of returning buyers over {d} days", "近{d}天复购买家占比", "buyers"),
    *per_window((90, 365), "ecommerce_conversion_{d}d", "ecommerce_window", ratio(_ORDERS, col("visitors")), "1", -1, "orders per visitor over {d} days", "近{d}天访客转化率", "buyers"),
    *(f for f in changes("ecommerce_visitors", "ecommerce", "visitors", "visitors", "访客数", "buyers") if f.name.removeprefix("ecommerce_visitors_") in ("change_26w", "level_13w", "yoy_13w")),
    *per_window((90,), "ecommerce_visitors_{d}d", "ecommerce_window", col("visitors"), "visitors/day", -1, "visitors a day over {d} days", "近{d}天日均访客", "buyers"),
)  # fmt: skip
"""Every feature of the source `ecommerce`."""
