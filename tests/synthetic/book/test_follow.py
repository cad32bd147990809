"""Records after the application change nothing before it, and tell of what comes."""

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.contract.tables import TABLES
from features.engine.build import build_features
from features.io.signal_reader import Signals
from synthetic.book.bureau import Borrowers, bureau
from synthetic.book.months import LoanMonths
from synthetic.config.load import load_config
from synthetic.firm.horizon import DAYS_A_MONTH, HISTORY, MONTH_ENDS
from synthetic.loan.past_loans import days_past_due
from tests.synthetic.book.test_book import risky
from tests.synthetic.conftest import Everybody

BOOK = ("loans", "loan_months", "recoveries", "bureau")


def following(days):
    config = load_config()
    calendar = config.calendar.model_copy(update={"follow_days": days})
    return config.model_copy(update={"calendar": calendar})


def features_of(tables):
    tables = {name: frame for name, frame in tables.items() if name not in NOT_SIGNALS}
    return build_features(Signals.from_frames(tables), APPLICATIONS[0])


NOT_SIGNALS = ("applications", "outcomes", "truth", "faults")
APPLICATIONS = []


@pytest.fixture(scope="module")
def followed():
    tables = Everybody(9, following(365), firms=250).tables()
    APPLICATIONS[:] = [tables["applications"]]
    return tables


@pytest.fixture(scope="module")
def features(followed):
    return features_of(followed)


@pytest.mark.parametrize("days", [0, 1, 90])
def test_features_of_the_application_do_not_change_by_a_byte(features, days):
    other = features_of(Everybody(9, following(days), firms=250).tables())
    assert features.equals(other, null_equal=True)


def known_on(table):
    """Day on which each row becomes known."""
    spec = TABLES[table]
    return pl.col(spec.event) + pl.duration(days=spec.lag_days)


@settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32 - 1), table=st.sampled_from(BOOK), drop=st.booleans())
def test_what_was_not_known_may_be_altered_or_missing(followed, features, seed, table, drop):
    rng = np.random.default_rng(seed)
    applied = followed["applications"].select("firm_id", "applied_on")
    rows = followed[table].join(applied, on="firm_id").with_columns(
        later=known_on(table) > pl.col("applied_on"), chosen=pl.Series(rng.random(
            followed[table].height) < 0.5))  # fmt: skip
    touched = pl.col("later") & pl.col("chosen")
    if drop:
        rows = rows.filter(~touched)
    else:
        money = [c for c in rows.columns if c.endswith("_cny")]
        rows = rows.with_columns(
            pl.when(touched).then(pl.col(c) * 3 + 1).otherwise(c).alias(c) for c in money
        )
    rows = rows.select(followed[table].columns)
    assert features.equals(features_of(followed | {table: rows}), null_equal=True)


def test_borrowers_who_default_fall_silent_and_others_go_on():
    tables = Everybody(10, risky(following(365)), firms=900).tables()
    loans = tables["loans"].join(tables["outcomes"], on="application_id").join(
        tables["truth"].select("application_id", "cause"), on="application_id"
    )  # fmt: skip
    last = tables["electricity"].group_by("firm_id").agg(pl.col("date").max())
    use = pl.col("kwh_peak") + pl.col("kwh_flat") + pl.col("kwh_valley")
    days = tables["electricity"].join(loans, on="firm_id").with_columns(
        use=use, since=(pl.col("date") - pl.col("disbursed_on")).dt.total_days()
    )  # fmt: skip
    late = (
        days.filter(pl.col("since").is_between(280, 364))
        .group_by("firm_id")
        .agg(late=pl.col("use").mean())
    )
    early = (
        days.filter(pl.col("since").is_between(-84, 0))
        .group_by("firm_id")
        .agg(early=pl.col("use").mean())
    )
    ratio = early.join(late, on="firm_id").join(loans, on="firm_id").with_columns(
        ratio=pl.col("late") / pl.col("early")
    )  # fmt: skip
    bad = ratio.filter(pl.col("defaulted") & (pl.col("defaulted_on") - pl.col("disbursed_on")
                                              < dt.timedelta(days=280)))  # fmt: skip
    good = ratio.filter(~pl.col("defaulted"))
    assert bad.height >= 5
    assert bad["ratio"].median() < 0.6 * good["ratio"].median()
    assert 0.7 < good["ratio"].median() < 1.3
    assert last.join(loans, on="firm_id").height == loans.height


def borrowers(everybody):
    """Inputs of bureau reports, of firms of which none took a loan."""
    history, bucket = everybody.history, everybody.bucket
    n = len(history.firms)
    applied = history.firms.applied + everybody.world.calendar.epoch_offset
    return Borrowers(
        loans=history.loans,
        buffer=history.state.cash_buffer,
        cash=history.state.cash,
        cash_ahead=history.state.cash[:, HISTORY + MONTH_ENDS],
        past_dpd=days_past_due(history.loans, history.state, bucket),
        turnover_cny=history.firms.sales_cny / 12,
        lender=np.zeros(n, np.int64),
        applied=applied,
        seen_until=applied + 700,
    )


NO_LOANS = LoanMonths(*[np.zeros((0, 1), np.int64)] * 11)


@pytest.mark.parametrize("month", [1, 3, 8])
def test_reports_before_a_day_do_not_know_what_comes_after_it(month):
    everybody = Everybody(11, load_config(), firms=400)
    who = borrowers(everybody)
    cash = who.cash_ahead.copy()
    cash[:, month - 1 :] -= 3.0
    taken = np.zeros(0, np.int64)
    one, two = (
        bureau(each, taken, NO_LOANS, everybody.bucket)
        for each in (who, replace(who, cash_ahead=cash))
    )
    day = who.applied[:, None] + np.floor(month * DAYS_A_MONTH)
    before = one.kept & (one.reported < day)
    assert before.any()
    for name in ("reported", "open_loans", "balance_cny", "worst_dpd", "enquiries"):
        assert (getattr(one, name)[before] == getattr(two, name)[before]).all(), name
    assert (one.worst_dpd != two.worst_dpd).any(), "what comes later does tell"
