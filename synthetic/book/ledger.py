"""Ledger of the loans that were taken: every draw, instalment, payment and recovery with its day.

An instalment is paid some days late when cash runs low, and after the next month-end at which cash
suffices when there was none; what stays unpaid for 90 days is a default, on which the whole balance
falls due. A year later what is still owed is written off.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.book.amortisation import amortisation, to_fen
from synthetic.book.line_draws import DUE_DAYS, LineDraws
from synthetic.book.recovery import Recovered
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import (
    DAYS_A_MONTH,
    DAYS_PAST_DUE,
    LONGEST_TERM,
    MONTH_ENDS,
    SHORT_IN_A_ROW,
)
from synthetic.loan.offer import Offers
from synthetic.loan.outcome import due_day
from synthetic.loan.repayment import LINE, MONTH
from synthetic.streams import Bucket

NEVER = np.iinfo(np.int64).max // 4
"""Day of what does not happen."""

BORROWER, GUARANTOR, PLEDGE = range(3)
"""Who pays a recovery, codes of `RECOVERY_KINDS`."""


@dataclass(frozen=True)
class Entries:
    """Entries of one kind; arrays of shape (n_loans, k), amounts of fen.

    `day` counts from disbursement; entries without an amount do not exist.
    """

    day: Array
    fen: Array


@dataclass(frozen=True)
class Ledger:
    """All entries of loans.

    Attributes
    ----------
    drawn, due, principal, interest, recovered, written_off : Entries
        `principal` and `interest` are what is paid.
    due_day, paid_day : ndarray of shape (n_loans, LONGEST_TERM)
        Days of the instalments, `NEVER` beyond the term or if never paid.
    default_day, closed_day : ndarray of shape (n_loans,)
        Day of default, `NEVER` if there is none, and the day with which the loan ends.
    kind : ndarray of shape (n_recoveries,)
        Who pays each column of `recovered`.
    """

    drawn: Entries
    due: Entries
    principal: Entries
    interest: Entries
    recovered: Entries
    written_off: Entries
    due_day: Array
    paid_day: Array
    default_day: Array
    closed_day: Array
    kind: Array


@dataclass(frozen=True)
class Loans:
    """Loans that were taken; one row a loan.

    Attributes
    ----------
    offers : Offers
    amount_cny : ndarray of shape (n_loans,)
    missed : ndarray of shape (n_loans,)
        First instalment that is never paid, 0 where all are.
    cash : ndarray of shape (n_loans, n_month_ends)
        Months of turnover with the loan.
    draws : LineDraws
    recovered : Recovered
    late_luck, forgotten : ndarray of shape (n_loans, n_month_ends)
        How many days late a payment is for low cash, against the mean, and for no reason of cash.
    sale_luck : ndarray of shape (n_loans,), uniform: when a pledge is sold
    """

    offers: Offers
    amount_cny: FloatArray
    missed: Array
    cash: FloatArray
    draws: LineDraws
    recovered: Recovered
    late_luck: FloatArray
    forgotten: FloatArray
    sale_luck: FloatArray


def payment_luck(n: int, bucket: Bucket) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Draw `late_luck`, `forgotten` and `sale_luck` of each firm's loan."""
    p, shape = bucket.config.arrears, (n, len(MONTH_ENDS))
    rng = bucket.stream("book.payment")
    luck = rng.gamma(p.luck_shape, 1 / p.luck_shape, shape)
    forgets = rng.random(shape) < p.forgotten_share
    forgotten = np.where(forgets, rng.exponential(p.forgotten_days, shape), 0.0)
    return luck, forgotten, bucket.stream("book.pledge_sale").random(n)


