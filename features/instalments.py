"""Instalments of a loan by repayment plan, month by month, as a lender schedules them.

equal             annuity: amount · i / (1 - (1 + i)^-term)
interest_first    interest each month, the amount in the last one
seasonal          amount by the weights of the season, interest on the rest
line              as if the whole limit were drawn: interest each month, the amount in the last one
share_of_takings  as equal: what usual takings repay

A loan without a plan is repaid by equal instalments; one without an amount or a term has none that
are known.
"""

import numpy as np

from features.arrays import Array, Floats

REFERENCE_RATE_PCT = 5.0
"""% a year at which a request is turned into instalments: its price is not known yet (assumed)."""

_LEAST_RATE_PCT = 1e-6
"""Rate that stands for none, whose annuity has no closed form."""

LABEL_MONTHS = 9
"""Months whose instalments, if missed, are 90 days past due within the 12 months of the label."""

BULLET = ("interest_first", "line")
"""Plans that repay the amount in the last month."""


def instalments(
    amount_cny: Floats,
    rate_pct: Floats,
    term_months: Floats,
    plan: Array,
    *,
    months: int,
    season: Floats | None = None,
) -> Floats:
    """Compute what falls due in each month after disbursement.

    Parameters
    ----------
    amount_cny, rate_pct, term_months : ndarray of shape (n,)
        NaN where unknown.
    plan : ndarray of str, shape (n,)
        One of `features.contract.tables.PLANS`.
    months : int
        Months that are looked at.
    season : ndarray of shape (n, months), optional
        Weights of the months for seasonal plans; all alike if not given.

    Returns
    -------
    ndarray of shape (n, months), CNY
    """
    month = np.arange(1, months + 1)
    term = term_months[:, None]
    running = month <= term
    interest = rate_pct[:, None] / 1200
    weight = np.where(running, 1.0 if season is None else season, 0.0)
    # months beyond those looked at repay their share of an even season
    beyond = np.maximum(term - months, 0)
    total = weight.sum(axis=1, keepdims=True) + beyond
    with np.errstate(invalid="ignore", divide="ignore"):
        part = weight / total
        left = 1 - (np.cumsum(part, axis=1) - part)
        annuity = annuity_share(rate_pct, term_months)[:, None]
    bullet = np.isin(plan, BULLET)[:, None]
    seasonal = (plan == "seasonal")[:, None]
    share = np.where(
        bullet,
        interest + (month == term),
        np.where(seasonal, part + left * interest, annuity),
    )
    due = np.where(running, amount_cny[:, None] * share, 0.0)
    return np.where(np.isnan(amount_cny[:, None] + term), np.nan, due)


def annuity_share(rate_pct: Floats, term_months: Floats) -> Floats:
    """Equal monthly instalment as a share of the amount; arrays of shapes that go together.

    Parameters
    ----------
    rate_pct : ndarray of float, % a year
    term_months : ndarray of float
    """
    interest = np.maximum(rate_pct, _LEAST_RATE_PCT) / 1200
    return np.asarray(interest / -np.expm1(-term_months * np.log1p(interest)))


def mean_instalment(
    amount_cny: Floats, rate_pct: Floats, term_months: Floats, plan: Array
) -> Floats:
    """Mean instalment of the months that decide the 12-month label.

    Parameters
    ----------
    amount_cny, rate_pct, term_months, plan : ndarray of shape (n,)
        As of `instalments`.

    Returns
    -------
    ndarray of shape (n,), CNY a month, over the first `LABEL_MONTHS` months
    """
    due = instalments(amount_cny, rate_pct, term_months, plan, months=LABEL_MONTHS)
    return np.asarray(due.mean(axis=1))
