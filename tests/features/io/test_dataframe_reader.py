"""Data frames become tables of the contract, whatever library and types they come in."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.contract.errors import ContractError
from features.contract.tables import TABLES
from features.io.dataframe_reader import read_frame, to_polars

DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))
COLUMNS = {
    "firm_id": st.one_of(st.none(), st.text(max_size=5)),
    "date": st.one_of(st.none(), DAYS),
    "kwh_peak": st.one_of(st.none(), st.floats(allow_nan=False)),
    "kwh_flat": st.floats(allow_nan=False),
    "kwh_valley": st.integers(-(2**60), 2**60),
    "a flag": st.booleans(),
}


# a busy machine is slow at drawing too
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.fixed_dictionaries(COLUMNS), min_size=1, max_size=6),
    st.sampled_from(["ms", "us", "s"]),
)
def test_the_short_way_from_pandas_gives_what_polars_gives(rows, unit):
    frame = pd.DataFrame(
        {
            "firm_id": pd.array([r["firm_id"] for r in rows], dtype="str"),
            "date": np.array([r["date"] for r in rows], dtype=f"datetime64[{unit}]"),
            "kwh_peak": np.array([r["kwh_peak"] for r in rows], dtype=float),
            "kwh_flat": np.array([r["kwh_flat"] for r in rows], dtype=float),
            "kwh_valley": np.array([r["kwh_valley"] for r in rows], dtype=np.int64),
            "a flag": np.array([r["a flag"] for r in rows], dtype=bool),
        }
    )
    expected = pl.from_pandas(frame).with_columns(pl.col("date").cast(pl.Date))
    assert_frame_equal(to_polars(frame, "electricity"), expected)


def test_a_frame_without_rows_has_the_contract_s_columns():
    empty = pd.DataFrame({name: [] for name in TABLES["electricity"].columns})
    reading = read_frame(empty, "electricity")
    assert dict(reading.frame.schema) == TABLES["electricity"].schema | {"file_line": pl.Int64}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_an_hour_before_midnight_belongs_to_its_day(unit):
    time = np.array(["1969-12-31T23:00", "2025-03-04T23:59:59"], dtype=f"datetime64[{unit}]")
    frame = pd.DataFrame({"date": time})
    days = to_polars(frame, "electricity")["date"].to_list()
    assert days == [dt.date(1969, 12, 31), dt.date(2025, 3, 4)]


@pytest.mark.parametrize(
    "dates",
    [
        [dt.date(2025, 3, 4), None],
        ["2025-03-04", None],
        pd.to_datetime(["2025-03-04", None]),
    ],
    ids=["objects", "text", "times"],
)
def test_dates_of_any_kind_are_read(dates):
    frame = pd.DataFrame(
        {
            "firm_id": "F1",
            "billed_on": pd.Timestamp("2025-02-01"),
            "due_on": "2025-02-20",
            "paid_on": dates,
            "amount_cny": [1, 2],
        }
    )
    reading = read_frame(frame, "electricity_bills")
    assert reading.frame["paid_on"].to_list() == [dt.date(2025, 3, 4), None]
    assert reading.frame["file_line"].to_list() == [1, 2]
    assert not reading.rejected


@pytest.mark.parametrize("rows", [0, 2])
def test_a_column_given_twice_is_named(rows):
    frame = pd.DataFrame([["F1", 3, "2024-01-05"]] * rows, columns=["firm_id", "kwh", "kwh"])
    with pytest.raises(ContractError, match=r"expected each column once, got kwh more than once"):
        read_frame(frame, "electricity")
