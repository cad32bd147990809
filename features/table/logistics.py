"""Features from couriers: parcels sent and received, destinations, lateness."""
# ruff: noqa: E501 (rows of a table are wrapped at 112 columns)

from polars import col

from features.table.builders import changes, per_window, rhythm
from features.table.feature import Feature
from features.table.formula import ratio

_OUT, _IN = col("parcels_out"), col("parcels_in")

LOGISTICS: tuple[Feature, ...] = (
    *per_window(
        (30, 90, 180, 365), name="logistics_out_mean_{d}d", frame="logistics_window", formula=_OUT,
        unit="parcels/day", sign=-1, display="number", theme="parcels_level",
        meaning="parcels sent a day over {d} days", meaning_zh="近{d}天日均发件量", reference="S22",
    ),
    *per_window(
        (90, 365), name="logistics_in_mean_{d}d", frame="logistics_window", formula=_IN, unit="parcels/day",
        sign=-1, display="number", theme="parcels_level", meaning="parcels received a day over {d} days",
        meaning_zh="近{d}天日均收件量", reference="S21",
    ),
    *per_window(
        (90, 365), name="logistics_active_share_{d}d", frame="logistics_window", formula=col("parcel_days"),
        unit="1", sign=-1, display="percent", theme="delivery",
        meaning="share of days with parcels over {d} days", meaning_zh="近{d}天有发件天数占比",
        reference="S22",
    ),
    *per_window(
        (365,), name="logistics_days_since_parcel", frame="logistics_window", formula=col("since_parcel"),
        unit="days", sign=+1, display="number", theme="parcels_trend",
        meaning="days since the last parcel sent", meaning_zh="距最近一次发件天数", reference="S22",
    ),
    *changes(
        "logistics_out", source="logistics", column="parcels_out", what="parcels sent", what_zh="发件量",
        theme="parcels_trend", reference="S22",
    ),
    *rhythm(
        "logistics_out", source="logistics", column="parcels_out", what="parcels", what_zh="发件量",
        theme="delivery", reference="S22",
    ),
    *per_window(
        (30, 90, 365), name="logistics_late_rate_{d}d", frame="logistics_window",
        formula=ratio(col("late_parcels"), _OUT), unit="1", sign=+1, display="percent", theme="delivery",
        meaning="share of parcels late over {d} days", meaning_zh="近{d}天包裹延误率", reference="S21",
    ),
    *per_window(
        (90,), name="logistics_destinations_{d}d", frame="logistics_window", formula=col("destinations"),
        unit="places/day", sign=-1, display="number", theme="parcels_level",
        meaning="places served a day over {d} days", meaning_zh="近{d}天日均到达地数", reference="S21",
    ),
    *per_window(
        (90,), name="logistics_weight_per_parcel_{d}d", frame="logistics_window",
        formula=ratio(col("weight_kg"), _OUT), unit="kg", sign=0, display="number", theme="parcels_level",
        meaning="weight of a parcel over {d} days", meaning_zh="近{d}天单件重量", reference="S21",
        note="a matter of the goods",
    ),
    *per_window(
        (90, 365), name="logistics_in_to_out_{d}d", frame="logistics_window", formula=ratio(_IN, _OUT),
        unit="1", sign=0, display="number", theme="parcels_level",
        meaning="parcels received per parcel sent over {d} days", meaning_zh="近{d}天收发件比",
        reference="S21", note="received parcels are material in one trade and returns in another",
    ),
)  # fmt: skip
"""Every feature of the source `logistics`."""
