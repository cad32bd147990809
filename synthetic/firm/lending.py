"""Applications and past lending decisions.

    seen     = register buffer + insight · (what the lender's own data show) + village + error
    approved <=>  seen > cutoff - guarantee

so the labels that anyone sees are those of the firms that some lender liked. Weak firms know that
they are weak and turn to small-loan companies; a guarantor stands in for what is missing.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from synthetic.firm.cash import CashBuffer
from synthetic.firm.population import Population, choose
from synthetic.setting.places import RURAL
from synthetic.streams import Bucket, Rng

CASH_GAP = 3
"""Code of the purpose that a cash shortfall makes likely (R040)."""


@dataclass(frozen=True)
class Applications:
    """Requests and decisions; arrays of shape (n_firms,).

    `disbursed` is a world day, also for refused firms: the day on which it would have been.
    `rate_pct` is the yearly rate that the lender asks or would ask.
    """

    amount_cny: FloatArray
    term: Array
    purpose: Array
    lender: Array
    channel: Array
    consent_lag: Array
    approved: Array
    guaranteed: Array
    rate_pct: FloatArray
    disbursed: Array


@dataclass(frozen=True)
class CreditHistory:
    """Credit history of repeat borrowers; arrays of shape (n_firms,)."""

    first_loan_days: Array
    loans: Array
    max_dpd: Array
    lenders: Array


def applications(
    firms: Population, buffer: CashBuffer, cash: FloatArray, bucket: Bucket
) -> Applications:
    """Draw loan applications and the lender's decisions.

    Parameters
    ----------
    cash : ndarray of shape (n_firms,)
        Months of turnover at the application.
    """
    p = bucket.config.credit
    n = len(firms)
    lender = _lender(buffer, bucket)
    rng = bucket.stream("credit.request")
    alone = np.where(
        (firms.area == RURAL) & (firms.owner_age >= p.old_age), p.online_old, p.online_channel
    )
    online = rng.random(n) < np.clip(alone + p.channel_digital * np.sign(firms.digital), 0, 1)
    helped = rng.random(n) < np.where(firms.owner_age >= p.old_age, p.helped_old, p.helped_young)
    late_consent = rng.random(n) < p.late_consent
    lag = np.where(
        late_consent, -rng.integers(*p.late_consent_days, n), rng.integers(*p.early_consent_days, n)
    )
    approved, guaranteed, margin = _decision(firms, buffer, cash, lender, bucket)
    spread = p.rate_slope * np.clip(-margin, *p.margin_limits)
    return Applications(
        amount_cny=_amount(firms, lender, bucket),
        term=np.array(p.term_months)[choose(list(p.terms), bucket.stream("credit.term").random(n))],
        purpose=_purpose(cash, bucket),
        lender=lender,
        channel=np.where(online, 0, np.where(helped, 2, 1)),
        consent_lag=lag,
        approved=approved,
        guaranteed=guaranteed,
        rate_pct=np.round(np.maximum(np.take(p.rate_pct, lender) + spread, p.least_rate_pct), 2),
        disbursed=firms.applied + bucket.stream("credit.payout").poisson(p.disbursal_days, n),
    )


def _lender(buffer: CashBuffer, bucket: Bucket) -> Array:
    """Type of lender: firms short of cash turn to small-loan companies.

    weight = base · exp(tilt · (usual buffer - mean))
    """
    p = bucket.config.credit
    thin = buffer.usual - bucket.config.cash.buffer_mean
    weights = np.array(p.lender_weights) * np.exp(np.multiply.outer(thin, p.lender_tilt))
    return pick(weights, bucket.stream("credit.lender"))


def _purpose(cash: FloatArray, bucket: Bucket) -> Array:
    """Loan purpose; a cash shortfall makes `cash_gap` likely."""
    p = bucket.config.credit
    weights = np.tile(p.purpose_weights, (len(cash), 1))
    weights[:, CASH_GAP] *= np.exp(
        -p.gap_fall * np.clip(cash - bucket.config.cash.buffer_mean, *p.gap_limits)
    )
    return pick(weights, bucket.stream("credit.purpose"))


def pick(weights: FloatArray, rng: Rng) -> Array:
    """Draw one column of each row of `weights` (n, k)."""
    edges = np.cumsum(weights, axis=1)
    drawn = rng.random((len(weights), 1)) * edges[:, -1:]
    return np.asarray((drawn >= edges).sum(axis=1))


def _amount(firms: Population, lender: Array, bucket: Bucket) -> FloatArray:
    """CNY asked for: scale · (sales / 1 million)^elasticity · lender's scale · lognormal."""
    p = bucket.config.credit
    scale = p.amount_scale_cny * np.take(p.amount_by_lender, lender)
    wish = scale * (firms.sales_cny / 1e6) ** p.amount_elasticity
    noise = np.exp(p.amount_sd * bucket.stream("credit.amount").standard_normal(len(firms)))
    return np.asarray(np.round(np.maximum(wish * noise, p.least_amount_cny), -3))


def _decision(
    firms: Population, buffer: CashBuffer, cash: FloatArray, lender: Array, bucket: Bucket
) -> tuple[Array, Array, FloatArray]:
    """Approved, thanks to a guarantee, and how far the lender's view lies above its cutoff."""
    p = bucket.config.credit
    error = bucket.stream("credit.policy").standard_normal(len(firms))
    gap = 0.5 * (buffer.usual + cash) - buffer.visible
    seen = buffer.visible + np.take(p.policy_insight, lender) * gap
    seen += np.take(p.policy_noise, lender) * error
    seen += p.village_insight * (firms.area == RURAL)
    first = np.take(p.policy_cutoffs_first, lender)
    repeat = np.take(p.policy_cutoffs_repeat, lender)
    margin = seen - np.where(firms.first_time, first, repeat)
    backed = bucket.stream("credit.guarantee").random(len(firms)) < p.guarantor_share
    guaranteed = backed & (margin <= 0) & (margin > -p.guarantee_months)
    return np.asarray((margin > 0) | guaranteed), guaranteed, margin


def credit_history(firms: Population, buffer: CashBuffer, bucket: Bucket) -> CreditHistory:
    """Credit history of repeat borrowers: firms with a thin usual buffer have been late before.

    dpd = max(0, late · exp(noise - fall · usual) - grace)
    """
    p = bucket.config.credit
    rng = bucket.stream("credit.history")
    n = len(firms)
    since = np.clip(
        rng.gamma(p.first_loan_shape, p.first_loan_days, n),
        p.first_loan_least_days,
        365.25 * p.first_loan_age * np.maximum(firms.age_years, p.first_loan_least_age),
    )
    loans = 1 + rng.poisson(since / 365.25 * p.loans_per_year)
    late = np.exp(p.late_sd * rng.standard_normal(n) - p.late_buffer * buffer.usual)
    dpd = np.where(
        rng.random(n) < p.ever_late_share,
        np.clip(p.late_days * late - p.grace_days, 0, p.most_late_days),
        0,
    )
    return CreditHistory(
        first_loan_days=since.astype(np.int64),
        loans=loans,
        max_dpd=dpd.astype(np.int64),
        lenders=1 + rng.binomial(np.minimum(loans - 1, p.most_other_lenders), p.other_lender_share),
    )
