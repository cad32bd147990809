"""Features from couriers: parcels sent and received, destinations, lateness."""
# ruff: noqa: E501 - a table reads best with one row to a line

from polars import col

from features.table.builders import changes, per_window, rhythm
from features.table.feature import Feature, ratio

_OUT, _IN = col("parcels_out"), col("parcels_in")

LOGISTICS: tuple[Feature, ...] = (
    *per_window((30, 90, 180, 365), "logistics_out_mean_{d}d", "logistics_window", _OUT, "parcels/day", -1, "parcels sent a day over {d} days", "近{d}天日均发件量", "parcels_level", "S22"),
    *per_window((90, 365), "logistics_in_mean_{d}d", "logistics_window", _IN, "parcels/day", -1, "parcels received a day over {d} days", "近{d}天日均收件量", "parcels_level", "S21"),
    *per_window((90, 365), "logistics_active_share_{d}d", "logistics_window", col("parcel_days"), "1", -1, "share of days with parcels over {d} days", "近{d}天有发件天数占比", "delivery", "S22"),
    *per_window((365,), "logistics_days_since_parcel", "logistics_window", col("since_parcel"), "days", +1, "days since the last parcel sent", "距最近一次发件天数", "parcels_trend", "S22"),
    *changes("logistics_out", "logistics", "parcels_out", "parcels sent", "发件量", "parcels_trend", reference="S22"),
    *rhythm("logistics_out", "logistics", "parcels_out", "parcels", "发件量", "delivery", reference="S22"),
    *per_window((30, 90, 365), "logistics_late_rate_{d}d", "logistics_window", ratio(col("late_parcels"), _OUT), "1", +1, "share of parcels late over {d} days", "近{d}天包裹延误率", "delivery", "S21"),
    *per_window((90,), "logistics_destinations_{d}d", "logistics_window", col("destinations"), "places/day", -1, "places served a day over {d} days", "近{d}天日均到达地数", "parcels_level", "S21"),
    *per_window((90,), "logistics_weight_per_parcel_{d}d", "logistics_window", ratio(col("weight_kg"), _OUT), "kg", 0, "weight of a parcel over {d} days", "近{d}天单件重量", "parcels_level", "S21", note="a matter of the goods"),
    *per_window((90, 365), "logistics_in_to_out_{d}d", "logistics_window", ratio(_IN, _OUT), "1", 0, "parcels received per parcel sent over {d} days", "近{d}天收发件比", "parcels_level", "S21", note="received parcels are material in one trade and returns in another"),
)  # fmt: skip
"""Every feature of the source `logistics`."""
