"""Truth of open loans: what becomes of a loan from a day of its life on, under each action.

The state of that day is the latent one: health, cash and what has been paid so far. All that comes
after is the same with and without the action but for what the action itself does.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from features.arrays import Array, FloatArray
from features.contract.tables import SIX_MONTHS_DAYS
from synthetic.backdrop import Backdrop
from synthetic.book.action import ACTIONS, OpenLoans, cash_after, schedule_after
from synthetic.book.amortisation import amortisation
from synthetic.book.value import expected_money, realised_money, recoveries_of, value_by_month
from synthetic.config.schema import FraudConfig
from synthetic.firm.horizon import (
    DAYS_PAST_DUE,
    FUTURE,
    LONGEST_TERM,
    MONTH_ENDS,
    SHORT_IN_A_ROW,
    WEEK,
)
from synthetic.firm.select import select
from synthetic.loan.cash_law import cash_law
from synthetic.loan.offer import Offers, with_amount
from synthetic.loan.offer_cash import OfferCash, offer_cash, with_offer
from synthetic.loan.outcome import due_day, first_missed, month_of_default
from synthetic.loan.repayment import LINE, TAKINGS
from synthetic.loan.true_pd import default_of_open_loan
from synthetic.offer_truth.applicants import Applicants, offers_made, people_of, replay
from synthetic.offer_truth.offer import SHORT_HORIZON, SHORT_TERM
from synthetic.streams import Bucket

FLAGS = ("open", "defaulted")
PROBABILITIES = ("pd_6m", "pd_6m_world", "pd_life")
MONEY = (
    "expected_loss_cny",
    "expected_loss_world_cny",
    "expected_income_cny",
    "expected_income_world_cny",
    "realised_loss_cny",
    "realised_income_cny",
)
ANSWERS: Mapping[str, type[pl.DataType]] = dict.fromkeys(FLAGS, pl.Boolean) | dict.fromkeys(
    (*PROBABILITIES, *MONEY), pl.Float64
)
"""Columns of an answer besides `application_id`; all but `open` are empty where it is false."""

DUE_DAYS = due_day(np.arange(1, len(MONTH_ENDS) + 1))
"""Days after disbursement of the month-ends."""


def bucket_truth(world: Backdrop, n: int, asked: pl.DataFrame) -> dict[str, Array]:
    """Truth of the open loans of one bucket of a world of `n` firms, by column of `ANSWERS`."""
    bucket = Bucket(world.seed, int(asked["bucket"][0]), world.config)
    people = people_of(asked, replay(world, n, bucket))
    offers, amount = offers_made(asked, people), asked["amount_cny"].to_numpy()
    action = np.array([ACTIONS.index(name) for name in asked["action"]], np.int64)
    day = asked["as_of"].to_physical().to_numpy().astype(np.int64) - people.disbursed
    past = np.searchsorted(DUE_DAYS, day)  # what falls due that day is not yet late
    week = np.maximum(day, 0) // WEEK
    since = np.clip(week, np.append(0, MONTH_ENDS)[past], np.append(MONTH_ENDS, FUTURE)[past] - 1)
    is_open, unpaid_from = _standing(people, offers, day, past, bucket)
    run_off = _run_off(people, offers, day, past, unpaid_from)
    columns = {name: np.full(len(offers), np.nan) for name in (*PROBABILITIES, *MONEY)}
    columns |= {"open": is_open, "defaulted": np.zeros(len(offers), np.bool_)}
    takings, long = offers.plan == TAKINGS, (offers.term > SHORT_TERM) | (past >= SHORT_TERM)
    kind = np.select((takings, long), (2, 1), 0)
    for group in np.unique(np.stack([since, kind])[:, is_open], axis=1).T:
        rows = np.flatnonzero(is_open & (since == group[0]) & (kind == group[1]))
        loans = OpenLoans(
            offers=select(offers, rows),
            amount_cny=amount[rows],
            turnover_cny=people.firms.sales_cny[rows] / 12,
            action=action[rows],
            unpaid_from=unpaid_from[rows],
            run_off=run_off[rows],
            since=int(group[0]),
            past=int(past[rows[0]]),
        )
        for name, values in _truth(select(people, rows), loans, day[rows], bucket).items():
            columns[name][rows] = values
    return columns


def _standing(
    people: Applicants, offers: Offers, day: Array, past: Array, bucket: Bucket
) -> tuple[Array, Array]:
    """Whether each loan is open on a day, and the month of its oldest unpaid instalment.

    Returns
    -------
    is_open, unpaid_from : ndarray of shape (n_loans,)
        The month after the last that is past where nothing is unpaid.
    """
    effect = offer_cash(offers, bucket.config)
    cash = with_offer(people.state.cash, people.state.health.total, offers, effect, bucket.config)
    rows = np.arange(len(offers))
    run = np.zeros(len(offers), np.int64)
    for back in range(SHORT_IN_A_ROW):
        month_end = past - 1 - back
        run += (run == back) & (month_end >= 0) & (cash[rows, np.maximum(month_end, 0)] < 0)
    never_paid = first_missed(
        np.full(len(offers), LONGEST_TERM + 1), offers, people.bad, people.closed
    )
    unpaid_from = np.minimum(past + 1 - run, np.where(never_paid <= past, never_paid, past + 1))
    month = month_of_default(people.state, offers, effect, bucket.config)
    month = first_missed(month, offers, people.bad, people.closed)
    in_default = (month > 0) & (due_day(month) + DAYS_PAST_DUE <= day)
    runs = (day >= 0) & (unpaid_from <= offers.term) & (offers.months > 0)
    return runs & ~in_default, unpaid_from


def _run_off(
    people: Applicants, offers: Offers, day: Array, past: Array, unpaid_from: Array
) -> Array:
    """Month at whose end the present draw of each line is repaid, `past` where nothing is drawn.

    A firm that does not pay has drawn its limit and keeps it.
    """
    turns = people.draws.turns
    following = np.where(turns > day[:, None], turns, DUE_DAYS[-1]).min(axis=1)
    repaid = np.minimum(np.searchsorted(DUE_DAYS, following) + 1, offers.term)
    late = unpaid_from <= past
    drawn = (offers.plan == LINE) & (people.draws.drawn_on(day) | late)
    return np.where(drawn, np.where(late, offers.term, repaid), past)


def _truth(
    people: Applicants, loans: OpenLoans, day: Array, bucket: Bucket
) -> dict[str, FloatArray | Array]:
    """Answers for loans that are open and equally old; all repay by takings or none does."""
    config, offers = bucket.config, loans.offers
    agreed = offer_cash(offers, config)
    without = offer_cash(with_amount(offers, np.zeros(len(offers))), config)
    mean = amortisation(offers, loans.amount_cny, config)
    drawn = np.where((offers.plan == LINE)[:, None], people.draws.drawn_share, 1.0)
    own = amortisation(offers, loans.amount_cny, config, drawn=drawn)
    effect = cash_after(agreed, mean, loans, config)
    received = np.where(loans.unpaid_from > LONGEST_TERM, 0, loans.unpaid_from)
    at = np.arange(len(offers)), received
    expected, realised = (
        (
            value_by_month(schedule_after(plan, loans), effect, without, loans.turnover_cny),
            value_by_month(plan, agreed, without, loans.turnover_cny).income[at],
        )
        for plan in (mean, own)
    )
    following = _next_due(effect.due)
    in_time = day[:, None] + SIX_MONTHS_DAYS >= DUE_DAYS[:LONGEST_TERM] + DAYS_PAST_DUE
    answer: dict[str, FloatArray | Array] = {}
    for world, name in ((False, ""), (True, "_world")):
        law = _month_law(people, loans, effect, following, bucket, world=world)
        both = law[0] + law[1]
        money = expected_money(expected[0], law, people.behind, people.closed, config)
        answer[f"pd_6m{name}"] = (both[:, 1:] * in_time).sum(axis=1)
        answer[f"expected_loss{name}_cny"] = money["loss"]
        answer[f"expected_income{name}_cny"] = money["income"] - expected[1]
        if not world:
            answer["pd_life"] = 1 - both[:, 0]
    month = month_of_default(people.state, offers, effect, config)
    month = following[at[0], first_missed(month, offers, people.bad, people.closed)]
    recovered = recoveries_of(people.behind, people.bad, people.closed, config)
    money = realised_money(realised[0], month, recovered, np.zeros(len(offers)))
    return answer | {
        "realised_loss_cny": money["loss"],
        "realised_income_cny": money["income"] - realised[1],
        "defaulted": (month > 0) & (due_day(month) + DAYS_PAST_DUE <= day + SIX_MONTHS_DAYS),
    }


def _next_due(due: Array) -> Array:
    """First month from each on in which something falls due, 0 if none, (n, len(due) + 1).

    Column 0 is no month.
    """
    following = np.zeros((len(due), due.shape[1] + 2), np.int64)
    for month in range(due.shape[1], 0, -1):
        following[:, month] = np.where(due[:, month - 1], month, following[:, month + 1])
    return following[:, :-1]


def _month_law(
    people: Applicants,
    loans: OpenLoans,
    effect: OfferCash,
    following: Array,
    bucket: Bucket,
    *,
    world: bool,
) -> tuple[FloatArray, FloatArray]:
    """Law of the month of the first instalment that is never paid, given the day's state.

    Returns
    -------
    honest, absconding : ndarray of shape (n_loans, LONGEST_TERM + 1)
        Joint with meaning to repay and with not meaning to; column 0 is a loan that is repaid.
    """
    offers, n, past = loans.offers, len(loans.offers), loans.past
    by_month = _by_month(people, loans, effect, bucket, world=world)
    begin = past + 1 - min(past, SHORT_IN_A_ROW)
    missed = np.diff(by_month, axis=1, prepend=0.0)[:, : LONGEST_TERM + 1 - begin]
    honest = np.zeros((n, LONGEST_TERM + 1))
    honest[:, begin : begin + missed.shape[1]] = missed
    honest[:, 0] = 1 - missed.sum(axis=1)
    rows = np.arange(n)
    closed = people.closed
    honest[closed] = np.arange(LONGEST_TERM + 1) == following[closed, 1][:, None]
    absconding, intent = _absconding(people, offers, past, following, bucket.config.fraud)
    intent = np.where(closed, 0.0, intent)[rows, None]
    return (1 - intent) * honest, intent * absconding


def _absconding(
    people: Applicants, offers: Offers, past: int, following: Array, p: FraudConfig
) -> tuple[FloatArray, FloatArray]:
    """Law of the month in which a firm that never meant to repay stops, and its probability.

    It pays a few instalments first; what it has paid so far tells, by Bayes' rule.
    """
    bad, rows = people.bad, np.arange(len(offers))
    first, end = p.paid_instalments
    law = np.zeros((len(offers), LONGEST_TERM + 1))
    for paid in range(first, end):
        month = np.minimum(1 + paid, offers.term)
        law[rows, following[rows, month]] += (month > past) / (end - first)
    not_yet = law.sum(axis=1)
    stops = np.minimum(1 + bad.paid, offers.term)
    known = bad.absconds & (stops <= past)
    law = law / np.maximum(not_yet, np.finfo(float).tiny)[:, None]
    law[known] = np.arange(LONGEST_TERM + 1) == following[known, stops[known]][:, None]
    hidden = bad.intent * not_yet / (bad.intent * not_yet + 1 - bad.intent)
    return law, np.where(known, 1.0, hidden)


def _by_month(
    people: Applicants, loans: OpenLoans, effect: OfferCash, bucket: Bucket, *, world: bool
) -> FloatArray:
    """Probability that an honest, open firm has stopped paying by each month from those known."""
    config, offers, past = bucket.config, loans.offers, loans.past
    known = min(past, SHORT_IN_A_ROW)
    cash = with_offer(people.state.cash, people.state.health.total, offers, effect, config)
    short = cash[:, past - known : past] < 0
    by_takings = bool((offers.plan == TAKINGS).any())
    short_terms = not by_takings and offers.term.max() <= SHORT_TERM and past < SHORT_TERM
    months = SHORT_HORIZON if short_terms else len(MONTH_ENDS)
    if past >= months:
        stopped = np.asarray(short.all(axis=1) & effect.due[:, past - known])
        return stopped[:, None].astype(np.float64)
    revealed = np.asarray(effect.uncertain[:, : loans.since].any(axis=1))[:, None]
    luck = np.where(revealed, offers.return_luck[:, None] * effect.uncertain, 0.0)
    told = replace(
        effect, flow=effect.flow + luck, uncertain=np.where(revealed, 0.0, effect.uncertain)
    )
    law = cash_law(
        people.firms,
        people.state,
        config,
        world=world,
        months=months,
        effect=effect if by_takings else None,
        since=loans.since,
    )
    return default_of_open_loan(law, told, short, config, bucket.stream("offer_truth"))
