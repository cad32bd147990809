"""Instalments of each repayment plan, month by month, in months of turnover.

equal             annuity: amount · i / (1 - (1 + i)^-term)
interest_first    interest each month, the amount in the last one
seasonal          amount by the expected free cash of the trade's months, interest on the rest
line              interest on what is drawn on average, what is drawn in the last month
share_of_takings  a share of each week's takings; what is left falls due in the last week
"""

import numpy as np

from features.arrays import Array, FloatArray
from features.contract.tables import PLANS
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import HISTORY, LONGEST_TERM, MONTH_ENDS
from synthetic.firm.season import cash_index, months_of_weeks
from synthetic.loan.offer import Offers

EQUAL, INTEREST_FIRST, SEASONAL, LINE, TAKINGS = range(len(PLANS))

MONTH = np.arange(1, LONGEST_TERM + 1)
"""Months after the application in which an instalment may fall due."""


def instalments(offers: Offers, config: WorldConfig) -> FloatArray:
    """What falls due at each month's end, shape (n_offers, LONGEST_TERM).

    Takings are repaid week by week instead: `weekly_takings`.
    """
    amount, interest = offers.months[:, None], offers.rate[:, None] / 12
    running, last = offers.term[:, None] >= MONTH, offers.term[:, None] == MONTH
    drawn = config.loan.line_drawn
    part = seasonal_parts(offers, config)
    left = amount * (1 - np.cumsum(part, axis=1) + part)
    due = {
        EQUAL: annuity(offers)[:, None] * running,
        INTEREST_FIRST: amount * (interest * running + last),
        SEASONAL: (amount * part + left * interest) * running,
        LINE: drawn * amount * (interest * running + last),
        TAKINGS: np.zeros(running.shape),
    }
    plan = np.broadcast_to(offers.plan[:, None], running.shape)
    return np.asarray(np.choose(plan, [due[k] for k in range(len(PLANS))]))


def annuity(offers: Offers) -> FloatArray:
    """Equal monthly instalment of each offer, months of turnover."""
    interest = np.maximum(offers.rate / 12, np.finfo(float).tiny)
    discount = -np.expm1(-offers.term * np.log1p(interest))
    return np.asarray(offers.months * interest / discount)


def due_months(offers: Offers) -> Array:
    """Mark the month-ends at which something falls due, shape (n_offers, len(MONTH_ENDS))."""
    return np.asarray(offers.term[:, None] > np.arange(len(MONTH_ENDS)))


def spare_limit(offers: Offers, config: WorldConfig) -> FloatArray:
    """Unused part of a line that can pay an instalment, shape (n_offers, len(MONTH_ENDS)).

    usable · (1 - drawn) · limit · (1 - month / term): it fades, since a limit is not renewed for
    a firm in trouble.
    """
    p = config.loan
    month = np.arange(1, len(MONTH_ENDS) + 1)
    fading = np.maximum(1 - month / offers.term[:, None], 0)
    usable = p.line_usable * (1 - p.line_drawn) * offers.months * (offers.plan == LINE)
    return np.asarray(usable[:, None] * fading)


def weekly_takings(offers: Offers) -> tuple[FloatArray, Array]:
    """Share of a usual week's takings that repays each offer, and the week in which it ends.

    Returns
    -------
    share : ndarray of shape (n_offers,), months of turnover a week, 0 for other plans
    end : ndarray of shape (n_offers,), weeks after the application
    """
    end = MONTH_ENDS[offers.term - 1]
    total = annuity(offers) * offers.term
    return np.where(offers.plan == TAKINGS, total / end, 0.0), end


def seasonal_parts(offers: Offers, config: WorldConfig) -> FloatArray:
    """Share of the amount that is repaid in each month, by the trade's season."""
    p = config.loan
    weeks = offers.first_week[:, None] + HISTORY + MONTH_ENDS[:LONGEST_TERM]
    index = cash_index(config)[offers.trade[:, None], months_of_weeks(config)[weeks]]
    weight = np.maximum(1 + p.seasonal_slope * (index - 1), p.seasonal_least)
    weight = np.where(offers.term[:, None] >= MONTH, weight, 0)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
