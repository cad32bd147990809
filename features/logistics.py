"""Features from couriers: parcels sent and received, destinations, lateness."""
# ruff: noqa: E501 - a table reads best with one row to a line

from polars import col

from features.families import AGE, changes, each, rhythm
from features.feature import Feature, ratio

_OUT, _IN = col("parcels_out"), col("parcels_in")

LOGISTICS: tuple[Feature, ...] = (
    *each((30, 90, 180, 365), "log_out_mean_{d}d", "parcel_days", _OUT.mean(), "parcels/day", -1, "parcels sent a day over {d} days", "近{d}天日均发件量", "parcels_level", "S22"),
    *each((90, 365), "log_in_mean_{d}d", "parcel_days", _IN.mean(), "parcels/day", -1, "parcels received a day over {d} days", "近{d}天日均收件量", "parcels_level", "S21"),
    *each((90, 365), "log_active_share_{d}d", "parcel_days", (_OUT > 0).mean(), "1", -1, "share of days with parcels over {d} days", "近{d}天有发件天数占比", "delivery", "S22"),
    *each((365,), "log_days_since_parcel", "parcel_days", AGE.filter(_OUT > 0).min().fill_null(365), "days", +1, "days since the last parcel sent", "距最近一次发件天数", "parcels_trend", "S22"),
    *changes("log_out", "parcel", "parcels_out", "parcels sent", "发件量", "parcels_trend", reference="S22"),
    *rhythm("log_out", "parcel", "parcels_out", "parcels", "发件量", "delivery", reference="S22"),
    *each((90, 365), "log_late_rate_{d}d", "parcel_days", ratio(col("late_parcels").sum(), _OUT.sum()), "1", +1, "share of parcels late over {d} days", "近{d}天包裹延误率", "delivery", "S21"),
    *each((90,), "log_destinations_{d}d", "parcel_days", col("destinations").mean(), "places/day", -1, "places served a day over {d} days", "近{d}天日均到达地数", "parcels_level", "S21"),
    *each((90,), "log_weight_per_parcel_{d}d", "parcel_days", ratio(col("weight_kg").sum(), _OUT.sum()), "kg", 0, "weight of a parcel over {d} days", "近{d}天单件重量", "parcels_level", "S21", note="a matter of the goods"),
    *each((90, 365), "log_in_to_out_{d}d", "parcel_days", ratio(_IN.sum(), _OUT.sum()), "1", 0, "parcels received per parcel sent over {d} days", "近{d}天收发件比", "parcels_level", "S21", note="received parcels are material in one trade and returns in another"),
)  # fmt: skip
"""Every feature of the source `logistics`."""
