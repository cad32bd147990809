"""Applicants whose verified sales, season and request are set by hand."""

import datetime as dt
import tomllib

import numpy as np
import polars as pl
import pytest

from features.contract.validation import conform
from features.settings import overlaid
from features.table.catalogue import feature_names
from models.policy import Policy
from scoring.offers.offer import make_offers
from scoring.offers.policy import POLICIES, OfferPolicy

AS_OF = dt.date(2025, 3, 1)


@pytest.fixture(scope="session")
def policy_of():
    """An offer policy from a shipped one and changes to it."""

    def policy_of(changes=None, *, base="quick_business_loan"):
        plain = tomllib.loads((POLICIES / f"{base}.toml").read_text("utf-8"))
        return OfferPolicy.of(overlaid(plain, changes or {}), where="test.toml")

    return policy_of


@pytest.fixture(scope="session")
def people():
    """Feature rows and applications of some applicants; every keyword a scalar or a list."""

    def people(n=1, *, as_of=AS_OF, **given):
        figures = {
            "tax_sales": 1_000_000.0, "shop_sales": None, "weak": 0.8, "weak_age": 20.0,
            "guests": 0.0, "amount_cny": 100_000.0, "term_months": 12, "plan": "equal",
            "purpose": "raw_material",
        } | given  # fmt: skip
        n = max([n, *(len(v) for v in figures.values() if isinstance(v, list))])
        of = {k: v if isinstance(v, list) else [v] * n for k, v in figures.items()}
        features = pl.DataFrame(
            {
                "application_id": [f"A{k:07d}" for k in range(n)],
                "firm_id": [f"F{k:06d}" for k in range(n)],
                "as_of": as_of if isinstance(as_of, list) else [as_of] * n,
                **dict.fromkeys(feature_names(), pl.Series([None] * n, dtype=pl.Float64)),
            }
        )
        daily = {
            "tax_sales_mean_365d": [None if s is None else s / 365 for s in of["tax_sales"]],
            "ecommerce_gmv_mean_365d": [None if s is None else s / 365 for s in of["shop_sales"]],
            "tax_sales_worst_month_365d": of["weak"],
            "ecommerce_orders_worst_month_365d": of["weak"],
            "tax_sales_worst_month_age_365d": of["weak_age"],
            "ecommerce_orders_worst_month_age_365d": of["weak_age"],
            "firm_in_guests": of["guests"],
            **{f"history_{s}": [455.0] * n for s in ("tax", "ecommerce")},
        }
        features = features.with_columns(
            pl.Series(name, values, dtype=pl.Float64) for name, values in daily.items()
        )
        applications = features.select(
            "application_id", "firm_id", applied_on="as_of"
        ).with_columns(
            first_time=True,
            **{c: pl.Series(of[c]) for c in ("amount_cny", "term_months", "plan", "purpose")},
        )
        return features, conform(applications, "applications")

    return people


@pytest.fixture(scope="session")
def offer(people, policy_of):
    """Offers of a policy, `pd` and figures as of `people`."""

    def offer(pd=0.005, *, policy=None, **given):
        features, applications = people(**given)
        pd = np.broadcast_to(np.asarray(pd, float), features.height).copy()
        made_by = policy_of() if policy is None else policy
        return make_offers(features, applications, pd, policy=made_by, scoring=Policy.load())

    return offer
