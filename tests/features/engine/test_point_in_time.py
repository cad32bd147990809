"""A feature sees what was known on the day of application, and nothing else."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.engine.build import build_features
from features.io.signal_reader import Signals

AS_OF = dt.date(2025, 6, 1)
DEFAULT = {
    "invoices": pl.col("issued_on") + pl.duration(days=1),
    "electricity": pl.col("date") + pl.duration(days=1),
    "electricity_bills": pl.col("billed_on") + pl.duration(days=1),
    "logistics": pl.col("date") + pl.duration(days=2),
    "ecommerce": pl.col("date") + pl.duration(days=1),
    # that nothing came is known from the day after it was due
    "tax_filings": pl.min_horizontal("filed_on", "due_on") + pl.duration(days=1),
}
"""Design, section 2, written down a second time."""


def day(back):
    return AS_OF - dt.timedelta(days=back)


def application(**columns):
    row = {"application_id": "A", "firm_id": "F", "applied_on": AS_OF, "first_time": True}
    return pl.DataFrame([row | columns])


def features_of(applications=None, **tables):
    frames = {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in tables.items()}
    applications = application() if applications is None else applications
    return build_features(Signals.from_frames(frames), applications).row(0, named=True)


def invoice(back, amount=100.0, **columns):
    return {
        "firm_id": "F",
        "direction": "output",
        "invoice_id": f"I{back}",
        "issued_on": day(back),
        "counterparty_id": "C",
        "amount_cny": amount,
        "tax_cny": 0.0,
        "status": "valid",
        "voided_on": None,
    } | columns


def electricity(back, kwh=1.0, **columns):
    row = {"firm_id": "F", "date": day(back), "kwh_peak": kwh, "kwh_flat": 0.0, "kwh_valley": 0.0}
    return row | columns


def parcels(back, out=1):
    row = {"firm_id": "F", "date": day(back), "parcels_out": out, "parcels_in": 0}
    return row | {"weight_kg": 1.0, "destinations": 1, "late_parcels": 0}


def filing(period_end, filed=None, paid=None, **columns):
    return {
        "firm_id": "F",
        "period_end": day(period_end),
        "due_on": day(period_end - 15),
        "filed_on": None if filed is None else day(filed),
        "declared_sales_cny": 1_000.0,
        "tax_due_cny": 10.0,
        "tax_paid_cny": 10.0,
        "paid_on": None if paid is None else day(paid),
    } | columns


def bill(back, paid=None):
    return {
        "firm_id": "F",
        "billed_on": day(back),
        "due_on": day(back - 10),
        "paid_on": None if paid is None else day(paid),
        "amount_cny": 50.0,
    }


def replaced(frame, unknown, how, seed):
    """Delete, change or multiply the rows that were not known."""
    rows = frame.filter(unknown)
    numbers = pl.col(pl.Float64, pl.Int64).exclude("line") * 3 + 1
    if how == "delete":
        return frame.filter(~unknown)
    if how == "change":
        return pl.concat([frame.filter(~unknown), rows.with_columns(numbers)])
    more = rows.with_columns(numbers).sample(fraction=0.5, seed=seed)
    return pl.concat([frame, more])


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    table=st.sampled_from(sorted(DEFAULT)),
    how=st.sampled_from(["delete", "change", "add"]),
)
def test_rows_not_yet_known_change_nothing(world, seed, table, how):
    tables, applications = world(seed, 1)
    frame = tables[table].with_columns(pl.col("known_on").fill_null(DEFAULT[table]))
    before = build_features(Signals.from_frames(tables | {table: frame}), applications)
    unknown = pl.col("known_on") > AS_OF
    if table == "tax_filings":
        unknown &= pl.col("due_on") + pl.duration(days=1) > AS_OF
    assert not frame.filter(unknown).is_empty()
    after = replaced(frame, unknown, how, seed)
    assert_frame_equal(
        before, build_features(Signals.from_frames(tables | {table: after}), applications)
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), forget=st.booleans())
def test_dates_ahead_inside_a_known_row_change_nothing(world, seed, forget):
    tables, applications = world(seed, 1)
    before = build_features(Signals.from_frames(tables), applications)
    ahead = {"invoices": ["voided_on"], "electricity_bills": ["paid_on"]}
    ahead["tax_filings"] = ["paid_on", "filed_on"]
    for table, columns in ahead.items():
        for name in columns:
            late = pl.col(name) >= AS_OF
            other = None if forget else pl.col(name) + pl.duration(days=400)
            if name == "voided_on" and forget:
                # a void without a date counts from the issue, so the status goes with it
                tables[table] = tables[table].with_columns(
                    status=pl.when(late).then(pl.lit("valid")).otherwise("status")
                )
            tables[table] = tables[table].with_columns(
                pl.when(late).then(other).otherwise(name).alias(name)
            )
    assert_frame_equal(before, build_features(Signals.from_frames(tables), applications))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rows_known_on_the_day_do_matter(world, seed):
    tables, applications = world(seed, 1)
    known = tables["electricity"].filter(
        pl.col("date").is_between(day(30), day(5)),
        pl.col("known_on").is_null(),
    )
    changed = tables["electricity"].with_columns(
        kwh_peak=pl.when(pl.col("date").is_in(known["date"].implode()))
        .then(pl.col("kwh_peak") + 100)
        .otherwise("kwh_peak")
    )
    covered = tables | {"coverage": tables["coverage"].clear()}
    del covered["coverage"]
    before = build_features(Signals.from_frames(covered), applications)
    after = build_features(Signals.from_frames(covered | {"electricity": changed}), applications)
    assert before["electricity_mean_30d"][0] < after["electricity_mean_30d"][0]


@pytest.mark.parametrize(("back", "seen"), [(0, False), (1, True)])
def test_an_invoice_is_known_the_next_day(back, seen):
    found = features_of(invoices=[invoice(back), invoice(50)])
    assert (found["tax_days_since_sale"] == 0) == seen


@pytest.mark.parametrize(("back", "seen"), [(1, False), (2, True)])
def test_parcels_are_known_two_days_later(back, seen):
    found = features_of(logistics=[parcels(back), parcels(50)])
    assert (found["logistics_days_since_parcel"] == 0) == seen


@pytest.mark.parametrize(("voided", "share"), [(day(1), 0.5), (day(0), 0.0), (None, 0.5)])
def test_a_void_counts_from_the_day_after_voiding(voided, share):
    void = invoice(40, status="void", voided_on=voided)
    found = features_of(invoices=[void, invoice(50)])
    assert found["tax_void_rate_90d"] == share
    assert found["tax_sales_mean_90d"] == pytest.approx(100 * (2 - 2 * share) / 50)


def test_the_latest_version_known_counts():
    versions = [
        electricity(3, kwh, known_on=day(known)) for kwh, known in ((5.0, 2), (7.0, 1), (9.0, -1))
    ]
    found = features_of(electricity=versions)
    assert found["electricity_mean_30d"] == 7.0


def test_a_late_return_is_seen_as_not_filed():
    returns = [filing(40, filed=-3), filing(70, filed=60, paid=50)]
    found = features_of(tax_filings=returns, invoices=[invoice(200)])
    assert found["tax_unfiled"] == 1
    assert found["tax_late_days_365d"] == pytest.approx((25 + 0) / 2)
    # filed in time but paid eleven days after the return was due
    assert found["tax_pay_late_days_365d"] == pytest.approx((0 + 5) / 2)


def test_a_return_not_yet_due_is_not_missing():
    found = features_of(tax_filings=[filing(10)], invoices=[invoice(200)])
    assert found["tax_unfiled"] is None
    found = features_of(tax_filings=[filing(16)], invoices=[invoice(200)])
    assert found["tax_unfiled"] == 1


def test_a_bill_paid_later_is_seen_as_unpaid():
    found = features_of(electricity_bills=[bill(40, paid=-5), bill(70, paid=65)])
    assert found["electricity_bills_overdue"] == 1
    assert found["electricity_arrears"] == 1.0
    assert found["electricity_bills_worst_delay_180d"] == 30
    paid = features_of(electricity_bills=[bill(40, paid=1), bill(70, paid=65)])
    assert paid["electricity_bills_overdue"] == 0
    assert paid["electricity_bills_worst_delay_180d"] == 29


def test_a_bill_paid_on_the_day_is_not_known_to_be_paid():
    found = features_of(electricity_bills=[bill(40, paid=0)])
    assert found["electricity_bills_overdue"] == 1
