"""Response of the PD to the terms of a loan: chosen on some worlds, judged on others.

    python -m laboratory.offer_response --choose WORLD... --judge WORLD... [--model MODEL]

The truth answers for each applicant's request and for other amounts, terms and plans. Two of the
three coefficients of `scoring.offers.risk` are fitted to the change of the log odds, in which every
firm counts alike; the one of the months at risk to the mean PD, because short loans are safer for
most firms and riskier for those that can least carry them. The term structure is the ratio of mean
cumulative hazards of the loans that the score policy approves. Printed for the judged worlds: how
often the sign is right where the truth moves by more than a tenth, and the slope.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from scipy.optimize import minimize_scalar
from scipy.special import logit

from features.arrays import Floats
from features.instalments import LABEL_MONTHS, mean_instalment
from laboratory.rehearsal.applicants import read_applicants
from models.estimators.model import Model
from models.tracking.registry import resolve
from scoring.offers.policy import OfferPolicy
from scoring.offers.risk import log_odds_of_terms
from scoring.offers.terms import Terms
from scoring.offers.verified_sales import verified_sales
from synthetic.offer_truth.answer import offer_truth
from synthetic.offer_truth.asked import COLUMNS

RATE = 6.0
"""% a year at which amounts and terms are compared."""

TERMS = (3.0, 6.0, 9.0, 12.0, 18.0, 24.0)
PLANS = ("equal", "interest_first", "seasonal", "line")
DRAWS = 3
"""Random offers to each applicant, beside the compared ones."""

KNOWN = (1e-5, 0.9)
"""True PDs of requests between which a change of log odds can be told."""

CLIP = 4.0
"""Largest change of the log odds that is fitted to."""

MOVES = 0.1
SEED = 1


def main() -> None:
    """Print the choice and its judgement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--choose", nargs="+", type=Path, required=True)
    parser.add_argument("--judge", nargs="+", type=Path, required=True)
    parser.add_argument("--model")
    options = parser.parse_args()
    model, _ = resolve(options.model)
    chosen = asked_of(options.choose, model)
    instalment, amount = fit_log_odds(chosen)
    months = fit_mean(chosen, instalment, amount)
    print(f"chosen: instalment {instalment:.2f}, amount {amount:.2f}, months {months:.2f}")
    print(hazard_ratios(chosen).to_pandas().round(2).to_string(index=False))
    for world in options.judge:
        print(world.name, judged(asked_of([world], model)))


def asked_of(worlds: list[Path], model: Model) -> pl.DataFrame:
    """Requests of out-of-time applicants and other offers to them, with their truth.

    Returns
    -------
    polars.DataFrame
        A row for each offer: `what` (request, half, double, 12, 18, random), the terms, `sales`,
        the request's `asked_*`, `pd` of the model for the request, `pd_12m`, `pd_life`,
        `request_pd`.
    """
    return pl.concat(_asked(world, model) for world in worlds)


def _asked(world: Path, model: Model) -> pl.DataFrame:
    people = read_applicants(world, model, workers=2)
    rng = np.random.Generator(np.random.SFC64(SEED))
    n, request = len(people), Terms.requested(people.applications)
    same = (np.ones(n), request.term_months, request.plan, np.full(n, RATE))
    offers = {
        "request": same,
        "half": (np.full(n, 0.5), *same[1:]),
        "double": (np.full(n, 2.0), *same[1:]),
        "12": (same[0], np.full(n, 12.0), *same[2:]),
        "18": (same[0], np.full(n, 18.0), *same[2:]),
    } | {
        f"random {k}": (
            np.exp(rng.uniform(np.log(0.25), np.log(2.5), n)),
            rng.choice(TERMS, n),
            rng.choice(PLANS, n),
            rng.uniform(4.0, 15.0, n),
        )
        for k in range(DRAWS)
    }
    sales = verified_sales(people.features, OfferPolicy.load()).yearly_cny
    rows = [
        people.applications.select(
            "application_id", "purpose", asked_amount="amount_cny", asked_term="term_months",
            asked_plan="plan",
        ).with_columns(
            world=pl.lit(world.name),
            what=pl.lit(what),
            sales=sales,
            pd=people.pd(),
            amount_cny=request.amount_cny * factor,
            term_months=term,
            plan=pl.Series(plan.astype(str)),
            rate_pct=rate,
        )
        for what, (factor, term, plan, rate) in offers.items()
    ]  # fmt: skip
    asked = pl.concat(rows)
    truth = offer_truth(world, asked.select(*COLUMNS), workers=2).select("pd_12m", "pd_life")
    told = asked.hstack(truth)
    own = told.filter(pl.col("what") == "request").select("application_id", request_pd="pd_12m")
    return told.join(own, on="application_id", maintain_order="left").filter(
        pl.col("sales").is_not_nan(),
        pl.col("request_pd").is_between(*KNOWN),
        pl.col("pd_12m") > 0,
        pl.col("pd") < model.policy.decision.decline_from,
    )


