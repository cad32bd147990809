"""Applications and lending decisions.

    seen     = register buffer + insight · (what the lender's own data show) + village + error
    approved <=>  seen > cutoff - guarantee, and neither arrears, closure nor fraud was seen

so the labels that anyone sees are those of the firms that some lender liked. Weak firms know that
they are weak and turn to small-loan companies; a guarantor stands in for what is missing.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from features.contract.tables import PURPOSES
from synthetic.firm.cash import CashBuffer, State
from synthetic.firm.fraud import BadActors
from synthetic.firm.health import first_week
from synthetic.firm.horizon import HISTORY, PAST_MONTH_ENDS
from synthetic.firm.population import Population, choose
from synthetic.firm.season import months_of_weeks, season_index
from synthetic.loan.offer import Offers
from synthetic.setting.places import RURAL
from synthetic.streams import Bucket, Rng

RAW, CASH_GAP = PURPOSES.index("raw_material"), PURPOSES.index("cash_gap")
"""Purposes that the season ahead and a cash shortfall make likely (R040)."""


@dataclass(frozen=True)
class Applications:
    """Requests and decisions; arrays of shape (n_firms,).

    `disbursed` is a world day, also for refused firms: the day on which it would have been.
    `rate_pct` is the yearly rate that the lender asks or would ask.
    """

    amount_cny: FloatArray
    term: Array
    purpose: Array
    plan: Array
    lender: Array
    channel: Array
    consent_lag: Array
    approved: Array
    guaranteed: Array
    rate_pct: FloatArray
    disbursed: Array


def applications(
    firms: Population, state: State, bad: BadActors, closed: Array, bucket: Bucket
) -> Applications:
    """Draw loan applications and the lender's decisions.

    Parameters
    ----------
    closed : ndarray of bool, shape (n_firms,)
        Whether the firm is closed when it applies.
    """
    p = bucket.config.credit
    n = len(firms)
    buffer = state.cash_buffer
    lender = _lender(firms, buffer, bucket)
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
    approved, guaranteed, margin = _decision(firms, state, lender, bucket)
    approved &= ~_refused_on_sight(firms, state, bad, closed, bucket)
    purpose = _purpose(firms, state, bucket)
    spread = p.rate_slope * np.clip(-margin, *p.margin_limits)
    return Applications(
        amount_cny=_amount(firms, state, lender, purpose, bucket),
        term=_term(purpose, bucket),
        purpose=purpose,
        plan=choose(list(p.plan_weights), bucket.stream("credit.plan").random(n)),
        lender=lender,
        channel=np.where(online, 0, np.where(helped, 2, 1)),
        consent_lag=lag,
        approved=approved,
        guaranteed=guaranteed & approved,
        rate_pct=np.round(np.maximum(np.take(p.rate_pct, lender) + spread, p.least_rate_pct), 2),
        disbursed=firms.applied + bucket.stream("credit.payout").poisson(p.disbursal_days, n),
    )


def _lender(firms: Population, buffer: CashBuffer, bucket: Bucket) -> Array:
    """Type of lender: firms short of cash, and larger ones, turn to small-loan companies.

    weight = base · exp(tilt · (usual buffer - mean)) · (sales / 1 million)^elasticity
    """
    p = bucket.config.credit
    thin = buffer.usual - bucket.config.cash.buffer_mean
    size = np.log(firms.sales_cny / 1e6)
    tilt = np.multiply.outer(thin, p.lender_tilt) + np.multiply.outer(size, p.lender_sales)
    weights = np.array(p.lender_weights) * np.exp(tilt)
    return pick(weights, bucket.stream("credit.lender"))


def requested_offers(firms: Population, request: Applications, bucket: Bucket) -> Offers:
    """Requested loans as offers; the firm's need is what it asks for."""
    months = request.amount_cny / (firms.sales_cny / 12)
    return Offers(
        months=months,
        rate=request.rate_pct / 100,
        term=request.term,
        plan=request.plan,
        purpose=request.purpose,
        need_months=months,
        need_purpose=request.purpose,
        return_luck=bucket.stream("loan.return").standard_normal(len(firms)),
        trade=firms.trade,
        first_week=first_week(firms, bucket.config),
    )