def ledger(loans: Loans, config: WorldConfig) -> Ledger:
    """Write the ledger of loans."""
    offers = loans.offers
    line = offers.plan == LINE
    share = np.where(line[:, None], loans.draws.drawn_share, 1.0)
    plan = amortisation(offers, loans.amount_cny, config, drawn=share)
    running = offers.term[:, None] >= MONTH
    missed = np.where(loans.missed > 0, loans.missed, LONGEST_TERM + 1)[:, None]
    falls = np.where(running, DUE_DAYS[1:], NEVER)
    paid_day = np.where(running & (missed > MONTH), _paid_days(loans, config), NEVER)
    default_day = np.where(loans.missed > 0, due_day(loans.missed) + DAYS_PAST_DUE, NEVER)
    paid = paid_day < NEVER
    drawn, repaid = _movements(loans)
    at_term = offers.term[:, None] == MONTH
    # of a line only what is drawn at the end falls due then
    left = loans.draws.drawn_on(DUE_DAYS[offers.term])
    principal = np.where(line[:, None], at_term * (left * to_fen(loans.amount_cny))[:, None],
                         plan.principal)  # fmt: skip
    instalment = np.where(falls < default_day[:, None], principal + plan.interest, 0)
    owed = np.where(loans.missed > 0, plan.owed[np.arange(len(line)), loans.missed - 1], 0)
    asked = np.where((falls < default_day[:, None]) & ~paid, principal, 0).sum(axis=1)
    recovered, kind = _recoveries(loans, owed, default_day, config)
    write_off_day = np.where(loans.missed > 0, default_day + config.book.write_off_days, NEVER)
    before = recovered.day <= write_off_day[:, None]
    rest = owed - np.where(before, recovered.fen, 0).sum(axis=1)
    return Ledger(
        drawn=drawn,
        due=_together(Entries(falls, instalment), _one(default_day, owed - asked)),
        principal=_together(Entries(paid_day, np.where(paid, principal, 0)), repaid),
        interest=Entries(paid_day, np.where(paid, plan.interest, 0)),
        recovered=recovered,
        written_off=_one(write_off_day, np.where(loans.missed > 0, rest, 0)),
        due_day=falls,
        paid_day=paid_day,
        default_day=default_day,
        closed_day=np.where(
            loans.missed > 0, write_off_day, np.where(paid, paid_day, 0).max(axis=1)
        ),
        kind=kind,
    )


def _paid_days(loans: Loans, config: WorldConfig) -> Array:
    """Day after disbursement on which each instalment is paid, if it ever is.

    At the first month-end from its own on at which cash suffices, and a little later if it hardly
    does; the oldest instalment first.
    """
    p = config.arrears
    late = p.days_per_month * np.maximum(p.late_below_months - loans.cash, 0) * loans.late_luck
    days = due_day(np.arange(1, len(MONTH_ENDS) + 1)) + np.floor(late + loans.forgotten)
    days = np.where(loans.cash < 0, NEVER, days)
    last = LONGEST_TERM
    soonest = [days[:, k : k + last] for k in range(SHORT_IN_A_ROW)]
    paid = soonest[-1]
    for sooner in reversed(soonest[:-1]):
        paid = np.where(sooner < NEVER, sooner, paid)
    paid = np.minimum(paid, DUE_DAYS[1:] + p.most_late_days)
    return np.asarray(np.maximum.accumulate(paid, axis=1), np.int64)


def _movements(loans: Loans) -> tuple[Entries, Entries]:
    """What is drawn, and what of a line is repaid before its term.

    A line that will default is drawn in full and stays so from the last instalment that is paid.
    """
    offers, draws = loans.offers, loans.draws
    amount = to_fen(loans.amount_cny)
    line = offers.plan == LINE
    end = np.where(loans.missed > 0, DUE_DAYS[loans.missed - 1], DUE_DAYS[offers.term])
    turns = np.where(line[:, None] & (draws.turns <= end[:, None]), draws.turns, NEVER)
    moved = np.where(turns < NEVER, amount[:, None], 0)
    at_once = np.where(line & ~draws.drawn_first, 0, amount)
    in_need = line & (loans.missed > 0) & ~draws.drawn_on(end)
    drawn = _together(
        _one(np.zeros_like(amount), at_once),
        Entries(turns, np.where(draws.begins, moved, 0)),
        _one(end, np.where(in_need, amount, 0)),
    )
    return drawn, Entries(turns, np.where(draws.begins, 0, moved))


def _recoveries(
    loans: Loans, owed: Array, default_day: Array, config: WorldConfig
) -> tuple[Entries, Array]:
    """Recoveries after default, and who pays each: guarantor, pledge, then the borrower."""
    p, shares = config.book, loans.recovered
    parts = p.recovery_payments
    weight = np.arange(parts, 0, -1) / np.arange(parts + 1).sum()
    borrower = np.floor((owed * shares.borrower)[:, None] * weight).astype(np.int64)
    steps = np.round(np.arange(1, parts + 1) / parts * p.recovery_months * DAYS_A_MONTH).astype(
        np.int64
    )
    sale = default_day + np.round(p.pledge_days * (0.5 + loans.sale_luck)).astype(np.int64)
    recovered = _together(
        _one(default_day + p.guarantor_days, np.floor(owed * shares.guarantor).astype(np.int64)),
        _one(sale, np.floor(owed * shares.pledge).astype(np.int64)),
        Entries(default_day[:, None] + steps, borrower),
    )
    return recovered, np.array([GUARANTOR, PLEDGE, *[BORROWER] * parts])


def _one(day: Array, fen: Array) -> Entries:
    return Entries(day[:, None], fen[:, None])


def _together(*entries: Entries) -> Entries:
    return Entries(
        np.hstack([each.day for each in entries]), np.hstack([each.fen for each in entries])
    )
