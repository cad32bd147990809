"""An offer of a loan, in the units of a firm's cash: months of turnover.

A requested loan is an offer like any other. The need belongs to the firm: what it lacks, and what
it loses if it cannot pay for it, is the same whatever it is offered.
"""

from dataclasses import dataclass, replace

from features.arrays import Array, FloatArray


@dataclass(frozen=True)
class Offers:
    """Offers to firms; arrays of shape (n_offers,).

    Attributes
    ----------
    months : ndarray of float
        Amount in months of turnover; 0 is no loan.
    rate : ndarray of float
        Yearly rate, a share.
    term : ndarray of int
        Months.
    plan, purpose : ndarray of int
        Codes of `PLANS` and `PURPOSES`.
    need_months : ndarray of float
        What the firm needs, months of turnover, for `need_purpose`.
    need_purpose : ndarray of int
    return_luck : ndarray of float
        Standard normal: how well marketing turns out, in this world.
    trade, first_week : ndarray of int
        The firm's trade, and the common week in which its latent path begins.
    """

    months: FloatArray
    rate: FloatArray
    term: Array
    plan: Array
    purpose: Array
    need_months: FloatArray
    need_purpose: Array
    return_luck: FloatArray
    trade: Array
    first_week: Array

    def __len__(self) -> int:
        return len(self.months)


def with_amount(offers: Offers, months: FloatArray) -> Offers:
    """The same offers with other amounts, months of turnover; 0 is no loan."""
    return replace(offers, months=months)
