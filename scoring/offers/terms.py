"""Terms of loans: amount, rate, term and plan."""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import polars as pl

from features.arrays import Array, Floats
from features.contract.tables import PLANS
from features.instalments import REFERENCE_RATE_PCT


@dataclass(frozen=True)
class Terms:
    """Terms of some loans; arrays of shape (n,).

    Attributes
    ----------
    amount_cny, rate_pct, term_months : ndarray of float
        NaN where a request leaves it open.
    plan : ndarray of str
        One of `features.contract.tables.PLANS`; empty where a request leaves it open.
    """

    amount_cny: Floats
    rate_pct: Floats
    term_months: Floats
    plan: Array

    def __len__(self) -> int:
        return len(self.amount_cny)

    @classmethod
    def requested(cls, applications: pl.DataFrame) -> Self:
        """Terms that are applied for, at the rate at which the model reads a request."""
        plan = applications["plan"].fill_null("").to_numpy().astype(object)
        return cls(
            amount_cny=applications["amount_cny"].cast(pl.Float64).to_numpy(),
            rate_pct=np.full(applications.height, REFERENCE_RATE_PCT),
            term_months=applications["term_months"].cast(pl.Float64).to_numpy(),
            plan=np.where(np.isin(plan.astype(str), PLANS), plan.astype(str), ""),
        )

    def rows(self, kept: Array) -> Self:
        """Terms of some of the loans."""
        return replace(self, **{f.name: getattr(self, f.name)[kept] for f in fields(self)})

    def filled_from(self, other: Self) -> Self:
        """These terms, and the other's where they are open."""
        numbers = {
            name: np.where(np.isnan(getattr(self, name)), getattr(other, name), getattr(self, name))
            for name in ("amount_cny", "rate_pct", "term_months")
        }
        return replace(self, plan=np.where(self.plan == "", other.plan, self.plan), **numbers)
