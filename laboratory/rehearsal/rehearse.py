"""Rehearsal of offer policies on one data folder: the function behind `firstloan rehearse`."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from laboratory.rehearsal.acceptance import AcceptanceCurve
from laboratory.rehearsal.applicants import Applicants, read_applicants
from laboratory.rehearsal.curves import StrategyCurve, strategy_curve
from laboratory.rehearsal.policies import (
    BEST,
    BEST_APPLICANTS,
    LENDERS_CHOICE,
    PAST_LENDERS,
    best_offers,
    offered,
    past_lenders,
    requested,
)
from laboratory.rehearsal.results import (
    Judge,
    Rehearsed,
    by_estimates,
    by_truth,
    expected_profit,
    measure,
)
from models.estimators.model import Model
from scoring.offers.policy import Costs, OfferPolicy

if TYPE_CHECKING:
    from features.parallel.executor import Progress

SEED = 20_261_130
"""Of the sample for which the best offers are sought."""

TITLES = {
    PAST_LENDERS: "Past lenders: their applicants and offers",
    LENDERS_CHOICE: "Past lenders' applicants, first policy's offers",
    BEST: "The truth's best of a grid of 24 offers",
}


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """Policies side by side.

    Attributes
    ----------
    data : pathlib.Path
    model : str
        Label of the model.
    by_truth : bool
        Whether the truth judged, or only the policies' own estimates.
    costs : Costs
        Shared by all.
    applicants : int
    first_day, last_day : datetime.date
        Of their applications.
    rehearsed : list of Rehearsed
        The offer policies first, then past lenders.
    best_share : dict of str to float
        Expected profit of each policy as a share of the truth's best, on the same sample; empty
        without a truth.
    curve : StrategyCurve
        Of the first policy.
    people : Applicants
    """

    data: Path
    model: str
    by_truth: bool
    costs: Costs
    applicants: int
    first_day: dt.date
    last_day: dt.date
    rehearsed: list[Rehearsed]
    best_share: dict[str, float]
    curve: StrategyCurve
    people: Applicants


def with_costs(policy: OfferPolicy, costs: Costs) -> OfferPolicy:
    """The policy as if its lender had these costs."""
    shared = dict.fromkeys(policy.assumptions.costs, costs)
    assumptions = policy.assumptions.model_copy(update={"costs": shared})
    # costs are cached by instance: a new one is made
    return OfferPolicy.model_construct(
        **{name: getattr(policy, name) for name in type(policy).model_fields}
        | {"assumptions": assumptions}
    )


def rehearse(
    data: Path,
    policies: Sequence[OfferPolicy],
    *,
    model: Model,
    label: str,
    costs: Costs,
    simulated: bool,
    workers: int = 1,
    progress: "Progress | None" = None,
) -> Rehearsal:
    """Rehearse policies on the out-of-time applicants of a data folder.

    Parameters
    ----------
    data : pathlib.Path
    policies : sequence of OfferPolicy
        The first is the one whose strategy curve is drawn.
    model : Model
    label : str
    costs : Costs
        Of all policies.
    simulated : bool
        Whether the truth can be asked.
    workers : int
    progress : callable, optional
        Called with steps done and steps in all.
    """
    step = _Steps(progress)
    people = read_applicants(data, model, workers=workers)
    step()
    curve = AcceptanceCurve.fitted(people.outcomes_before)
    judge: Judge = by_truth(data, workers=workers) if simulated else by_estimates(curve)
    asked = judge(requested(people)) if simulated else None
    step()
    told = [
        (policy.product.name, policy.product.title, judge(offered(people, policy)))
        for policy in (with_costs(policy, costs) for policy in policies)
    ]
    if simulated:
        past = judge(past_lenders(people))
        first = with_costs(policies[0], costs)
        theirs = judge(offered(people, first, only=past["application_id"]))
        told += [(PAST_LENDERS, TITLES[PAST_LENDERS], past)]
        told += [(LENDERS_CHOICE, TITLES[LENDERS_CHOICE], theirs)]
    step()
    rehearsed = [
        Rehearsed(name, title, offers, measure(offers, people, asked, costs))
        for name, title, offers in told
    ]
    shares = _shares_of_best(people, rehearsed, data, costs, workers=workers) if simulated else {}
    step()
    days = people.applications["applied_on"]
    return Rehearsal(
        data=data,
        model=label,
        by_truth=simulated,
        costs=costs,
        applicants=len(people),
        first_day=days.sort()[0],
        last_day=days.sort()[-1],
        rehearsed=rehearsed,
        best_share=shares,
        curve=strategy_curve(rehearsed[0].offers, len(people), costs),
        people=people,
    )


class _Steps:
    """Steps done, told to a progress bar."""

    TOTAL = 4

    def __init__(self, progress: "Progress | None") -> None:
        self.done, self.progress = 0, progress

    def __call__(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.TOTAL)


def _shares_of_best(
    people: Applicants, rehearsed: list[Rehearsed], data: Path, costs: Costs, *, workers: int
) -> dict[str, float]:
    """Expected profit of each policy on a sample, as a share of that of the best offers."""
    size = min(BEST_APPLICANTS, len(people))
    chosen = np.zeros(len(people), dtype=bool)
    rng = np.random.Generator(np.random.SFC64(SEED))
    chosen[rng.permutation(len(people))[:size]] = True
    sample = people.rows(chosen)
    best = best_offers(sample, data, expected_profit(costs), workers=workers)
    most = float(best.select(expected_profit(costs).sum()).item())
    ids = sample.applications["application_id"].implode()
    return {
        each.name: float(
            each.offers.filter(pl.col("application_id").is_in(ids))
            .select(expected_profit(costs).sum())
            .item()
        )
        / most
        for each in rehearsed
    } | {BEST: 1.0}
