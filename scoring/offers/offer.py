"""Loan offers to approved applicants: a fixed point of limit, PD, grade and rate.

The limit depends on the grade, the grade on the PD of the loan offered, that on its limit and rate,
and the rate on the PD. The steps begin with the largest limit that any grade allows and only ever
cut it, so that they settle; what has not settled after `STEPS` of them is referred.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from features.arrays import Array, Bools, Floats
from features.contract.tables import SOURCES
from features.engine.mask_sources import mask_sources
from models.policy import Policy
from scoring.offers.limit import RULES, SALES, Applicants, Limited, limited
from scoring.offers.policy import OfferPolicy
from scoring.offers.price import Price, fair_rate, price
from scoring.offers.risk import pd_of_terms
from scoring.offers.terms import Terms

STEPS = 6
"""Steps within which an offer has to settle."""

REFUSALS = (
    OFFERED,
    NOT_FOR,
    NO_SALES,
    UNSETTLED,
    TOO_SMALL,
    TOO_RISKY,
    UNPRICED,
) = ("", "not_for", "no_sales", "unsettled", "too_small", "too_risky", "unpriced")
"""Why no offer is made; the first one is an offer."""

_BY_SALES = RULES.index(SALES)

_DIGITS = 9
"""Decimals of a rate in steps, so that 5.05 / 0.05 is 101."""


@dataclass(frozen=True)
class Offers:
    """Offers to some applicants; arrays of shape (n,), also where none is made.

    Attributes
    ----------
    refusal : ndarray of str
        One of `REFUSALS`.
    people : Applicants
    terms : Terms
    limited : Limited
        Of the step that decided the limit where the share of sales did, else of the last one.
    pd : ndarray
        12-month PD on the terms offered.
    grade : ndarray of str
    limit_grade : ndarray of str
        Grade by which the share of sales was taken: that of the larger loan that was cut.
    factor : ndarray
        Grade factor of the last step.
    fair_rate_pct : ndarray
        Rate that covers everything, before floor and cap.
    price : Price
    """

    refusal: Array
    people: Applicants
    terms: Terms
    limited: Limited
    pd: Floats
    grade: Array
    limit_grade: Array
    factor: Floats
    fair_rate_pct: Floats
    price: Price

    @property
    def made(self) -> Bools:
        """Whether an offer is made."""
        return np.asarray(self.refusal == OFFERED)


def make_offers(
    features: pl.DataFrame,
    applications: pl.DataFrame,
    pd: Floats,
    *,
    policy: OfferPolicy,
    scoring: Policy,
) -> Offers:
    """Make an offer to each applicant.

    Parameters
    ----------
    features : polars.DataFrame of n rows
        From `features.engine.build.build_features`.
    applications : polars.DataFrame of n rows
        Rows of the contract's table `applications`, in the same order.
    pd : ndarray of shape (n,)
        12-month PD of the loans applied for.
    policy : OfferPolicy
    scoring : Policy
        Its grades.
    """
    people = Applicants.of(features, applications, policy)
    n = len(pd)
    bounds, names = np.array(scoring.grade_bounds), np.array([g.name for g in scoring.grades])
    factors = np.array([policy.limit.grade_factors.get(name, 1.0) for name in names])
    rate = np.full(n, policy.rate.flat_pct or policy.rate.floor_pct)
    grade, amount, rule = np.zeros(n, dtype=np.int64), np.full(n, np.inf), np.zeros(n, np.int64)
    limit_grade, by_sales = grade, amount
    factor, offered_pd, settled = np.full(n, factors.max()), pd, np.zeros(n, bool)
    for _ in range(STEPS):
        step = limited(people, factor, rate, policy)
        cut = step.amount_cny < amount
        amount, rule = np.where(cut, step.amount_cny, amount), np.where(cut, step.rule, rule)
        by = cut | (rule != _BY_SALES)
        by_sales = np.where(by, step.by_sales_cny, by_sales)
        limit_grade = np.where(by, grade, limit_grade)
        terms = Terms(amount, rate, step.term_months, step.plan)
        offered_pd = pd_of_terms(
            pd, people.request, terms, people.sales.yearly_cny, policy.assumptions.response
        )
        value = price(terms, offered_pd, policy)
        fair, new_rate = policy_rate(value, policy)
        new_grade = np.searchsorted(bounds, offered_pd, side="right")
        settled = ~cut & (new_rate == rate) & (new_grade == grade)
        grade, factor, rate = new_grade, factors[new_grade], new_rate
        if settled.all():
            break
    made = Offers(
        refusal=np.full(n, OFFERED),
        people=people,
        terms=terms,
        limited=replace(step, amount_cny=amount, rule=rule, by_sales_cny=by_sales),
        pd=offered_pd,
        grade=names[grade],
        limit_grade=names[limit_grade],
        factor=factor,
        fair_rate_pct=fair,
        price=value,
    )
    return replace(made, refusal=_refusal(made, policy, settled=settled))


def readable(features: pl.DataFrame, policy: OfferPolicy) -> pl.DataFrame:
    """Feature rows without the sources that a product does not read."""
    if policy.product.reads_all:
        return features
    everybody = np.ones(features.height, dtype=bool)
    unread = [source for source in SOURCES if source not in policy.product.sources]
    return mask_sources(features, dict.fromkeys(unread, everybody))


def policy_rate(value: Price, policy: OfferPolicy) -> tuple[Floats, Floats]:
    """Rate that covers everything, and the rate offered: rounded up, within floor and cap."""
    rules = policy.rate
    with np.errstate(invalid="ignore", divide="ignore"):
        fair = np.nan_to_num(fair_rate(value, rules.margin_pct or 0.0), nan=np.inf)
    if rules.flat_pct is not None:
        return fair, np.full(len(fair), rules.flat_pct)
    steps = np.ceil(np.round(np.minimum(fair, rules.cap_pct) / rules.step_pct, _DIGITS))
    rounded = np.round(steps * rules.step_pct, _DIGITS)
    return fair, np.clip(rounded, rules.floor_pct, rules.cap_pct)


def _refusal(offers: Offers, policy: OfferPolicy, *, settled: Bools) -> Array:
    """Why each applicant gets no offer, the first reason that holds."""
    product, people = policy.product, offers.people
    by_sales = policy.limit.flat_cny is None
    tests = {
        NOT_FOR: ~people.meant,
        NO_SALES: offers.limited.by_sales_cny == 0,
        TOO_SMALL: offers.terms.amount_cny < product.least_cny,
        UNSETTLED: ~settled,
        TOO_RISKY: offers.pd >= product.pd_below,
        UNPRICED: by_sales & (offers.price.profit_cny < 0),
    }
    return np.select(list(tests.values()), list(tests), default=OFFERED)
