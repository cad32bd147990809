"""A credit history tells of the firm's own past cash."""

import numpy as np
import pytest

from laboratory.targets.measures import expected_auc
from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.firm.horizon import HISTORY
from synthetic.loan.past_loans import credit_history, days_past_due, debt_flows, past_loans
from synthetic.streams import Bucket
from synthetic.world import lend, lending_tables, simulate_applicants

CONFIG = load_config()


@pytest.fixture(scope="module")
def buckets():
    parts = []
    for seed in range(80, 90):
        bucket, world = Bucket(seed, 0, CONFIG), backdrop(seed, CONFIG)
        parts.append((bucket, world, simulate_applicants(1_000, world, bucket)))
    return parts


def test_only_repeat_borrowers_have_loans(buckets):
    bucket, _, history = buckets[0]
    loans = past_loans(history.firms, bucket)
    had = np.isfinite(loans.age).any(axis=1)
    assert (had == ~history.firms.first_time).all()


def test_debts_take_cash_while_a_loan_runs(buckets):
    _, _, history = buckets[0]
    loans = history.loans
    flows = debt_flows(loans, CONFIG)
    assert (flows <= 0).all()
    open_now = (loans.age < CONFIG.arrears.loan_term_months).any(axis=1)
    assert (flows[open_now, HISTORY] < 0).all()
    assert (flows[~open_now, HISTORY:] == 0).all()


def test_days_past_due_grow_as_cash_runs_low(buckets):
    bucket, _, history = buckets[0]
    dpd = days_past_due(history.loans, history.state, bucket)
    assert dpd.max() <= CONFIG.arrears.most_late_days
    worst = credit_history(history.firms, history.loans, history.state, bucket).max_dpd
    assert (worst == dpd.max(axis=1)).all()


def test_the_longest_arrears_tell_of_default_among_repeat_borrowers(buckets):
    score, pd = [], []
    for bucket, world, history in buckets:
        repeat = ~history.firms.first_time
        told = credit_history(history.firms, history.loans, history.state, bucket)
        truth = lending_tables(history, lend(history, world, bucket), world, bucket, grid=())[
            "truth"
        ]
        score.append(told.max_dpd[repeat])
        pd.append(truth["true_pd"].to_numpy()[repeat])
    assert expected_auc(np.concatenate(score).astype(float), np.concatenate(pd)) > 0.65
