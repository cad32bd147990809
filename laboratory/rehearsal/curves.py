"""Strategy curve of a policy: approval against default rate, and profit against cut-off."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from features.arrays import Floats
from laboratory.rehearsal.results import expected_profit
from scoring.offers.policy import Costs

POINTS = 40


@dataclass(frozen=True)
class StrategyCurve:
    """Offers taken in the order of their estimated PD; arrays of shape (points,).

    Attributes
    ----------
    cut_off : ndarray
        PD on the terms offered below which offers are made.
    approval : ndarray
        Share of all applicants who get an offer.
    default : ndarray
        Default rate by number over the loans' lives, of those taken.
    profit_cny : ndarray
        Expected profit.
    """

    cut_off: Floats
    approval: Floats
    default: Floats
    profit_cny: Floats


def strategy_curve(offers: pl.DataFrame, applicants: int, costs: Costs) -> StrategyCurve:
    """Compute the curve over the offers of one policy.

    Parameters
    ----------
    offers : polars.DataFrame
        As of `laboratory.rehearsal.results.Rehearsed.offers`, with `estimated_pd`.
    applicants : int
        In all.
    costs : Costs
    """
    ordered = offers.sort("estimated_pd", "application_id")
    taken = ordered["accept_probability"].to_numpy()
    earned = np.cumsum(ordered.select(expected_profit(costs)).to_series().to_numpy())
    number = np.cumsum(taken)
    bad = np.cumsum(taken * ordered["pd_life"].to_numpy())
    places = np.linspace(0, len(ordered) - 1, POINTS if len(ordered) else 0)
    at = np.unique(places.astype(np.int64))
    return StrategyCurve(
        cut_off=ordered["estimated_pd"].to_numpy()[at],
        approval=(at + 1) / applicants,
        default=bad[at] / np.maximum(number[at], 1e-9),
        profit_cny=earned[at],
    )