def _purpose(firms: Population, state: State, bucket: Bucket) -> Array:
    """Loan purpose; a cash shortfall makes `cash_gap` likely, a busy season ahead raw material."""
    p = bucket.config.credit
    weights = np.tile(p.purpose_weights, (len(firms), 1))
    missing = state.cash_buffer.usual - state.cash[:, HISTORY]
    weights[:, CASH_GAP] *= np.exp(p.gap_fall * np.clip(missing, *p.gap_limits))
    weights[:, RAW] *= np.exp(p.season_ahead * _season_ahead(firms, bucket))
    return pick(weights, bucket.stream("credit.purpose"))


def _season_ahead(firms: Population, bucket: Bucket) -> FloatArray:
    """Log of the trade's season in the next months against the present one, shape (n_firms,)."""
    config = bucket.config
    now = first_week(firms, config) + HISTORY
    month = months_of_weeks(config)
    ahead = now[:, None] + np.arange(1, config.credit.season_weeks + 1)
    index = season_index(config)
    following = index[firms.trade[:, None], month[ahead]].mean(axis=1)
    return np.asarray(np.log(following / index[firms.trade, month[now]]))


def _term(purpose: Array, bucket: Bucket) -> Array:
    """Months of the loan; terms go with purposes."""
    p = bucket.config.credit
    weights = np.array(p.terms)[purpose]
    return np.array(p.term_months)[pick(weights, bucket.stream("credit.term"))]


def pick(weights: FloatArray, rng: Rng) -> Array:
    """Draw one column of each row of `weights` (n, k)."""
    edges = np.cumsum(weights, axis=1)
    drawn = rng.random((len(weights), 1)) * edges[:, -1:]
    return np.asarray((drawn >= edges).sum(axis=1))


def _amount(
    firms: Population, state: State, lender: Array, purpose: Array, bucket: Bucket
) -> FloatArray:
    """CNY asked for: scale of lender and purpose · (sales / 1 million)^elasticity · need · luck.

    No product lends more than its cap (R080, R139).
    """
    p = bucket.config.credit
    scale = p.amount_scale_cny * np.take(p.amount_by_lender, lender)
    scale *= np.take(p.amount_by_purpose, purpose)
    wish = scale * (firms.sales_cny / 1e6) ** p.amount_elasticity
    missing = np.clip(state.cash_buffer.usual - state.cash[:, HISTORY], *p.gap_limits)
    luck = bucket.stream("credit.amount").standard_normal(len(firms))
    wish *= np.exp(p.amount_sd * luck + p.amount_gap * missing)
    return np.asarray(np.round(np.clip(wish, p.least_amount_cny, np.take(p.caps_cny, lender)), -3))


def _decision(
    firms: Population, state: State, lender: Array, bucket: Bucket
) -> tuple[Array, Array, FloatArray]:
    """Approved, thanks to a guarantee, and how far the lender's view lies above its cutoff."""
    p = bucket.config.credit
    buffer, cash = state.cash_buffer, state.cash[:, HISTORY]
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


def _refused_on_sight(
    firms: Population, state: State, bad: BadActors, closed: Array, bucket: Bucket
) -> Array:
    """Firms whose recent arrears, closure or fraud the lender sees, shape (n_firms,)."""
    p = bucket.config.credit
    rng = bucket.stream("credit.checks")
    recent = state.cash[:, PAST_MONTH_ENDS[: p.arrears_months + 1]]
    arrears = (recent < 0).any(axis=1)
    share = np.where(firms.first_time, p.arrears_seen_first, p.arrears_seen_repeat)
    caught = np.select((bad.shell, bad.inflator, bad.brusher), p.fraud_seen, 0.0)
    return np.asarray(
        (arrears & (rng.random(len(firms)) < share))
        | (closed & (rng.random(len(firms)) < p.closure_seen))
        | (rng.random(len(firms)) < caught)
    )