def _terms(asked: pl.DataFrame, *, request: bool) -> Terms:
    names = (
        ("asked_amount", "asked_term", "asked_plan")
        if request
        else ("amount_cny", "term_months", "plan")
    )
    amount, term = (asked[name].cast(pl.Float64).to_numpy() for name in names[:2])
    rate = np.full(len(asked), RATE) if request else asked["rate_pct"].to_numpy()
    return Terms(amount, rate, term, asked[names[2]].to_numpy().astype(str))


def _parts(asked: pl.DataFrame, *, request: bool) -> tuple[Floats, Floats, Floats]:
    """What the three coefficients multiply."""
    terms, sales = _terms(asked, request=request), asked["sales"].to_numpy()
    load = mean_instalment(terms.amount_cny, terms.rate_pct, terms.term_months, terms.plan)
    at_risk = np.minimum(terms.term_months, LABEL_MONTHS)
    return np.log1p(12 * load / sales), np.log1p(terms.amount_cny / sales), np.log(at_risk)


def _moves(asked: pl.DataFrame) -> list[Floats]:
    own, other = _parts(asked, request=True), _parts(asked, request=False)
    return [b - a for a, b in zip(own, other, strict=True)]


def fit_log_odds(asked: pl.DataFrame) -> tuple[float, float]:
    """Coefficients of instalments and amount, by least squares on the change of the log odds."""
    change = logit(asked["pd_12m"].to_numpy()) - logit(asked["request_pd"].to_numpy())
    design = np.column_stack(_moves(asked))
    best, *_ = np.linalg.lstsq(design, np.clip(change, -CLIP, CLIP), rcond=None)
    return float(best[0]), float(best[1])


def fit_mean(asked: pl.DataFrame, instalment: float, amount: float) -> float:
    """Coefficient of the months at risk that gets the mean PD right, by maximum likelihood."""
    load, size, months = _moves(asked)
    pd = asked["pd_12m"].to_numpy()
    rest = logit(asked["request_pd"].to_numpy()) + instalment * load + amount * size

    def loss(coefficient: float) -> float:
        odds = rest + coefficient * months
        return float(np.mean(np.logaddexp(0.0, odds) - pd * odds))

    return float(minimize_scalar(loss, bounds=(-1.0, 3.0), method="bounded").x)


def hazard_ratios(asked: pl.DataFrame) -> pl.DataFrame:
    """Ratio of cumulative hazards of life and of 12 months, of approved loans by plan and term."""
    return (
        asked.filter(pl.col("pd") < OfferPolicy.load().product.pd_below)
        .group_by("plan", "term_months")
        .agg(pl.len().alias("offers"), year=pl.col("pd_12m").mean(), life=pl.col("pd_life").mean())
        .with_columns(ratio=(1 - pl.col("life")).log() / (1 - pl.col("year")).log())
        .sort("plan", "term_months")
    )


def judged(asked: pl.DataFrame) -> str:
    """Share of right signs and slope of the shipped response, for amount and for term."""
    response = OfferPolicy.load().assumptions.response
    sales = asked["sales"].to_numpy()
    estimated = log_odds_of_terms(_terms(asked, request=False), sales, response)
    asked = asked.with_columns(estimated=estimated, true=logit(asked["pd_12m"].to_numpy()))
    return "; ".join(_compared(asked, *pair) for pair in (("half", "double"), ("12", "18")))


def _compared(asked: pl.DataFrame, less: str, more: str) -> str:
    both = asked.filter(pl.col("what") == less).join(
        asked.filter(pl.col("what") == more), on=["world", "application_id"], suffix="_more"
    )
    moving = both.filter((pl.col("pd_12m_more") / pl.col("pd_12m") - 1).abs() > MOVES)
    true = (moving["true_more"] - moving["true"]).to_numpy()
    told = (moving["estimated_more"] - moving["estimated"]).to_numpy()
    right = np.sign(true) == np.sign(told)
    slope = float((true * told).sum() / (true * true).sum())
    by_plan = ", ".join(
        f"{plan} {right[(moving['plan'] == plan).to_numpy()].mean():.2f}" for plan in PLANS
    )
    return (
        f"{less} to {more}: {moving.height} of {both.height} move, sign right {right.mean():.3f} "
        f"({by_plan}), median change {np.median(told):.2f} against {np.median(true):.2f}, "
        f"slope {slope:.2f}"
    )


if __name__ == "__main__":
    main()
