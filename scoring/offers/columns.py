"""Offers as columns of the scored CSV."""

import numpy as np

from features.arrays import Floats, Int64s
from scoring.offers.offer import Offers
from scoring.offers.policy import OfferPolicy
from scoring.text.offer_text import offer_texts

_NUMBERS = ("limit_cny", "rate_pct", "term_months", "expected_loss_cny", "expected_profit_cny")
_TEXTS = ("plan", "limit_reason", "limit_reason_zh")
OFFER_COLUMNS = (*_NUMBERS, *_TEXTS)
"""Columns of the scored CSV that an offer fills."""


Columns = dict[str, Floats | list[str | None]]


def no_offers(height: int) -> Columns:
    """Columns of applicants who get no offer: NaN and None."""
    columns: Columns = {name: np.full(height, np.nan) for name in _NUMBERS}
    return columns | {name: [None] * height for name in _TEXTS}


def offer_columns(offers: Offers, policy: OfferPolicy, rows: Int64s, height: int) -> Columns:
    """Columns of offers to some of the applicants.

    Parameters
    ----------
    offers : Offers
        To the applicants in `rows`.
    policy : OfferPolicy
    rows : ndarray of int
        Their rows among all.
    height : int
        Applicants in all.

    Returns
    -------
    dict of column to ndarray or list of length `height`
        As `no_offers` for who gets none; the reasons also say why an applicant in `rows` gets none.
    """
    terms, value, made = offers.terms, offers.price, offers.made
    figures = (
        terms.amount_cny,
        terms.rate_pct,
        terms.term_months,
        value.loss_cny,
        value.profit_cny,
    )
    numbers = np.full((len(_NUMBERS), height), np.nan)
    for column, figure in zip(numbers, figures, strict=True):
        column[rows[made]] = figure[made]
    texts = np.full((len(_TEXTS), height), None, dtype=object)
    texts[0, rows[made]] = terms.plan[made]
    for k, row in enumerate(rows.tolist()):
        texts[1:, row] = offer_texts(offers, k, policy)
    columns: Columns = dict(zip(_NUMBERS, numbers, strict=True))
    return columns | {name: text.tolist() for name, text in zip(_TEXTS, texts, strict=True)}
