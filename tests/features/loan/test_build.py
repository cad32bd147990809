import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features import build
from features.contract.errors import ContractError
from features.contract.tables import TABLES
from features.engine.build import build_features, is_feature_file
from features.io.signal_reader import Signals
from features.loan.activity import ALLOWANCE
from features.loan.build import build_loan_features, read_snapshots
from features.loan.catalogue import open_loan_feature_names
from features.loan.loan_features import LOAN
from features.table.catalogue import feature_names

from .conftest import DISBURSED, STOPPED, STOPS

NAMES = [feature.name for feature in LOAN]
FEW = settings(max_examples=8, deadline=None)


def at(day, firms=(STOPPED, "F001", "F002")):
    return pl.DataFrame(
        {"loan_id": [f"L{f}" for f in firms], "firm_id": list(firms), "as_of": [day] * len(firms)}
    )


def features(signals, tables, snapshots, **options):
    return build_loan_features(signals, snapshots, tables["loans"], **options)


def test_one_row_a_snapshot_in_the_order_given(signals, tables, season):
    asked = pl.concat([at(dt.date(2025, 5, 1)), at(dt.date(2025, 2, 1))])
    found = features(signals, tables, asked, season=season)
    assert found.columns == ["loan_id", "firm_id", "as_of", *open_loan_feature_names()]
    assert found.select("loan_id", "firm_id", "as_of").equals(asked)
    assert set(found.dtypes[3:]) == {pl.Float32}


def test_they_are_the_features_of_an_application_on_that_day(signals, tables):
    day = dt.date(2025, 5, 1)
    found = features(signals, tables, at(day))
    loans = tables["loans"].filter(pl.col("firm_id").is_in(at(day)["firm_id"].implode()))
    applied = loans.select(
        application_id="loan_id", firm_id="firm_id", applied_on=pl.lit(day), amount_cny="limit_cny",
        term_months="term_months", plan="plan", first_time=pl.lit(None, pl.Boolean),
    )  # fmt: skip
    same = build_features(signals, applied)
    assert_frame_equal(found.select(feature_names()), same.select(feature_names()))


@FEW
@given(day=st.dates(dt.date(2024, 10, 16), dt.date(2025, 9, 1)))
def test_nothing_that_comes_later_is_seen(tables, season, day):
    """Rows of later events are taken away; a month's end is known a day later."""
    cut = {
        name: frame
        if not (event := TABLES[name].event)
        else frame.filter(pl.col(event) + pl.duration(days=TABLES[name].lag_days) <= day)
        for name, frame in tables.items()
    }
    every = Signals.from_frames(tables)
    then = Signals.from_frames(cut)
    assert_frame_equal(
        build_loan_features(every, at(day), tables["loans"], season=season),
        build_loan_features(then, at(day), cut["loans"], season=season),
    )


def test_the_loans_own_months(signals, tables, season):
    found = features(signals, tables, at(dt.date(2025, 6, 1)), season=season).row(0, named=True)
    assert found["days_past_due"] == 60
    assert found["worst_days_past_due"] == 60
    assert found["utilisation"] == pytest.approx(7 / 12)
    assert found["repaid_share"] == pytest.approx(5 / 12)
    assert found["paid_to_due_3m"] == pytest.approx(0)
    assert found["share_of_months_late"] == pytest.approx(2 / 8)
    assert found["months_on_book"] == pytest.approx(229 / 30.4375)
    assert found["months_left"] == pytest.approx(12 - 229 / 30.4375)


def test_a_month_is_known_a_day_after_its_end(signals, tables):
    late = [
        features(signals, tables, at(day))["days_past_due"][0]
        for day in (dt.date(2025, 4, 30), dt.date(2025, 5, 1))
    ]
    assert late == [0, 30]


def test_a_firm_that_stops_is_told_from_one_that_does_not(signals, tables, season):
    found = features(signals, tables, at(STOPS + dt.timedelta(days=60)), season=season)
    stopped, *others = found.select("activity_cusum", "orders_since_disbursement").rows()
    assert stopped[0] == pytest.approx((1 - ALLOWANCE) * 60 / 7, rel=0.1)
    assert stopped[1] < -0.2
    for cusum, change in others:
        assert cusum < 0.2
        assert abs(change) < 0.1


