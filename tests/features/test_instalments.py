"""Instalments by plan: what falls due repays amount and interest, and no month too many."""

import numpy as np
import pytest

from features.contract.tables import PLANS
from features.instalments import BULLET, LABEL_MONTHS, instalments, mean_instalment


def due(plan, *, amount=120_000.0, rate=6.0, term=12.0, months=24, season=None):
    return instalments(
        np.array([amount]), np.array([rate]), np.array([term]), np.array([plan]), months=months,
        season=season,
    )[0]  # fmt: skip


@pytest.mark.parametrize("plan", [*PLANS, None])
@pytest.mark.parametrize("term", [1.0, 3.0, 12.0, 24.0])
def test_what_falls_due_repays_amount_and_interest(plan, term):
    left = 120_000.0
    for paid in due(plan, term=term):
        left = left * 1.005 - paid if left > 1e-6 else left
    assert left == pytest.approx(0.0, abs=1e-6)
    assert (due(plan, term=term)[int(term) :] == 0).all()


def test_an_annuity_is_that_of_the_textbook():
    # 120,000 at 6 % over 12 months
    assert due("equal")[:12] == pytest.approx([10_327.97] * 12, abs=0.01)
    assert due("equal", rate=0.0)[:12] == pytest.approx([10_000.0] * 12)


@pytest.mark.parametrize("plan", BULLET)
def test_a_bullet_falls_due_in_the_last_month(plan):
    assert due(plan)[:12] == pytest.approx([600.0] * 11 + [120_600.0])


def test_a_season_beyond_the_months_looked_at_keeps_its_share():
    short = due("seasonal", months=9)
    assert short == pytest.approx(due("seasonal", months=24)[:9])


def test_the_mean_is_over_the_months_of_the_label():
    mean = mean_instalment(
        np.array([120_000.0, 120_000.0, np.nan, 1.0]), np.full(4, 6.0),
        np.array([12.0, 3.0, 12.0, np.nan]), np.array(["equal"] * 4),
    )  # fmt: skip
    assert LABEL_MONTHS == 9
    assert mean[0] == pytest.approx(10_327.97, abs=0.01)
    assert mean[1] == pytest.approx(due("equal", term=3.0)[:3].sum() / 9)
    assert np.isnan(mean[2:]).all()
