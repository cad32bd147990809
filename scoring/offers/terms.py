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
        plan = np.array([plan or "" for plan in applications["plan"].to_list()], dtype=str)
        return cls(
            amount_cny=np.asarray(applications["amount_cny"].to_numpy(), dtype=np.float64),
            rate_pct=np.full(applications.height, REFERENCE_RATE_PCT),
            term_months=np.asarray(applications["term_months"].to_numpy(), dtype=np.float64),
            plan=np.where(np.isin(plan, PLANS), plan, ""),
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