@pytest.mark.parametrize(
    "day", [dt.date(2025, 2, 8), dt.date(2024, 12, 1), dt.date(2025, 1, 6), dt.date(2025, 3, 1)]
)
def test_the_new_year_and_the_end_of_the_season_are_no_alarm(signals, tables, season, day):
    """The bare rule counts both as falls; orders fell to a fifth, and to a half, for everybody."""
    firms = [f"F{k:03d}" for k in range(1, 40)]
    found = features(signals, tables, at(day, firms), season=season)
    assert found["activity_cusum"].max() < 0.5
    assert found["orders_down_days_28d"].max() <= 2
    if day in (dt.date(2025, 2, 8), dt.date(2025, 1, 6)):
        bare = found["orders_down_days_bare_28d"]
        assert (bare.max() if day.month == 1 else bare.min()) >= (0 if day.month == 1 else 3)


def test_without_a_season_what_it_adjusts_is_missing(signals, tables):
    found = features(signals, tables, at(dt.date(2025, 5, 1)))
    assert found["activity_cusum"].null_count() == 3
    assert found["orders_since_disbursement"].null_count() == 3
    assert found["days_past_due"].null_count() == 0


def test_before_disbursement_and_without_a_loan_nothing_of_it_is_known(signals, tables, season):
    before = at(DISBURSED - dt.timedelta(days=1), ["F001"])
    unknown = at(dt.date(2025, 5, 1), ["F001"]).with_columns(loan_id=pl.lit("nobody's"))
    found = features(signals, tables, pl.concat([before, unknown]), season=season)
    own = [n for n in NAMES if not n.startswith(("orders_", "bad_", "bill_"))]
    assert found.select(own).null_count().row(0) == (2,) * len(own)
    assert found["ecommerce_orders_mean_90d"].null_count() == 0


def test_no_table_of_months_is_needed(tables, season):
    bare = Signals.from_frames(
        {k: v for k, v in tables.items() if k not in ("loans", "loan_months")}
    )
    found = build_loan_features(bare, at(dt.date(2025, 5, 1)), tables["loans"], season=season)
    assert found["days_past_due"].null_count() == 3
    assert found["months_on_book"].null_count() == 0


def test_no_snapshots_have_no_rows(signals, tables):
    nothing = features(signals, tables, at(dt.date(2025, 5, 1)).clear())
    assert nothing.height == 0
    assert nothing.columns == ["loan_id", "firm_id", "as_of", *open_loan_feature_names()]


def test_a_snapshots_file_is_read_whole_or_not_at_all(tmp_path):
    path = tmp_path / "days.csv"
    path.write_text("loan_id,firm_id,as_of\nL1,F1,2025-05-01\nL1,F1,2025-05-01\n")
    with pytest.raises(ContractError, match="L1' on 2025-05-01 on lines 2, 3"):
        read_snapshots(path)
    path.write_text("loan_id,firm_id,as_of\nL1,F1,yesterday\n")
    with pytest.raises(ContractError, match="as_of"):
        read_snapshots(path)
    path.write_text("loan_id,firm_id,as_of\nL1,F1,2025-05-01\nL1,F1,2025-06-01\n")
    assert read_snapshots(path).height == 2
    assert not is_feature_file(path)


def test_a_notebook_builds_the_same(signals, tables, season):
    frames = {name: table for name, table in tables.items() if name != "loans"}
    day = dt.date(2025, 5, 1)
    loans = tables["loans"].filter(pl.col("firm_id").is_in([STOPPED, "F001", "F002"]))
    expected = features(signals, tables, at(day), season=season)
    for as_of in (day, at(day)):
        built = build(loans.to_pandas(), frames, as_of=as_of, season=season)
        assert_frame_equal(
            pl.from_pandas(built, nan_to_null=True).drop("as_of"), expected.drop("as_of")
        )
    with pytest.raises(ContractError, match="loan_id"):
        build(loans, frames, as_of=pl.DataFrame({"firm_id": ["F001"]}))
