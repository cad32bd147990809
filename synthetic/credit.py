"""Applications, and the lenders of the past who decided on them.

    seen = register buffer + insight · (what the lender's own data show) + error
    approved  <=>  seen > cutoff of the lender

so the labels that anyone sees are those of the firms that some lender liked.
"""

from dataclasses import dataclass

import numpy as np

from synthetic.arrays import Float, Int
from synthetic.cash import Purse
from synthetic.population import Population, choose
from synthetic.streams import Bucket

INSIGHT = (0.55, 0.25, 0.50, 0.55)
"""Share of the gap between true and register buffer that a lender's own data show; assumed."""


OLD = 60
"""Owner age from which help with the application is usual; R016, R017."""

EVER_LATE = 0.55
"""Share of repeat borrowers who have paid an instalment late at all; assumed."""


@dataclass(frozen=True)
class Applications:
    """Requests and decisions; arrays of shape (n_firms,).

    `disbursed` is a world day, also for refused firms: the day on which it would have been.
    """

    amount_cny: Float
    term: Int
    purpose: Int
    lender: Int
    channel: Int
    consent_lag: Int
    approved: Int
    disbursed: Int


@dataclass(frozen=True)
class History:
    """Credit history of repeat borrowers; arrays of shape (n_firms,)."""

    first_loan_days: Int
    loans: Int
    max_dpd: Int
    lenders: Int


def applications(firms: Population, own: Purse, cash: Float, at: Bucket) -> Applications:
    """Ask for money, and decide.

    Parameters
    ----------
    cash : ndarray of shape (n_firms,)
        Months of turnover at the application.
    """
    p = at.config.credit
    n = len(firms)
    rng = at.stream("credit.request")
    median = np.median(at.config.population.sales_median_cny[:1])
    wish = p.amount_median_cny * (firms.sales_cny / median / 1.6) ** p.amount_elasticity
    amount = np.maximum(wish * np.exp(p.amount_sd * rng.standard_normal(n)), 3_000)
    purpose = choose(list(p.purposes), rng.random(n))
    term = np.array([3, 6, 12])[choose(list(p.terms), rng.random(n))]
    alone = p.online_channel + 0.12 * (firms.digital > 0) - 0.12 * (firms.digital <= 0)
    online = rng.random(n) < np.clip(alone, 0, 1)
    helped = rng.random(n) < np.where(firms.owner_age >= OLD, 0.6, 0.25)
    late_consent = rng.random(n) < p.late_consent
    lag = np.where(late_consent, -rng.integers(1, 20, n), rng.integers(0, 3, n))
    lender = choose(list(p.lender_weights), at.stream("credit.lender").random(n))
    wait = at.stream("credit.payout").poisson(p.disbursal_days, n)
    return Applications(
        amount_cny=np.round(amount, -3),
        term=term,
        purpose=purpose,
        lender=lender,
        channel=np.where(online, 0, np.where(helped, 2, 1)),
        consent_lag=lag,
        approved=_approved(firms, own, cash, lender, at),
        disbursed=firms.applied + wait,
    )


def _approved(
    firms: Population, own: Purse, cash: Float, lender: Int, at: Bucket,
) -> Int:  # fmt: skip
    p = at.config.credit
    error = at.stream("credit.policy").standard_normal(len(firms))
    gap = 0.5 * (own.usual + cash) - own.visible
    seen = own.visible + np.take(INSIGHT, lender) * gap + np.take(p.policy_noise, lender) * error
    first, repeat = (
        np.take(p.policy_cutoffs_first, lender),
        np.take(p.policy_cutoffs_repeat, lender),
    )
    return np.asarray(seen > np.where(firms.first_time, first, repeat))


def history(firms: Population, own: Purse, at: Bucket) -> History:
    """Past loans of repeat borrowers: a thin usual buffer has been late before.

    dpd = max(0, late · exp(noise) - grace)
    """
    rng = at.stream("credit.history")
    n = len(firms)
    since = np.clip(rng.gamma(2.0, 420.0, n), 200, 365.25 * 0.9 * np.maximum(firms.age_years, 0.7))
    loans = 1 + rng.poisson(since / 365.25 * 1.2)
    strain = np.exp(1.1 * rng.standard_normal(n) - 1.3 * own.usual)
    dpd = np.where(rng.random(n) < EVER_LATE, np.clip(18 * strain - 4, 0, 85), 0)
    return History(
        first_loan_days=since.astype(np.int64),
        loans=loans,
        max_dpd=dpd.astype(np.int64),
        lenders=1 + rng.binomial(np.minimum(loans - 1, 5), 0.35),
    )
