"""Recoveries after default: guarantor, pledge, borrower, in that order.

    guarantor = share of the balance
    pledge    = part of what the guarantor leaves, where goods or machines are pledged
    borrower  = part of what is left then, by legal form; hardly anything of a firm that never meant
                to repay or was closed when it applied

The parts are beta distributed around their means and independent of everything else, so that the
expected loss of an offer is exact.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from features.arrays import Array, FloatArray
from features.contract.tables import PLEDGES, PURPOSES
from synthetic.config.schema import BookConfig
from synthetic.firm.population import Population
from synthetic.loan.lending import Applications
from synthetic.streams import Bucket

NO_PLEDGE = -1

PLEDGED_FOR = {"raw_material": "stock", "equipment": "equipment", "green": "equipment"}
"""What is pledged for a purpose; orders for all others."""


@dataclass(frozen=True)
class Security:
    """What stands behind a firm's loan besides its cash; arrays of shape (n_firms,).

    Attributes
    ----------
    guaranteed_share : ndarray of float
        Share of the balance that a public guarantor pays.
    pledge : ndarray of int
        Code of `PLEDGES`, or `NO_PLEDGE`.
    form : ndarray of int
        Legal form of the borrower.
    pledge_luck, borrower_luck : ndarray of float
        Uniform: how much of it is recovered in this world.
    """

    guaranteed_share: FloatArray
    pledge: Array
    form: Array
    pledge_luck: FloatArray
    borrower_luck: FloatArray


@dataclass(frozen=True)
class Recovered:
    """Shares of the balance at default by who pays them; arrays of shape (n,)."""

    guarantor: FloatArray
    pledge: FloatArray
    borrower: FloatArray

    @property
    def total(self) -> FloatArray:
        """Share of the balance that is recovered; the rest is the loss given default."""
        return self.guarantor + self.pledge + self.borrower


def security(firms: Population, request: Applications, bucket: Bucket) -> Security:
    """Draw the pledges of loans and the luck of their recoveries."""
    p, n = bucket.config.book, len(firms)
    pledged = bucket.stream("book.pledge").random(n) < np.take(p.pledge_share, request.lender)
    by_purpose = [PLEDGES.index(PLEDGED_FOR.get(purpose, "orders")) for purpose in PURPOSES]
    luck = bucket.stream("book.recovery").random((2, n))
    return Security(
        guaranteed_share=np.where(request.guaranteed, p.guaranteed_share, 0.0),
        pledge=np.where(pledged, np.take(by_purpose, request.purpose), NO_PLEDGE),
        form=firms.form,
        pledge_luck=luck[0],
        borrower_luck=luck[1],
    )


def expected_recovery(behind: Security, borrower: FloatArray, p: BookConfig) -> Recovered:
    """Mean recoveries.

    Parameters
    ----------
    borrower : ndarray of shape (n,)
        Mean part that the borrower pays: `borrower_part`.
    """
    return _in_turn(behind, np.full(len(borrower), p.pledge_recovered), borrower)


def realised_recovery(behind: Security, borrower: FloatArray, p: BookConfig) -> Recovered:
    """Recoveries in this world; see `expected_recovery`."""
    pledge = np.full(len(borrower), p.pledge_recovered)
    return _in_turn(
        behind, _beta(pledge, behind.pledge_luck, p), _beta(borrower, behind.borrower_luck, p)
    )


def borrower_part(behind: Security, absconds: Array, closed: Array, p: BookConfig) -> FloatArray:
    """Mean part of what is left that the borrower pays, shape (n,)."""
    honest = np.take(p.borrower_recovered, behind.form)
    return np.select((closed, absconds), (p.closed_recovered, p.intent_recovered), honest)


def _in_turn(behind: Security, pledge: FloatArray, borrower: FloatArray) -> Recovered:
    guarantor = behind.guaranteed_share
    sold = np.where(behind.pledge == NO_PLEDGE, 0.0, (1 - guarantor) * pledge)
    return Recovered(guarantor, sold, (1 - guarantor - sold) * borrower)


def _beta(mean: FloatArray, luck: FloatArray, p: BookConfig) -> FloatArray:
    """Beta quantile at `luck`; its mean lies within (0, 1)."""
    return np.asarray(
        betaincinv(mean * p.recovery_spread, (1 - mean) * p.recovery_spread, luck), np.float64
    )
