"""Arrears and causes of default."""

import numpy as np
import pytest

from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.firm.cash import cash_path, default_month
from synthetic.firm.horizon import LABEL_MONTHS
from synthetic.firm.select import select
from synthetic.loan.lending import applications, requested_offers
from synthetic.loan.offer_cash import offer_cash, with_offer
from synthetic.loan.outcome import CAUSES, realised_outcome
from synthetic.streams import Bucket
from synthetic.world import simulate_applicants

SEEDS = range(60, 66)


def month(short, due=None):
    """Month of default from a text of months, such as `.xxx.`, and due ones, such as `11100`."""
    marks = np.array([[c == "x" for c in short]])
    owed = np.ones_like(marks) if due is None else np.array([[c == "1" for c in due]])
    return int(default_month(marks, owed)[0])


@pytest.mark.parametrize(
    ("short", "due", "expected"),
    [
        (".....", None, 0),
        (".xx.x", None, 0),
        (".xxx.", None, 2),
        ("xxxx.", None, 1),
        ("xxx..", "01111", 0),  # nothing was due when the shortage began, then two months only
        ("xxxx.", "01111", 2),
        (".xxx.", "01000", 2),  # the only instalment stays unpaid for 90 days
        (".xxx.", "00100", 0),
        ("..xxx", "11000", 0),  # the loan had been repaid
    ],
)
def test_arrears_begin_only_while_something_is_due(short, due, expected):
    assert month(short, due) == expected


@pytest.fixture(scope="module")
def config():
    return load_config()


def told(seed, config):
    bucket = Bucket(seed, 0, config)
    history = simulate_applicants(1_000, backdrop(seed, config), bucket)
    closed = history.closure.closed
    request = applications(history.firms, history.state, history.bad, closed, bucket)
    offers = requested_offers(history.firms, request, bucket)
    effect = offer_cash(offers, config)
    outcome = realised_outcome(history.state, history.bad, closed, offers, effect, config=config)
    return history, offers, effect, outcome


def test_each_default_has_a_cause_and_without_it_would_not_be(config):
    found = 0
    for seed in SEEDS:
        history, offers, effect, outcome = told(seed, config)
        assert ((outcome.cause != "") == outcome.defaults).all()
        for part, name in [*CAUSES.items(), ("", "payments")]:
            rows = np.flatnonzero(outcome.cause == name)
            state, asked, own = (select(r, rows) for r in (history.state, offers, effect))
            health = state.health.without(part) if part else state.health
            surprise = state.surprise if part else 0 * state.surprise
            path = cash_path(health, surprise, state.flows, state.cash_buffer, config)
            cash = with_offer(path, health.total, asked, own, config)[:, :LABEL_MONTHS]
            assert (default_month(cash < 0, own.due[:, :LABEL_MONTHS]) == 0).all(), name
            found += len(rows)
        assert (history.bad.absconds == (outcome.cause == "intent")).all()
        assert (outcome.day[outcome.defaults] >= 120).all()
        assert (outcome.day[outcome.defaults] <= 365).all()
    assert found > 50


def test_who_never_meant_to_repay_pays_a_few_instalments_first(config):
    days = np.concatenate(
        [o.day[o.cause == "intent"] for *_, o in (told(seed, config) for seed in SEEDS)]
    )
    assert len(np.unique(days)) > 1
