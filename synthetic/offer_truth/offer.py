"""Truth of offers from the application on: default, loss, income, acceptance, borrower's gain."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from features.arrays import Array, FloatArray
from synthetic.backdrop import Backdrop
from synthetic.book.acceptance import accept_probability, accepts
from synthetic.book.amortisation import amortisation
from synthetic.book.value import (
    Value,
    expected_money,
    month_law,
    realised_money,
    recoveries_of,
    value_by_month,
)
from synthetic.firm.horizon import LABEL_MONTHS, MONTH_ENDS, SHORT_IN_A_ROW
from synthetic.firm.select import select
from synthetic.loan.cash_law import CashLaw, cash_law
from synthetic.loan.offer import Offers, with_amount
from synthetic.loan.offer_cash import OfferCash, offer_cash
from synthetic.loan.outcome import first_missed, month_of_default, within_the_label
from synthetic.loan.repayment import LINE, TAKINGS
from synthetic.loan.true_pd import default_by_month, default_probability, with_certain_default
from synthetic.offer_truth.applicants import Applicants, offers_made, people_of, replay
from synthetic.streams import Bucket, Rng

FLAGS = ("accepted", "defaulted")
PROBABILITIES = ("accept_probability", "pd_12m", "pd_12m_world", "pd_life")
MONEY = (
    "expected_loss_cny",
    "expected_loss_world_cny",
    "expected_income_cny",
    "expected_income_world_cny",
    "borrower_gain_cny",
    "realised_loss_cny",
    "realised_income_cny",
    "realised_gain_cny",
)
ANSWERS: Mapping[str, type[pl.DataType]] = dict.fromkeys((*PROBABILITIES, *MONEY), pl.Float64) | (
    dict.fromkeys(FLAGS, pl.Boolean)
)
"""Columns of an answer besides `application_id`."""

SHORT_TERM = 12
"""Months of a term up to which the shorter horizon will do."""

SHORT_HORIZON = SHORT_TERM + SHORT_IN_A_ROW - 1
"""Month-ends that decide a loan of that term."""


def bucket_truth(world: Backdrop, n: int, asked: pl.DataFrame) -> dict[str, Array]:
    """Truth of the offers of one bucket of a world of `n` firms, by column of `ANSWERS`."""
    bucket = Bucket(world.seed, int(asked["bucket"][0]), world.config)
    people = people_of(asked, replay(world, n, bucket))
    offers, amount = offers_made(asked, people), asked["amount_cny"].to_numpy()
    columns = {name: np.zeros(len(offers)) for name in (*PROBABILITIES, *MONEY)}
    columns |= {name: np.zeros(len(offers), np.bool_) for name in FLAGS}
    takings, long = offers.plan == TAKINGS, offers.term > SHORT_TERM
    for kind in (takings, ~takings & long, ~takings & ~long):
        rows = np.flatnonzero(kind)
        if len(rows):
            some = select(people, rows), select(offers, rows)
            for name, values in _truth(*some, amount[rows], bucket).items():
                columns[name][rows] = values
    return columns


def _truth(
    people: Applicants, offers: Offers, amount_cny: FloatArray, bucket: Bucket
) -> dict[str, FloatArray | Array]:
    """Every answer but the id; the offers share one horizon, and repay all by takings or none."""
    config, bad, closed, state = bucket.config, people.bad, people.closed, people.state
    effect = offer_cash(offers, config)
    nothing = with_amount(offers, np.zeros(len(offers)))
    without = offer_cash(nothing, config)
    turnover = people.firms.sales_cny / 12
    value, own = (
        value_by_month(
            amortisation(offers, amount_cny, config, drawn=drawn), effect, without, turnover
        )
        for drawn in (None, np.where((offers.plan == LINE)[:, None], people.draws.drawn_share, 1.0))
    )
    chance = np.where(offers.months > 0, accept_probability(100 * offers.rate, state, config), 0.0)
    recovered = recoveries_of(people.behind, bad, closed, config)
    month = first_missed(month_of_default(state, offers, effect, config), offers, bad, closed)
    idle = first_missed(month_of_default(state, nothing, without, config), offers, bad, closed)
    lucky = effect.uncertain.sum(axis=1) * offers.return_luck
    realised = realised_money(own, month, recovered, lucky * turnover)
    ruin = config.book.closure_cost_months * turnover
    expected, world = (
        _expected(people, offers, (effect, without), value, bucket, world=given)
        for given in (False, True)
    )
    return {
        "accept_probability": chance,
        "pd_12m": expected["pd_12m"],
        "pd_12m_world": world["pd_12m"],
        "pd_life": expected["pd_life"],
        "expected_loss_cny": expected["loss"],
        "expected_loss_world_cny": world["loss"],
        "expected_income_cny": expected["income"],
        "expected_income_world_cny": world["income"],
        "borrower_gain_cny": expected["cash"] - ruin * expected["ruined"],
        "realised_loss_cny": realised["loss"],
        "realised_income_cny": realised["income"],
        "realised_gain_cny": realised["cash"] - ruin * ((month > 0) * 1.0 - (idle > 0)),
        "accepted": accepts(chance, people.acceptance_luck),
        "defaulted": within_the_label(month),
    }


def _expected(
    people: Applicants,
    offers: Offers,
    effects: tuple[OfferCash, OfferCash],
    value: Value,
    bucket: Bucket,
    *,
    world: bool,
) -> dict[str, FloatArray]:
    """PDs and expected money over all futures, or over those of this world's common path."""
    config, bad, closed = bucket.config, people.bad, people.closed
    effect, without = effects
    by_takings = bool((offers.plan == TAKINGS).any())
    months = len(MONTH_ENDS) if offers.term.max() > SHORT_TERM else SHORT_HORIZON

    def law(takings: OfferCash | None) -> CashLaw:
        return cash_law(
            people.firms, people.state, config, world=world, months=months, effect=takings
        )

    def rng() -> Rng:
        return bucket.stream("offer_truth")

    if world:
        by_month, idle = default_by_month(
            law(effect if by_takings else None), effect, None, config, rng()
        )
    elif by_takings:
        by_month, _ = default_by_month(law(effect), effect, None, config, rng())
        idle = default_probability(law(None), [without], config, rng())[:, 0]
    else:
        by_month, idle = default_by_month(law(None), effect, without, config, rng())
    of_month = month_law(by_month, offers, bad, closed, config)
    money = expected_money(value, of_month, people.behind, closed, config)
    honest = np.where(closed, 0.0, 1 - bad.intent)
    certain = with_certain_default(by_month, bad, closed)
    return money | {
        "pd_12m": certain[:, LABEL_MONTHS - SHORT_IN_A_ROW],
        "pd_life": certain[:, -1],
        "ruined": honest * (by_month[:, -1] - idle),
    }
