"""The book of a bucket: which offers are taken, and what becomes of those loans."""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.book.acceptance import accept_probability, acceptance_luck, accepts
from synthetic.book.ledger import Ledger, Loans, ledger, payment_luck
from synthetic.book.line_draws import line_draws
from synthetic.book.months import LoanMonths, loan_months, month_end, month_number
from synthetic.book.recovery import Recovered, Security, security
from synthetic.book.value import recoveries_of
from synthetic.firm.cash import State
from synthetic.firm.fraud import BadActors
from synthetic.firm.population import Population
from synthetic.firm.select import select
from synthetic.loan.lending import Applications, requested_offers
from synthetic.loan.offer import Offers
from synthetic.loan.offer_cash import OfferCash, offer_cash, with_offer
from synthetic.loan.outcome import Outcome, realised_outcome
from synthetic.setting.calendar import Calendar
from synthetic.streams import Bucket


@dataclass(frozen=True)
class Lending:
    """Requests, what the lender offers, and what becomes of it; one row a firm.

    Attributes
    ----------
    request : Applications
    offers : Offers
        The loans that are offered: what was asked for, at the lender's rate.
    effect : OfferCash
    outcome : Outcome
        Of the loan, whether it is taken or not.
    accept_probability, accepted : ndarray of shape (n_firms,)
        `accepted` also says that the loan was approved.
    behind : Security
    recovered : Recovered
        In this world, if the loan is taken and defaults.
    cash : ndarray of shape (n_firms, n_month_ends)
        Months of turnover with the loan.
    paid_out, observed : ndarray of shape (n_firms,), days since 1970-01-01
        Payout, and the last day on which the loan is observed: the end of a month.
    """

    request: Applications
    offers: Offers
    effect: OfferCash
    outcome: Outcome
    accept_probability: FloatArray
    accepted: Array
    behind: Security
    recovered: Recovered
    cash: FloatArray
    paid_out: Array
    observed: Array


@dataclass(frozen=True)
class Book:
    """Loans of a bucket that were taken.

    Attributes
    ----------
    taken : ndarray of int, shape (n_loans,)
        Firms that took their loan.
    ledger : Ledger
    months : LoanMonths
    """

    taken: Array
    ledger: Ledger
    months: LoanMonths


def lending(
    firms: Population,
    state: State,
    bad: BadActors,
    closed: Array,
    request: Applications,
    *,
    calendar: Calendar,
    bucket: Bucket,
) -> Lending:
    """Offer what was asked for, and see who takes it and how it ends."""
    config = bucket.config
    offers = requested_offers(firms, request, bucket)
    effect = offer_cash(offers, config)
    probability = accept_probability(request.rate_pct, state, config)
    luck = acceptance_luck(len(firms), bucket)
    behind = security(firms, request, bucket)
    paid_out = request.disbursed + calendar.epoch_offset
    return Lending(
        request=request,
        offers=offers,
        effect=effect,
        outcome=realised_outcome(state, bad, closed, offers, effect, config=config),
        accept_probability=probability,
        accepted=request.approved & accepts(probability, luck),
        behind=behind,
        recovered=recoveries_of(behind, bad, closed, config),
        cash=with_offer(state.cash, state.health.total, offers, effect, config),
        paid_out=paid_out,
        observed=month_end(month_number(paid_out + config.calendar.outcome_days)),
    )


def loan_book(lent: Lending, bucket: Bucket) -> Book:
    """Live through the loans that were taken."""
    n = len(lent.accepted)
    taken = np.flatnonzero(lent.accepted)
    late_luck, forgotten, sale_luck = payment_luck(n, bucket)
    loans = Loans(
        offers=lent.offers,
        amount_cny=lent.request.amount_cny,
        missed=lent.outcome.month,
        cash=lent.cash,
        draws=line_draws(n, bucket),
        recovered=lent.recovered,
        late_luck=late_luck,
        forgotten=forgotten,
        sale_luck=sale_luck,
    )
    book = ledger(select(loans, taken), bucket.config)
    months = loan_months(book, lent.paid_out[taken], lent.observed[taken])
    return Book(taken, book, months)


def lender_numbers(lender: Array, bucket: Bucket) -> Array:
    """Number of each firm's lender among those of its type, from 0."""
    luck = bucket.stream("book.lender").random(len(lender))
    return np.asarray(luck * np.take(bucket.config.book.lenders, lender), np.int64)
