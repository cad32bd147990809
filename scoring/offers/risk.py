"""PD of a loan on other terms than those requested, and over the loan's life.

    log odds = log odds of the request
             + instalment · Δ log(1 + instalments / monthly sales)
             + amount · Δ log(1 + amount / yearly sales)
             + months · Δ log(min(term, 9))

The instalments are those of the first nine months, which decide the 12-month label. Over its life
a loan has `ratio` times the cumulative hazard of its first 12 months:

    PD of life = 1 - (1 - PD)^ratio
"""

import numpy as np
from scipy.special import expit, logit

from features.arrays import Floats
from features.instalments import LABEL_MONTHS, mean_instalment
from scoring.offers.policy import Response
from scoring.offers.terms import Terms

_LEAST, _MOST = 1e-6, 1 - 1e-6


def log_odds_of_terms(terms: Terms, yearly_sales: Floats, response: Response) -> Floats:
    """Part of the log odds that the terms of a loan add, shape (n,)."""
    load = mean_instalment(terms.amount_cny, terms.rate_pct, terms.term_months, terms.plan)
    return np.asarray(
        response.instalment * np.log1p(12 * load / yearly_sales)
        + response.amount * np.log1p(terms.amount_cny / yearly_sales)
        + response.months * np.log(np.minimum(terms.term_months, LABEL_MONTHS))
    )


def pd_of_terms(
    pd: Floats, request: Terms, offered: Terms, yearly_sales: Floats, response: Response
) -> Floats:
    """12-month PD on the terms offered, given that of the request, equation above.

    Parameters
    ----------
    pd : ndarray of shape (n,)
        Of the request.
    request, offered : Terms
        What a request leaves open is NaN, and moves nothing.
    yearly_sales : ndarray of shape (n,)
        CNY, verified; where they are not known (NaN) the PD stays that of the request.

    Returns
    -------
    ndarray of shape (n,)
    """
    known = request.filled_from(offered)
    moved = log_odds_of_terms(offered, yearly_sales, response) - log_odds_of_terms(
        known, yearly_sales, response
    )
    return np.asarray(expit(logit(np.clip(pd, _LEAST, _MOST)) + np.nan_to_num(moved)))


def pd_of_life(pd: Floats, ratio: Floats) -> Floats:
    """PD over the loan's life, equation above."""
    return np.asarray(-np.expm1(ratio * np.log1p(-np.minimum(pd, _MOST))))
