"""Limit, term and plan of an offer, given its grade and rate.

limit = least of
    request      the amount applied for
    cap          the product's cap
    sales        share of verified yearly sales · grade factor · season; where no sale is known,
                 the policy's limit for that · grade factor
    instalment   the amount whose equal instalment is a share of a weak month's verified sales

The term is the shortest on offer, from the one applied for, whose instalment does not cut the
limit; instalments of a firm with a strong season follow it.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from features.arrays import Array, Bools, Floats
from features.instalments import annuity_share
from scoring.offers.policy import OfferPolicy
from scoring.offers.terms import Terms
from scoring.offers.verified_sales import VerifiedSales, verified_sales

RULES = REQUEST, CAP, FLAT, SALES, INSTALMENT = (
    "request",
    "cap",
    "flat",
    "sales",
    "instalment",
)
"""What may decide a limit."""


@dataclass(frozen=True)
class Applicants:
    """What the rules read of some applicants; arrays of shape (n,).

    Attributes
    ----------
    request : Terms
    purpose : ndarray of str
    sales : VerifiedSales
    high_season : ndarray of bool
        Whether a peak month is there or lies ahead; false without season rules.
    meant : ndarray of bool
        Whether the product is meant for the firm.
    """

    request: Terms
    purpose: Array
    sales: VerifiedSales
    high_season: Array
    meant: Bools

    @classmethod
    def of(
        cls, features: pl.DataFrame, applications: pl.DataFrame, policy: OfferPolicy
    ) -> "Applicants":
        """Read them off feature rows and the rows of `applications` that belong to them."""
        month = features["as_of"].dt.month().to_numpy()
        season = policy.season
        return cls(
            request=Terms.requested(applications),
            purpose=np.array([p or "" for p in applications["purpose"].to_list()], dtype=str),
            sales=verified_sales(features, policy),
            high_season=np.zeros(len(month), bool) if season is None else season.high(month),
            meant=_meant(features, policy),
        )


def _meant(features: pl.DataFrame, policy: OfferPolicy) -> Bools:
    meant = np.ones(features.height, dtype=bool)
    for condition in policy.product.only:
        meant &= condition.holds(features[condition.feature].cast(pl.Float64).to_numpy())
    return meant


@dataclass(frozen=True)
class Limited:
    """Limits, terms and plans; arrays of shape (n,).

    Attributes
    ----------
    amount_cny : ndarray
    term_months : ndarray
    plan : ndarray of str
    rule : ndarray of int
        Place in `RULES` of the rule that decided.
    by_sales_cny, instalment_cny : ndarray
        Limit by sales alone, and the instalment that a weak month can carry; infinite where the
        policy has no such rule.
    """

    amount_cny: Floats
    term_months: Floats
    plan: Array
    rule: Array
    by_sales_cny: Floats
    instalment_cny: Floats


def limited(people: Applicants, factor: Floats, rate_pct: Floats, policy: OfferPolicy) -> Limited:
    """Apply the rules.

    Parameters
    ----------
    people : Applicants
    factor : ndarray of shape (n,)
        Grade factor.
    rate_pct : ndarray of shape (n,)
        Rate at which instalments are computed.
    policy : OfferPolicy
    """
    n, limit = len(factor), policy.limit
    by_sales = people.sales.allowed_cny * factor * _season_factor(people, policy)
    carried = _carried_instalment(people, policy)
    unknown = np.isnan(people.sales.yearly_cny)
    by_sales = np.where(unknown, (limit.no_sales_cny or 0.0) * factor, by_sales)
    carried = np.where(unknown, np.inf, carried)
    if limit.flat_cny is not None:
        by_sales, carried = np.full(n, np.inf), np.full(n, np.inf)
    flat = np.inf if limit.flat_cny is None else limit.flat_cny
    amounts = np.stack(
        [
            np.nan_to_num(people.request.amount_cny, nan=np.inf),
            np.full(n, policy.product.cap_cny),
            np.full(n, flat),
            by_sales,
        ]
    )
    before = amounts.min(axis=0)
    term, by_instalment = _term(people, before, carried, rate_pct, policy)
    amounts = np.vstack([amounts, by_instalment])
    least = amounts.min(axis=0)
    return Limited(
        amount_cny=np.floor(least / limit.round_to_cny) * limit.round_to_cny,
        term_months=term,
        plan=_plan(people, policy),
        rule=amounts.argmin(axis=0),
        by_sales_cny=by_sales,
        instalment_cny=carried,
    )


def _season_factor(people: Applicants, policy: OfferPolicy) -> Floats:
    season = policy.season
    if season is None:
        return np.ones(len(people.purpose))
    return np.where(people.high_season, 1 + season.rise, 1 - season.cut)


def _carried_instalment(people: Applicants, policy: OfferPolicy) -> Floats:
    """Instalment that a weak month's verified sales can carry, CNY."""
    limit = policy.limit
    weak = np.maximum(people.sales.weak_month, limit.weak_month_floor)
    weak = np.where(_plan(people, policy) == "seasonal", 1.0, weak)
    share = limit.instalment_share or 1.0
    return np.asarray(share * weak * people.sales.yearly_cny / 12)


def _term(
    people: Applicants, amount: Floats, carried: Floats, rate_pct: Floats, policy: OfferPolicy
) -> tuple[Floats, Floats]:
    """Term of each loan, and the amount whose instalment can be carried over it."""
    rules = policy.term
    bounds = {purpose: rules.bounds(purpose) for purpose in np.unique(people.purpose).tolist()}
    least = np.array([bounds[purpose][0] for purpose in people.purpose.tolist()], dtype=float)
    most = np.array([bounds[purpose][1] for purpose in people.purpose.tolist()], dtype=float)
    asked = np.nan_to_num(people.request.term_months, nan=float(rules.usual))
    if policy.season is not None:
        asked = asked + np.where(people.high_season, 0, policy.season.longer_months)
    first = np.clip(asked, least, most)
    terms = np.array(rules.months, dtype=float)[:, None]
    open_to = (terms >= first) & (terms <= most)
    # a term between two on offer is rounded up, beyond the last one down
    open_to[-1] |= ~open_to.any(axis=0)
    fits = carried / annuity_share(rate_pct, terms)
    enough = open_to & (fits >= amount)
    longest = len(terms) - 1 - open_to[::-1].argmax(axis=0)
    place = np.where(enough.any(axis=0), enough.argmax(axis=0), longest)
    return terms[place, 0], fits[place, np.arange(fits.shape[1])]


def _plan(people: Applicants, policy: OfferPolicy) -> Array:
    """Plan applied for if it is on offer, else the policy's; a strong season is followed."""
    rules = policy.plan
    plan = np.where(np.isin(people.request.plan, rules.allowed), people.request.plan, rules.instead)
    if rules.seasonal_below is None:
        return plan
    seasonal = (people.sales.weak_month < rules.seasonal_below) & (plan == "equal")
    return np.where(seasonal, "seasonal", plan)
