"""Offers of each policy of a rehearsal: offer policies, past lenders, the truth's best."""

from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from features.contract.tables import PLANS
from features.instalments import REFERENCE_RATE_PCT
from laboratory.rehearsal.applicants import Applicants
from scoring.offers.offer import OFFERED, TOO_RISKY
from scoring.offers.policy import OfferPolicy
from synthetic.offer_truth.answer import offer_truth
from synthetic.offer_truth.asked import COLUMNS

PAST_LENDERS, LENDERS_CHOICE, BEST = "past_lenders", "past_lenders_choice", "truth_best"
"""Names of what is rehearsed beside the offer policies."""

BEST_APPLICANTS = 2_000
"""Applicants for whom the best offer is sought."""

BEST_SHARES, BEST_RATES = (0.5, 1.0), (5.0, 7.0, 9.0, 12.0)
BEST_TERMS = ((6, "equal"), (12, "equal"), (18, "equal"))
"""Grid of the best offer: shares of the amount applied for, % a year, months and plan."""


def offered(
    people: Applicants, policy: OfferPolicy, *, only: pl.Series | None = None
) -> pl.DataFrame:
    """Offers of an offer policy, with the columns that the truth asks for, and what it expected.

    Parameters
    ----------
    people : Applicants
    policy : OfferPolicy
    only : polars.Series of str, optional
        Applications to which the score policy's decision is replaced by somebody else's approval.
    """
    offers, made = people.offers(policy)
    if only is not None:
        chosen = people.applications["application_id"].is_in(only.implode()).to_numpy()
        made = chosen & np.isin(offers.refusal, [OFFERED, TOO_RISKY])
    terms = offers.terms
    plan = np.where(np.isin(terms.plan, PLANS), terms.plan, PLANS[0])
    return (
        people.applications.select("application_id", "purpose")
        .with_columns(
            amount_cny=terms.amount_cny,
            rate_pct=terms.rate_pct,
            term_months=terms.term_months,
            plan=pl.Series(plan),
            estimated_pd=offers.pd,
            estimated_pd_life=offers.price.pd_life,
            estimated_income_cny=offers.price.income_cny,
            estimated_loss_cny=offers.price.loss_cny,
            estimated_profit_cny=offers.price.profit_cny,
        )
        .filter(pl.Series(made))
    )


def past_lenders(people: Applicants) -> pl.DataFrame:
    """What the world's own lenders offered these applicants."""
    return (
        people.applications.select("application_id", "purpose")
        .join(people.outcomes, on="application_id", maintain_order="left")
        .filter("approved")
        .select(
            "application_id",
            "purpose",
            amount_cny="offered_amount_cny",
            rate_pct="offered_rate_pct",
            term_months="offered_term_months",
            plan="offered_plan",
        )
    )


def requested(people: Applicants) -> pl.DataFrame:
    """The loans applied for, at the reference rate: who would have been good."""
    return people.applications.select(
        "application_id", "purpose", "amount_cny", "term_months", "plan"
    ).with_columns(rate_pct=pl.lit(REFERENCE_RATE_PCT))


def best_offers(people: Applicants, data: Path, costs: pl.Expr, *, workers: int) -> pl.DataFrame:
    """The offer of the grid with the highest expected profit of each applicant, by the truth.

    Parameters
    ----------
    people : Applicants
    data : pathlib.Path
        The world.
    costs : polars.Expr
        Expected profit of an offer, over the columns of its truth.
    workers : int
    """
    grid = pl.DataFrame(
        [
            {"share": share, "rate_pct": rate, "term_months": float(term), "plan": plan}
            for share, rate, (term, plan) in product(BEST_SHARES, BEST_RATES, BEST_TERMS)
        ]
    )
    asked = (
        people.applications.select("application_id", "purpose", asked="amount_cny")
        .join(grid, how="cross")
        .with_columns(amount_cny=pl.col("asked") * pl.col("share"))
    )
    truth = offer_truth(data, asked.select(*COLUMNS), workers=workers).drop("application_id")
    return (
        asked.hstack(truth)
        .with_columns(profit=costs)
        .sort("profit", descending=True)
        .unique("application_id", keep="first", maintain_order=True)
        .filter(pl.col("profit") > 0)
        .sort("application_id")
        .drop("profit", "asked", "share")
    )
