"""The book balances to the fen, follows its states, and agrees with outcomes and truth."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contract.tables import LOAN_STATUSES
from synthetic.book.line_draws import line_draws
from synthetic.config.load import load_config
from tests.synthetic.conftest import Everybody

LONG = 1_400
"""Days after which every loan has ended and every recovery has come."""

FOLLOWS = {
    "current": {"current", "late", "repaid"},
    "late": {"late", "cured", "default", "repaid"},
    "cured": {"current", "late", "repaid"},
    "default": {"default", "written_off", "repaid"},
}
"""The state machine of `synthetic.book.months`."""


def observed_for(days, **changes):
    config = load_config()
    calendar = config.calendar.model_copy(update={"outcome_days": days})
    return config.model_copy(update={"calendar": calendar, **changes})


def risky(config):
    """The same with buffers so thin that a fifth of the loans default."""
    cash = config.cash.model_copy(update={"buffer_mean": config.cash.buffer_mean - 1.5})
    credit = config.credit.model_copy(
        update={
            "policy_cutoffs_first": (0.0,) * 4,
            "policy_cutoffs_repeat": (0.0,) * 4,
            "plan_weights": (0.3, 0.2, 0.2, 0.3, 0.0),
        }
    )
    return config.model_copy(update={"cash": cash, "credit": credit})


def fen(frame, column):
    """A column of CNY as whole fen, which it must be."""
    values = 100 * frame[column].to_numpy()
    assert np.allclose(values, np.rint(values), atol=1e-3)
    return np.rint(values).astype(np.int64)


def in_fen(months):
    columns = [c for c in months.columns if c.endswith("_cny")]
    return months.with_columns(pl.Series(c, fen(months, c)) for c in columns)


@pytest.fixture(scope="module")
def lived():
    """The tables of a risky bucket whose loans have all ended."""
    return Everybody(5, risky(observed_for(LONG)), firms=900).loan_tables()


def assert_balanced(tables):
    months = in_fen(tables["loan_months"]).sort("loan_id", "month_end")
    moved = (
        pl.col("drawn_cny")
        - (pl.col("paid_cny") - pl.col("interest_cny"))
        - pl.col("recovered_cny")
        - pl.col("written_off_cny")
    )
    opening = pl.col("balance_cny").shift(1, fill_value=0).over("loan_id")
    off = months.filter(opening + moved != pl.col("balance_cny"))
    assert off.is_empty(), off
    assert (months["balance_cny"] >= 0).all()
    before = months.select("status", before=pl.col("status").shift(1).over("loan_id")).drop_nulls()
    for was, now in before.select("before", "status").unique().iter_rows():
        assert now in FOLLOWS[was], f"{was} to {now}"


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10_000), days=st.sampled_from([365, 500, LONG]), bad=st.booleans())
def test_any_book_balances_and_follows_its_states(seed, days, bad):
    config = observed_for(days)
    assert_balanced(Everybody(seed, risky(config) if bad else config, firms=150).loan_tables())


def test_every_loan_adds_up_to_what_was_lent_paid_recovered_and_lost(lived):
    months = in_fen(lived["loan_months"])
    sums = months.group_by("loan_id").agg(pl.col("^.*_cny$").sum(), pl.col("status").last())
    principal = sums["paid_cny"] - sums["interest_cny"]
    gone = principal + sums["recovered_cny"] + sums["written_off_cny"]
    assert (sums["drawn_cny"] == gone).all()
    assert set(sums["status"]) == {"repaid", "written_off"}
    lines = lived["loans"].filter(pl.col("plan") != "line")
    lent = lines.join(sums, on="loan_id", validate="1:1")
    assert (fen(lent, "limit_cny") == lent["drawn_cny"].to_numpy()).all()
    paid = sums.filter(pl.col("status") == "repaid")
    assert (paid["due_cny"] <= paid["paid_cny"]).all()  # a line repays draws before they are due


def test_all_states_occur_and_days_past_due_tell_them(lived):
    months = lived["loan_months"]
    assert set(months["status"]) == set(LOAN_STATUSES)
    dpd = dict(months.group_by("status").agg(low=pl.col("dpd").min(), high=pl.col("dpd").max())
               .select("status", pl.struct("low", "high")).iter_rows())  # fmt: skip
    assert dpd["current"]["high"] == dpd["cured"]["high"] == dpd["repaid"]["high"] == 0
    assert dpd["late"]["low"] >= 1
    assert dpd["late"]["high"] <= 89
    assert dpd["default"]["low"] >= 90


def first_default(tables):
    """Day of the first 90 days past due of each loan, read off its months."""
    days = pl.col("month_end") - pl.duration(days=pl.col("dpd") - 90)
    late = tables["loan_months"].filter(pl.col("dpd") >= 90).sort("month_end")
    first = late.group_by("loan_id").agg(first=days.first().cast(pl.Date))
    return tables["loans"].join(first, on="loan_id", how="left", validate="1:1")


@pytest.mark.parametrize("days", [365, LONG])
def test_the_months_tell_the_outcome(days):
    tables = Everybody(6, risky(observed_for(days)), firms=900).loan_tables()
    told = first_default(tables).join(tables["outcomes"], on="application_id", validate="1:1")
    within = (told["first"] - told["disbursed_on"]).dt.total_days() <= 365
    assert (within.fill_null(value=False) == told["defaulted"]).all()
    bad = told.filter("defaulted")
    assert bad.height > 20
    assert (bad["first"] == bad["defaulted_on"]).all()


def test_only_loans_that_were_taken_have_an_outcome(lived):
    outcomes = lived["outcomes"]
    refused = outcomes.filter(~pl.col("approved"))
    offered = [c for c in outcomes.columns if c.startswith("offered_")]
    assert refused.select(pl.all_horizontal(pl.col("accepted", *offered).is_null()).all()).item()
    left = outcomes.filter(pl.col("approved") & ~pl.col("accepted"))
    assert left.select(
        pl.all_horizontal(pl.col("defaulted", "disbursed_on").is_null()).all()
    ).item()
    assert left.select(pl.col("offered_rate_pct").is_not_null().all()).item()
    taken = outcomes.filter("accepted")
    assert (taken["defaulted"].null_count(), taken["disbursed_on"].null_count()) == (0, 0)
    assert taken["application_id"].to_list() == lived["loans"]["application_id"].to_list()


def test_nothing_is_told_after_the_end_of_observation():
    tables = Everybody(7, risky(observed_for(365)), firms=900).loan_tables()
    until = (
        tables["loans"]
        .join(tables["outcomes"], on="application_id")
        .select("loan_id", "firm_id", "observed_until")
    )
    for table, day in (("loan_months", "month_end"), ("recoveries", "received_on")):
        told = tables[table].join(until, on="loan_id", validate="m:1")
        assert told.height
        assert (told[day] <= told["observed_until"]).all()
    told = tables["bureau"].join(until, on="firm_id", validate="m:1")
    assert (told["reported_on"] <= told["observed_until"]).all()
    assert (tables["outcomes"]["observed_until"].dt.month_end()
            == tables["outcomes"]["observed_until"]).all()  # fmt: skip


def test_a_line_is_drawn_as_long_and_as_often_as_reported():
    """R035: 47 days; R036: 3.2 times a year."""
    everybody = Everybody(8, observed_for(LONG), firms=1_000)
    draws = line_draws(1_000, everybody.bucket)
    begins = draws.begins & (draws.turns <= 730)
    assert begins.sum() / 2_000 == pytest.approx(3.2, rel=0.03)
    ends = np.where(draws.begins[:, :-1], draws.turns[:, 1:] - draws.turns[:, :-1], 0)
    assert ends[draws.begins[:, :-1]].mean() == pytest.approx(47, rel=0.03)
    assert draws.drawn_share.mean() == pytest.approx(everybody.config.loan.line_drawn, rel=0.03)


def test_recoveries_come_from_guarantor_pledge_and_borrower(lived):
    kinds = lived["recoveries"].group_by("kind").agg(pl.len(), pl.col("amount_cny").sum())
    assert set(kinds["kind"]) == {"borrower", "guarantor", "pledge"}
    backed = lived["loans"].filter(pl.col("guaranteed_share") > 0).select("loan_id")
    paid = lived["recoveries"].filter(pl.col("kind") == "guarantor").select("loan_id")
    assert paid.join(backed, on="loan_id", how="anti").is_empty()
    assert isinstance(lived["recoveries"]["received_on"][0], dt.date)
