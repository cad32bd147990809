"""What an offer does to a firm's cash.

    flow = + amount - what the purpose takes + its returns - instalments - what an unmet need costs
    D[w+1] = D[w] · (1 - dt / reversion) + flow[w],      cash with the offer = C + D

in months of turnover, into the same leaky cash as everything else. Returns are concave: in full up
to `full_months` of turnover, a part beyond. Raw material is sold on within three months, equipment
and green change pay back over years, marketing is uncertain, and a gap has no return at all.
"""

from dataclasses import dataclass

import numpy as np

from features.arrays import Array, FloatArray
from features.contract.tables import PURPOSES
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import FUTURE, HISTORY, MONTH_ENDS, STEP
from synthetic.firm.select import select
from synthetic.loan.offer import Offers
from synthetic.loan.repayment import (
    LINE,
    due_months,
    instalments,
    spare_limit,
    weekly_takings,
)

RAW, EQUIPMENT, MARKETING, GAP, GREEN = range(len(PURPOSES))

AT_MONTH_END = MONTH_ENDS - 1
"""Weeks whose flow reaches cash by each month's end."""


@dataclass(frozen=True)
class OfferCash:
    """Effect of offers on cash.

    Attributes
    ----------
    flow : ndarray of shape (n_offers, FUTURE)
        Months of turnover by week after the application.
    uncertain : ndarray of shape (n_offers, FUTURE)
        Flow for each standard deviation of `return_luck`.
    takings : ndarray of shape (n_offers, FUTURE)
        Months of turnover that usual takings repay in each week, 0 for other plans.
    end : ndarray of shape (n_offers,)
        Week in which what slow takings have left unpaid falls due.
    spare : ndarray of shape (n_offers, n_month_ends)
        Limit that can still pay an instalment.
    due : ndarray of bool, shape (n_offers, n_month_ends)
    """

    flow: FloatArray
    uncertain: FloatArray
    takings: FloatArray
    end: Array
    spare: FloatArray
    due: Array


def offer_cash(offers: Offers, config: WorldConfig) -> OfferCash:
    """Compute the flows of offers, equation above."""
    lent = np.where(offers.plan == LINE, config.loan.line_drawn, 1.0) * offers.months
    flow, uncertain = _purpose_flows(lent, offers, config)
    flow[:, 0] += lent
    flow += _unmet_need(offers, config)
    due = instalments(offers, config)
    flow[:, AT_MONTH_END[: due.shape[1]]] -= due
    share, end = weekly_takings(offers)
    takings = share[:, None] * (np.arange(FUTURE) < end[:, None])
    flow -= takings
    spare, falls_due = spare_limit(offers, config), due_months(offers)
    return OfferCash(flow, uncertain, takings, end, spare, falls_due)


def leak(config: WorldConfig) -> FloatArray:
    """Response of cash at each month's end to a flow in each week, (n_month_ends, FUTURE)."""
    left = 1 - STEP / config.cash.reversion_months
    lag = AT_MONTH_END[:, None] - np.arange(FUTURE)
    return np.where(lag >= 0, left ** np.maximum(lag, 0), 0.0)


def takings_response(effect: OfferCash, config: WorldConfig) -> FloatArray:
    """Response of cash to health through takings, shape (n_offers, n_month_ends, FUTURE).

    Good weeks repay more at once and leave less for the last week.
    """
    bite = leak(config)
    last = bite[:, effect.end - 1].T[:, :, None]
    return np.asarray(effect.takings[:, None, :] * (last - bite))


def with_offer(
    cash: FloatArray, health: FloatArray, offers: Offers, effect: OfferCash, config: WorldConfig
) -> FloatArray:
    """Realised cash at the month-ends if the firms take the offers, spare limits included.

    Parameters
    ----------
    cash, health : ndarray of shape (n_offers, WEEKS), of the firms without an offer

    Returns
    -------
    ndarray of shape (n_offers, n_month_ends)
    """
    flow = effect.flow + offers.return_luck[:, None] * effect.uncertain
    own = flow @ leak(config).T
    rows = np.flatnonzero(effect.takings.any(axis=1))
    if len(rows):
        future = health[rows, HISTORY : HISTORY + FUTURE]
        own[rows] += np.einsum("nmw,nw->nm", takings_response(select(effect, rows), config), future)
    return np.asarray(cash[:, HISTORY + MONTH_ENDS] + own + effect.spare)


def weekly_with_offer(
    cash: FloatArray, offers: Offers, effect: OfferCash, config: WorldConfig
) -> FloatArray:
    """Realised cash week by week if the firms take the offers, without spare limits.

    Parameters
    ----------
    cash : ndarray of shape (n_offers, WEEKS), of the firms without an offer

    Returns
    -------
    ndarray of shape (n_offers, WEEKS)
    """
    flow = effect.flow + offers.return_luck[:, None] * effect.uncertain
    left = 1 - STEP / config.cash.reversion_months
    path, added = cash.copy(), np.zeros(len(cash))
    for w in range(FUTURE):
        added = added * left + flow[:, w]
        path[:, HISTORY + w + 1] += added
    return path


def _purpose_flows(
    lent: FloatArray, offers: Offers, config: WorldConfig
) -> tuple[FloatArray, FloatArray]:
    """What the purposes take and return, and the uncertain part for each standard deviation."""
    p = config.loan
    flow = np.zeros((len(offers), FUTURE))
    uncertain = np.zeros_like(flow)
    good = np.minimum(lent, p.full_months) + p.beyond_share * np.maximum(lent - p.full_months, 0)
    at = AT_MONTH_END

    def returns(purpose: int, months: Array, share: float) -> None:
        rows = np.flatnonzero(offers.purpose == purpose)
        flow[np.ix_(rows, at[months - 1])] += share / len(months) * good[rows, None]

    def spent(purpose: int, months: int) -> None:
        rows = np.flatnonzero(offers.purpose == purpose)
        weeks = np.append(0, at[: months - 1])
        flow[np.ix_(rows, weeks)] -= lent[rows, None] / months

    ahead = np.arange(p.build_months, len(at)) + 1
    sold = p.turn_months + np.arange(-1, 2)
    campaign = np.arange(*p.marketing_months) + 1
    spent(RAW, 1)
    returns(RAW, sold, 1 + p.turn_gain)
    spent(EQUIPMENT, 1)
    returns(EQUIPMENT, ahead, len(ahead) / p.payback_months)
    spent(GREEN, 1)
    returns(GREEN, ahead, len(ahead) / p.green_payback_months)
    spent(MARKETING, 2)
    returns(MARKETING, campaign, p.marketing_return)
    rows = np.flatnonzero(offers.purpose == MARKETING)
    uncertain[np.ix_(rows, at[campaign - 1])] = (p.marketing_sd / len(campaign)) * lent[rows, None]
    return flow, uncertain


def _unmet_need(offers: Offers, config: WorldConfig) -> FloatArray:
    """Cost of the firm's need: a gap must be paid at once, other needs cost if they go unmet."""
    p = config.loan
    flow = np.zeros((len(offers), FUTURE))
    met = np.where(offers.purpose == offers.need_purpose, offers.months, 0.0)
    unmet = np.maximum(offers.need_months - met, 0)
    cost = np.take(p.unmet_cost, offers.need_purpose) * unmet
    flow[:, AT_MONTH_END[: p.unmet_months]] -= cost[:, None] / p.unmet_months
    flow[:, 0] -= np.where(offers.need_purpose == GAP, p.gap_share * offers.need_months, 0.0)
    return flow
