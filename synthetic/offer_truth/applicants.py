"""Applicants of a bucket as their offers find them, replayed from the world's seed and settings.

No signals are drawn and nothing is read.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from features.arrays import Array, FloatArray
from features.contract.tables import BUCKET_FIRMS, PLANS, PURPOSES
from synthetic.backdrop import Backdrop
from synthetic.book.acceptance import acceptance_luck
from synthetic.book.line_draws import LineDraws, line_draws
from synthetic.book.recovery import Security, security
from synthetic.firm.cash import State
from synthetic.firm.fraud import BadActors
from synthetic.firm.population import Population
from synthetic.firm.select import select
from synthetic.loan.lending import applications, requested_offers
from synthetic.loan.offer import Offers
from synthetic.streams import Bucket
from synthetic.world import simulate_applicants


@dataclass(frozen=True)
class Applicants:
    """Firms to which offers are made, one row an offer.

    Attributes
    ----------
    own : Offers
        What each firm asked for.
    acceptance_luck : ndarray of float
    draws : LineDraws
        When each firm draws on a line, if it has one.
    disbursed : ndarray of int, days since 1970-01-01
    """

    firms: Population
    bad: BadActors
    state: State
    closed: Array
    own: Offers
    behind: Security
    acceptance_luck: FloatArray
    draws: LineDraws
    disbursed: Array


def replay(world: Backdrop, n: int, bucket: Bucket) -> Applicants:
    """Replay the applicants of one bucket of a world of `n` firms."""
    size = min(BUCKET_FIRMS, n - bucket.number * BUCKET_FIRMS)
    history = simulate_applicants(size, world, bucket)
    firms, bad, state, closed = history.firms, history.bad, history.state, history.closure.closed
    request = applications(firms, state, bad, closed, bucket)
    return Applicants(
        firms=firms,
        bad=bad,
        state=state,
        closed=closed,
        own=requested_offers(firms, request, bucket),
        behind=security(firms, request, bucket),
        acceptance_luck=acceptance_luck(len(firms), bucket),
        draws=line_draws(len(firms), bucket),
        disbursed=request.disbursed + world.calendar.epoch_offset,
    )


def offers_made(asked: pl.DataFrame, people: Applicants) -> Offers:
    """The offers of a bucket; need and luck stay the firm's own.

    Parameters
    ----------
    people : Applicants
        One row an offer.
    """
    own = people.own
    return Offers(
        months=asked["amount_cny"].to_numpy() / (people.firms.sales_cny / 12),
        rate=asked["rate_pct"].to_numpy() / 100,
        term=asked["term_months"].to_numpy().astype(np.int64),
        plan=np.array([PLANS.index(plan) for plan in asked["plan"]], np.int64),
        purpose=np.array([PURPOSES.index(purpose) for purpose in asked["purpose"]], np.int64),
        need_months=own.need_months,
        need_purpose=own.need_purpose,
        return_luck=own.return_luck,
        trade=own.trade,
        first_week=own.first_week,
    )


def people_of(asked: pl.DataFrame, applicants: Applicants) -> Applicants:
    """The applicant of each offer."""
    return select(applicants, asked["firm"].to_numpy())
