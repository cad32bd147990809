"""Search of an offer policy's numbers for estimated profit, judged afterwards by the truth.

Optuna's TPE proposes; the objective is the profit that the policy itself expects of applicants
before the out-of-time period, each offer weighed by the acceptance curve of past offers. Default
rate and share of first-time borrowers are constraints. What the chosen policy then earns by the
truth, beside what was expected, shows the winner's curse.
"""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from laboratory.rehearsal.acceptance import AcceptanceCurve
from laboratory.rehearsal.applicants import Applicants
from laboratory.rehearsal.policies import offered
from laboratory.rehearsal.results import Judge, by_estimates, measure
from scoring.offers.policy import Costs, OfferPolicy

if TYPE_CHECKING:
    import optuna

    from features.parallel.executor import Progress

SEED = 20_261_130
STARTUP_TRIALS = 8


@dataclass(frozen=True)
class Constraints:
    """What a chosen policy has to keep, by its own estimates.

    Attributes
    ----------
    default_pct : float
        Default rate by balance over the loans' lives, at most.
    first_time_pct : float
        Share of first-time borrowers among those served, at least.
    """

    default_pct: float
    first_time_pct: float


@dataclass(frozen=True)
class FoundRow:
    """Profit of one policy, CNY: where the search chose, and out of time.

    Attributes
    ----------
    name : str
    chosen_on, estimated, truth : float
    """

    name: str
    chosen_on: float
    estimated: float
    truth: float


@dataclass(frozen=True)
class Found:
    """What a search chose and what it came to.

    Attributes
    ----------
    policy : OfferPolicy
    settings : dict of str to float
        The numbers chosen.
    trials, applicants : int
    rows : tuple of FoundRow
        The shipped policy, then the chosen one.
    """

    policy: OfferPolicy
    settings: dict[str, float]
    trials: int
    applicants: int
    rows: tuple[FoundRow, ...]

    @property
    def in_words(self) -> str:
        """The numbers chosen, as text."""
        return ", ".join(f"{name} {value:.4g}" for name, value in self.settings.items())

    @property
    def curse_pct(self) -> float:
        """Winner's curse: by how much the estimated gain of the choice exceeds the true one.

        In % of the true profit of the policy that the search began with; NaN if that earns nothing.
        """
        before, after = self.rows
        gain, true_gain = after.estimated - before.estimated, after.truth - before.truth
        return 100 * (gain - true_gain) / abs(before.truth) if before.truth else float("nan")

    @property
    def curse_in_words(self) -> str:
        """The winner's curse as a sentence; without a truth, that it cannot be told."""
        if np.isnan(self.rows[0].truth):
            return "Without a truth nothing says how much of the gain is the winner's curse."
        before, after = self.rows
        promised, came = after.estimated - before.estimated, after.truth - before.truth
        said = (
            f"The choice promised CNY {promised:,.0f} more out of time; by the truth it brings "
            f"{came:,.0f}."
        )
        if promised <= came:
            return f"{said} It kept its promise: no winner's curse here."
        share = (
            f", {self.curse_pct:.0f} % of the first policy's true profit," if before.truth else ""
        )
        return f"{said} The difference{share} is the winner's curse."


def search(
    people: Applicants,
    policy: OfferPolicy,
    *,
    costs: Costs,
    constraints: Constraints,
    trials: int,
    progress: "Progress | None" = None,
) -> tuple[OfferPolicy, dict[str, float]]:
    """Choose cut-off, margin, limit share and instalment share of a policy.

    Parameters
    ----------
    people : Applicants
        Of the period before the out-of-time one.
    policy : OfferPolicy
        What the search begins with, and what it returns if nothing better keeps the constraints.
    costs : Costs
    constraints : Constraints
    trials : int
    progress : callable, optional

    Returns
    -------
    OfferPolicy, dict of str to float
        The policy chosen and its numbers.
    """
    import optuna

    judge = by_estimates(AcceptanceCurve.fitted(people.outcomes_before))
    start = numbers_of(policy)

    def objective(trial: "optuna.Trial") -> float:
        drawn = _suggest(trial, start, most_pd=people.scoring.decision.approve_below)
        figures = estimated(people, with_numbers(policy, drawn), judge, costs)
        for name, violation in violations(figures, constraints).items():
            trial.set_constraint(name, violation)
        if progress is not None:
            progress(trial.number + 1, trials)
        return figures["profit_cny"]

    logging.getLogger("optuna").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=SEED, n_startup_trials=STARTUP_TRIALS)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.enqueue_trial(start)
        study.optimize(objective, n_trials=trials)
    kept = [trial for trial in study.trials if max(trial.constraints.values()) <= 0]
    if not kept:
        return policy, start
    best = max(kept, key=lambda trial: trial.value or -np.inf)
    return with_numbers(policy, best.params), best.params


def estimated(
    people: Applicants, policy: OfferPolicy, judge: Judge, costs: Costs
) -> dict[str, float]:
    """Figures of a policy by a judge, as `laboratory.rehearsal.results.measure` has them."""
    return measure(judge(offered(people, policy)), people, None, costs)


def violations(figures: Mapping[str, float], constraints: Constraints) -> dict[str, float]:
    """By how much a policy breaks each constraint; 0 or less where it keeps it.

    A policy that nobody takes an offer of has no defaults and no first-time borrowers.
    """
    default = np.nan_to_num(figures["default_by_balance_pct"])
    first = 100 * figures["first_time_served"] / (figures["accepted"] or np.inf)
    return {
        "default": float(default) - constraints.default_pct,
        "first_time": constraints.first_time_pct - first,
    }


def numbers_of(policy: OfferPolicy) -> dict[str, float]:
    """The numbers that a search chooses, as a policy has them."""
    shares = policy.limit.sales_share
    return {
        "pd_below": policy.product.pd_below,
        "margin_pct": policy.rate.margin_pct or 0.0,
        "sales_share": max(shares.values()),
        "instalment_share": policy.limit.instalment_share or 1.0,
    }


def with_numbers(policy: OfferPolicy, numbers: dict[str, float]) -> OfferPolicy:
    """The policy with other numbers; shares of sources keep their proportions."""
    scale = numbers["sales_share"] / max(policy.limit.sales_share.values())
    return policy.model_copy(
        update={
            "product": policy.product.model_copy(update={"pd_below": numbers["pd_below"]}),
            "rate": policy.rate.model_copy(update={"margin_pct": numbers["margin_pct"]}),
            "limit": policy.limit.model_copy(
                update={
                    "sales_share": {k: scale * v for k, v in policy.limit.sales_share.items()},
                    "instalment_share": numbers["instalment_share"],
                }
            ),
        }
    )


def _suggest(trial: "optuna.Trial", start: dict[str, float], *, most_pd: float) -> dict[str, float]:
    """Draw numbers between bounds that a lender would call sane, and that hold the start.

    Parameters
    ----------
    trial : optuna.Trial
    start : dict of str to float
        Numbers of the policy that the search begins with.
    most_pd : float
        Cut-off of the score policy, above which nobody is approved anyway.
    """
    bounds = {
        "pd_below": (most_pd / 8, most_pd),
        "margin_pct": (0.0, 8.0),
        "sales_share": (0.05, 1.0),
        "instalment_share": (0.05, 1.0),
    }
    return {
        name: trial.suggest_float(name, min(low, start[name]), max(high, start[name]), log=low > 0)
        for name, (low, high) in bounds.items()
    }
