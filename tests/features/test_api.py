"""Features from data frames, as a notebook asks for them."""

import datetime as dt

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import features
from features.contract.errors import ContractError
from features.engine.build import build_features
from features.io.data_folder import write_bucket
from features.io.signal_reader import Signals


@pytest.fixture
def application_frame():
    rows = {"application_id": ["A1"], "firm_id": ["F1"], "first_time": [True]}
    return pd.DataFrame(rows | {"applied_on": ["2025-03-01"]})


@pytest.fixture
def sales_frame():
    days = pd.date_range("2024-09-01", periods=160, freq="D")
    return pd.DataFrame(
        {
            "firm_id": "F1",
            "direction": "output",
            "invoice_id": [f"I{k}" for k in range(len(days))],
            "issued_on": days.date,
            "counterparty_id": "B1",
            "amount_cny": 100.0,
            "tax_cny": 3.0,
            "status": "valid",
        }
    )


def test_frames_give_what_a_folder_gives(application_frame, sales_frame, tmp_path):
    from_frames = features.build(application_frame, {"invoices": sales_frame})
    write_bucket(pl.from_pandas(sales_frame), "invoices", tmp_path / "signals", 0)
    from_folder = features.build(application_frame, tmp_path)
    pd.testing.assert_frame_equal(from_frames, from_folder)
    assert from_frames["as_of"][0] == pd.Timestamp(2025, 3, 1)
    assert from_frames["tax_sales_mean_90d"][0] == pytest.approx(100 * 69 / 90)


def test_it_is_the_matrix_of_the_engine(application_frame, sales_frame):
    typed = pl.from_pandas(application_frame).with_columns(applied_on=pl.lit(dt.date(2025, 3, 1)))
    want = build_features(Signals.from_frames({"invoices": pl.from_pandas(sales_frame)}), typed)
    got = pl.from_pandas(
        features.build(application_frame, {"invoices": sales_frame}), nan_to_null=True
    )
    assert_frame_equal(got.drop("as_of"), want.drop("as_of"))


def test_a_bad_application_is_an_error_and_a_bad_invoice_a_warning(application_frame, sales_frame):
    sales_frame.loc[3, "amount_cny"] = float("inf")
    with pytest.warns(UserWarning, match="invoices: left out 1 bad rows"):
        rows = features.build(application_frame, {"invoices": sales_frame})
    assert len(rows) == 1
    with pytest.raises(ContractError, match=r"applied_on.*'soon' in row 1"):
        features.build(application_frame.assign(applied_on="soon"), {"invoices": sales_frame})


def test_a_column_that_is_ignored_is_told(application_frame, sales_frame):
    with pytest.warns(UserWarning, match="applications: ignored the columns colour"):
        features.build(application_frame.assign(colour="red"), {"invoices": sales_frame})
