"""Silence inside a covered span is zero, or missing for electricity; outside it is missing."""

import datetime as dt

import polars as pl
import pytest

from features.engine.build import build_features
from features.io.signal_reader import Signals

AS_OF = dt.date(2025, 6, 1)


def day(back):
    return AS_OF - dt.timedelta(days=back)


def features_of(coverage, *, consent_on=None, **tables):
    frames = {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in tables.items()}
    if coverage is not None:
        schema = {
            "firm_id": pl.String,
            "source": pl.String,
            "covered_from": pl.Date,
            "covered_to": pl.Date,
        }
        rows = [("F", *span) for span in coverage]
        frames["coverage"] = pl.DataFrame(rows, schema=schema, orient="row")
    applications = pl.DataFrame(
        {
            "application_id": ["A"],
            "firm_id": ["F"],
            "applied_on": [AS_OF],
            "first_time": [True],
            "consent_on": pl.Series([consent_on], dtype=pl.Date),
        }
    )
    return build_features(Signals.from_frames(frames), applications).row(0, named=True)


def parcels(back, out=30):
    row = {"firm_id": "F", "date": day(back), "parcels_out": out, "parcels_in": 0}
    return row | {"weight_kg": 1.0, "destinations": 1, "late_parcels": 0}


def kwh(back, amount=30.0):
    row = {"firm_id": "F", "date": day(back), "kwh_peak": amount}
    return row | {"kwh_flat": 0.0, "kwh_valley": 0.0}


def test_silence_of_parcels_is_zero_inside_the_span():
    found = features_of([("logistics", day(100), None)], logistics=[parcels(3)])
    assert found["logistics_out_mean_30d"] == 1.0
    assert found["logistics_out_mean_90d"] == pytest.approx(30 / 90)
    # days 2 to 100 back are known
    assert found["history_logistics"] == 99
    assert found["logistics_out_mean_365d"] == pytest.approx(30 / 99)


def test_silence_of_the_meter_is_missing_even_inside_the_span():
    found = features_of([("electricity", day(100), None)], electricity=[kwh(3), kwh(4, 50.0)])
    assert found["electricity_mean_30d"] == 40.0
    assert found["coverage_electricity"] == pytest.approx(2 / 180)


def test_a_stopped_firm_has_zeros_not_gaps():
    found = features_of([("logistics", day(400), None)], logistics=[parcels(300)])
    assert found["logistics_out_mean_90d"] == 0.0
    assert found["coverage_logistics"] == 1.0
    assert found["logistics_out_change_13w"] is None  # nothing now and nothing before
    assert found["logistics_out_change_26w"] == -1.0


def test_rows_outside_the_span_do_not_count():
    span = [("logistics", day(50), day(20))]
    found = features_of(span, logistics=[parcels(3), parcels(30), parcels(60)])
    assert found["history_logistics"] == 31
    assert found["logistics_out_mean_365d"] == pytest.approx(30 / 31)
    assert found["logistics_out_mean_30d"] == pytest.approx(30 / 12)


def test_a_source_that_the_table_does_not_name_is_uncovered():
    found = features_of([("tax", day(100), None)], logistics=[parcels(3)])
    assert found["coverage_logistics"] == 0.0
    assert found["logistics_out_mean_30d"] is None
    assert found["coverage_tax"] == pytest.approx(100 / 180)
    assert found["tax_sales_mean_30d"] == 0.0


def test_without_a_table_the_first_known_row_begins_the_span():
    found = features_of(None, logistics=[parcels(41), parcels(1)])
    assert found["history_logistics"] == 40
    assert found["logistics_out_mean_90d"] == pytest.approx(30 / 40)
    assert found["coverage_tax"] == 0.0


@pytest.mark.parametrize(("consent_on", "covered"), [(day(0), True), (day(-1), False)])
def test_consent_after_the_day_uncovers_every_source(consent_on, covered):
    spans = [("logistics", day(400), None), ("electricity", day(400), None)]
    rows = {"logistics": [parcels(3)], "electricity": [kwh(3)]}
    for coverage in (spans, None):
        found = features_of(coverage, consent_on=consent_on, **rows)
        for source in ("logistics", "electricity"):
            assert (found[f"coverage_{source}"] > 0) == covered
        assert (found["logistics_out_mean_30d"] is not None) == covered
        assert (found["electricity_mean_30d"] is not None) == covered
