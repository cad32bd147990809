import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contract.errors import ContractError
from features.contract.tables import TABLES, empty
from features.contract.validation import conform, violations

DAY = dt.date(2025, 1, 1)


def electricity(**columns):
    frame = {
        "firm_id": ["F1", "F2"], "date": [DAY, DAY],
        "kwh_peak": [1.0, 2.0], "kwh_flat": [1.0, 2.0], "kwh_valley": [1.0, 2.0],
    }  # fmt: skip
    return pl.DataFrame(frame | columns)


def test_conform_orders_casts_and_completes():
    frame = electricity(kwh_peak=[1, 2], extra=["x", "y"]).select(pl.all().reverse())
    got = conform(frame.select(reversed(frame.columns)), "electricity")
    assert got.columns == list(TABLES["electricity"].columns)
    assert got.schema["kwh_peak"] == pl.Float64
    with_known = conform(electricity(known_on=[DAY, None]), "electricity")
    assert with_known.columns[-1] == "known_on"


def test_conform_names_what_is_missing_and_what_has_another_type():
    with pytest.raises(ContractError, match=r"electricity: .*missing: kwh_flat; found: firm_id"):
        conform(electricity().drop("kwh_flat"), "electricity")
    with pytest.raises(ContractError, match="got firm_id String, date String") as caught:
        conform(electricity(date=["x", "y"]), "electricity")
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(value=st.floats(allow_nan=True, allow_infinity=True))
def test_a_measured_value_is_in_order_or_reported_once(value):
    bad = violations(conform(electricity(kwh_peak=[value, 1.0]), "electricity"), "electricity")
    good = 0 <= value < float("inf")
    assert bad["row"].to_list() == ([] if good else [0])


def test_every_kind_of_violation_is_reported():
    frame = electricity(firm_id=["1.2E+05", None], kwh_flat=[-1.0, None])
    bad = violations(conform(frame, "electricity"), "electricity")
    assert set(bad.select("row", "column").rows()) == {
        (0, "firm_id"), (1, "firm_id"), (0, "kwh_flat"), (1, "kwh_flat"),
    }  # fmt: skip
    firms = empty("firms").vstack(
        pl.DataFrame({"firm_id": ["F1"]}).pipe(
            lambda f: f.with_columns(
                pl.lit("GmbH" if name == "legal_form" else None, dtype).alias(name)
                for name, dtype in TABLES["firms"].schema.items()
                if name != "firm_id"
            )
        )
    )
    assert violations(firms, "firms")["problem"].to_list() == [
        "expected one of individual, micro, small"
    ]
