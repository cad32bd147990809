"""Features from online shops: orders, turnover, returns, ratings, buyers."""
# ruff: noqa: E501 - a table reads best with one row to a line

from polars import col

from features.families import changes, per_window, rhythm
from features.feature import Feature, ratio

_ORDERS, _GMV = col("orders"), col("gmv_cny")

ECOMMERCE: tuple[Feature, ...] = (
    *per_window((30, 90, 180, 365), "shop_orders_mean_{d}d", "shop_window", _ORDERS, "orders/day", -1, "online orders a day over {d} days", "近{d}天日均订单量", "orders_level", "S39"),
    *per_window((30, 90, 365), "shop_gmv_mean_{d}d", "shop_window", _GMV, "CNY/day", -1, "online turnover a day over {d} days", "近{d}天日均网店成交额", "orders_level", "S39"),
    *per_window((90,), "shop_basket_{d}d", "shop_window", ratio(_GMV, _ORDERS), "CNY", 0, "value of an online order over {d} days", "近{d}天客单价", "orders_level", note="a matter of the goods"),
    *per_window((365,), "shop_days_since_order", "shop_window", col("since_order"), "days", +1, "days since the last online order", "距最近一笔订单天数", "orders_trend"),
    *changes("shop_orders", "shop", "orders", "online orders", "订单量", "orders_trend", reference="S39"),
    *rhythm("shop_orders", "shop", "orders", "online orders", "订单量", "orders_rhythm"),
    *per_window((180,), "shop_alarm_days_{d}d", "shop_window", col("alarm") * col("shop_known"), "days", +1, "days on which orders were down 30 % for the third day in a row, over {d} days", "近{d}天订单连续三日下降30%的天数", "orders_rhythm", "R189"),
    *per_window((30, 90, 365), "shop_refund_rate_{d}d", "shop_window", ratio(col("refunds"), _ORDERS), "1", +1, "refunds per order over {d} days", "近{d}天退款率", "refunds"),
    *per_window((90,), "shop_refund_value_{d}d", "shop_window", ratio(col("refund_cny"), _GMV), "1", +1, "refunded share of online turnover over {d} days", "近{d}天退款金额占比", "refunds"),
    *per_window((30, 90, 365), "shop_bad_reviews_{d}d", "shop_window", ratio(col("bad_reviews"), col("reviews")), "1", +1, "share of bad reviews over {d} days", "近{d}天差评率", "reviews", "R191"),
    *per_window((90, 365), "shop_rating_{d}d", "shop_window", ratio(col("stars"), col("rated")), "stars", -1, "mean rating over {d} days", "近{d}天平均评分", "reviews", "R191"),
    *per_window((90,), "shop_review_rate_{d}d", "shop_window", ratio(col("reviews"), _ORDERS), "1", 0, "reviews per order over {d} days", "近{d}天评价率", "reviews", note="bought reviews and content buyers both raise it"),
    *per_window((90, 365), "shop_repeat_share_{d}d", "shop_window", ratio(col("repeat_buyers"), col("buyers")), "1", -1, "share of returning buyers over {d} days", "近{d}天复购买家占比", "buyers"),
    *per_window((90, 365), "shop_conversion_{d}d", "shop_window", ratio(_ORDERS, col("visitors")), "1", -1, "orders per visitor over {d} days", "近{d}天访客转化率", "buyers"),
    *(f for f in changes("shop_visitors", "shop", "visitors", "visitors", "访客数", "buyers") if f.name.removeprefix("shop_visitors_") in ("change_26w", "level_13w", "yoy_13w")),
    *per_window((90,), "shop_visitors_{d}d", "shop_window", col("visitors"), "visitors/day", -1, "visitors a day over {d} days", "近{d}天日均访客", "buyers"),
)  # fmt: skip
"""Every feature of the source `ecommerce`."""
