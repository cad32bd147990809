"""Results of rehearsed offers: volume, default, loss, profit, and who is served."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from laboratory.rehearsal.acceptance import AcceptanceCurve
from laboratory.rehearsal.applicants import Applicants
from scoring.offers.policy import Costs
from synthetic.offer_truth.answer import offer_truth
from synthetic.offer_truth.asked import COLUMNS


@dataclass(frozen=True, eq=False)
class Rehearsed:
    """Offers of one policy and what comes of them.

    Attributes
    ----------
    name, title : str
    offers : polars.DataFrame
        The offers; `accept_probability`, `pd_12m`, `pd_life`, `expected_loss_cny`,
        `expected_income_cny`, `borrower_gain_cny` by the truth, or by estimates without one; with
        `estimated_*` where the policy estimates them.
    figures : mapping of str to float
        As of `measure`.
    """

    name: str
    title: str
    offers: pl.DataFrame
    figures: Mapping[str, float]


Judge = Callable[[pl.DataFrame], pl.DataFrame]
"""Adds to offers what comes of them."""


def by_truth(data: Path, *, workers: int) -> Judge:
    """Judge offers by the truth of the world they are made in."""

    def judge(offers: pl.DataFrame) -> pl.DataFrame:
        truth = offer_truth(data, offers.select(*COLUMNS), workers=workers)
        return offers.hstack(truth.drop("application_id"))

    return judge


def by_estimates(curve: AcceptanceCurve) -> Judge:
    """Judge offers by what the policy itself expects, taken as past offers were."""

    def judge(offers: pl.DataFrame) -> pl.DataFrame:
        return offers.with_columns(
            accept_probability=pl.Series(curve.probability(offers["rate_pct"].to_numpy())),
            pd_12m="estimated_pd",
            pd_life="estimated_pd_life",
            expected_loss_cny="estimated_loss_cny",
            expected_income_cny="estimated_income_cny",
            borrower_gain_cny=pl.lit(None, pl.Float64),
        )

    return judge


def profit(costs: Costs) -> pl.Expr:
    """Expected profit of an offer if it is taken, CNY."""
    balance_years = pl.col("expected_income_cny") / (pl.col("rate_pct") / 100)
    return (
        pl.col("expected_income_cny")
        - pl.col("expected_loss_cny")
        - costs.yearly_pct / 100 * balance_years
        - costs.per_loan_cny
    )


def expected_profit(costs: Costs) -> pl.Expr:
    """Expected profit of making an offer, which may not be taken, CNY."""
    return pl.col("accept_probability") * profit(costs)


def measure(
    offers: pl.DataFrame, people: Applicants, requested: pl.DataFrame | None, costs: Costs
) -> dict[str, float]:
    """Figures of one policy.

    Parameters
    ----------
    offers : polars.DataFrame
        As of `Rehearsed.offers`.
    people : Applicants
    requested : polars.DataFrame or None
        The loans applied for with their truth; None without one.
    costs : Costs

    Returns
    -------
    dict of str to float
        Money in CNY, rates in %, over the loans' lives; NaN where nothing can be said.
    """
    who = people.applications.select("application_id", "first_time").with_columns(area=people.area)
    loans = offers.join(who, on="application_id", how="left", maintain_order="left")
    taken = loans["accept_probability"].to_numpy()

    def total(figure: pl.Expr | str) -> float:
        values = loans.select(pl.col(figure) if isinstance(figure, str) else figure).to_series()
        return float((taken * values.cast(pl.Float64).to_numpy()).sum())

    income, loss = total("expected_income_cny"), total("expected_loss_cny")
    balance_years = total(pl.col("expected_income_cny") / (pl.col("rate_pct") / 100))
    volume, number = total("amount_cny"), float(taken.sum())
    earned = total(profit(costs))
    return {
        "applicants": float(len(people)),
        "offers": float(loans.height),
        "accepted": number,
        "volume_cny": volume,
        "mean_rate_pct": _percent(income, balance_years),
        "default_by_number_pct": _percent(total("pd_life"), number),
        "default_by_balance_pct": _percent(total(pl.col("pd_life") * pl.col("amount_cny")), volume),
        "default_12m_pct": _percent(total("pd_12m"), number),
        "income_cny": income,
        "funding_cny": costs.funding_pct / 100 * balance_years,
        "operating_cny": costs.servicing_pct / 100 * balance_years + costs.per_loan_cny * number,
        "capital_cny": costs.capital_pct / 100 * balance_years,
        "loss_cny": loss,
        "profit_cny": earned,
        "return_pct": _percent(earned, balance_years),
        "first_time_served": total(pl.col("first_time").fill_null(value=False)),
        "rural_served": total((pl.col("area") == "rural").fill_null(value=False)),
        "good_refused_pct": _good_refused(offers, requested),
        "borrower_gain_cny": total("borrower_gain_cny"),
        "estimated_loss_cny": _estimated(loans, taken, "estimated_loss_cny"),
        "estimated_profit_cny": _estimated(loans, taken, "estimated_profit_cny"),
    }


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else float("nan")


def _estimated(loans: pl.DataFrame, taken: np.ndarray, name: str) -> float:
    """Sum of what the policy itself expected of the offers that are taken."""
    if name not in loans.columns:
        return float("nan")
    return float((taken * loans[name].to_numpy()).sum())


def _good_refused(offers: pl.DataFrame, requested: pl.DataFrame | None) -> float:
    """Of those who would repay what they applied for, the share without an offer, %."""
    if requested is None:
        return float("nan")
    good = 1 - requested["pd_life"].to_numpy()
    without = ~requested["application_id"].is_in(offers["application_id"].implode()).to_numpy()
    return _percent(float(good[without].sum()), float(good.sum()))
