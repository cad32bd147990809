"""Features of the credit history: repeat borrowers only, and only what was known."""

import datetime as dt

import polars as pl

from features.contract.tables import empty
from features.engine.build import build_features
from features.io.signal_reader import Signals

DAY = dt.date(2025, 3, 1)
NAMES = [
    "credit_max_dpd", "credit_months_in_arrears", "credit_open_loans", "credit_enquiries",
    "credit_lenders", "credit_age",
]  # fmt: skip


def features_of(**changes):
    """Features of a repeat borrower and a first-time one."""
    applications = pl.DataFrame(
        {
            "application_id": ["A1", "A2"],
            "firm_id": ["F1", "F2"],
            "applied_on": [DAY, DAY],
            "first_time": [False, True],
            "plan": ["seasonal", "line"],
        }
    )
    history = {
        "application_id": "A1", "firm_id": "F1", "first_loan_on": DAY - dt.timedelta(days=731),
        "loans": 3, "max_dpd": 12, "lenders": 2, "months_in_arrears": 1, "open_loans": 1,
        "balance_cny": 50_000.0, "enquiries_6m": 4,
    }  # fmt: skip
    tables = {"firms": empty("firms"), "credit_history": pl.DataFrame([history | changes])}
    return build_features(Signals.from_frames(tables), applications)


def test_a_repeat_borrowers_history_is_read_and_a_first_time_one_has_none():
    told = features_of()
    assert told.select(NAMES).row(0)[:5] == (12.0, 1.0, 1.0, 4.0, 2.0)
    assert abs(told["credit_age"][0] - 2.0) < 0.01
    assert told.select(NAMES).row(1) == (None,) * len(NAMES)


def test_a_history_that_begins_after_the_application_is_unknown():
    later = features_of(first_loan_on=DAY + dt.timedelta(days=1))
    assert later.select(NAMES).row(0) == (None,) * len(NAMES)


def test_a_history_of_another_application_is_not_this_ones():
    assert features_of(application_id="A9").select(NAMES).row(0) == (None,) * len(NAMES)


def test_the_plan_is_a_feature_and_the_price_is_not():
    told = features_of()
    assert told["loan_by_seasonal"].to_list() == [1.0, 0.0]
    assert not [name for name in told.columns if "rate_pct" in name]
