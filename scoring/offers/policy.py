"""Offer policy of a lender: limit, rate, term and plan, from TOML, held against the legal caps."""

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from features.arrays import Array, Floats
from features.contract.errors import ContractError
from features.contract.tables import PURPOSES, SOURCES
from features.settings import Settings, checked, overlaid, read_toml
from models.policy import Condition

_HERE = resources.files("scoring.offers")
ASSUMPTIONS_FILE = Path(str(_HERE / "assumptions.toml"))
POLICIES = Path(str(_HERE / "policies"))
"""Folder of the shipped policies."""

DEFAULT = "quick_business_loan"
"""The shipped policy by which offers are made where none is given."""

LenderType = Literal["bank", "small_loan", "platform", "joint"]
Plan = Literal["equal", "interest_first", "seasonal", "line", "share_of_takings"]
Purpose = Literal["raw_material", "equipment", "online_marketing", "cash_gap", "green"]
Source = Literal["tax", "electricity", "logistics", "ecommerce"]
SalesSource = Literal["tax", "ecommerce"]

_LAST_MONTH = 12


class Costs(Settings):
    """What a lender pays for its loans, in % a year of the balance, and CNY a loan."""

    funding_pct: float = Field(ge=0)
    servicing_pct: float = Field(ge=0)
    capital_pct: float = Field(ge=0)
    per_loan_cny: float = Field(ge=0)

    @property
    def yearly_pct(self) -> float:
        """Costs that grow with the balance, % a year."""
        return self.funding_pct + self.servicing_pct + self.capital_pct


class Loss(Settings):
    """Loss given default, and the drawn share of a line."""

    lgd: float = Field(ge=0, le=1)
    drawn_share: float = Field(gt=0, le=1)


class Response(Settings):
    """Response of the log odds of default to the terms of a loan (`scoring.offers.risk`)."""

    instalment: float = Field(ge=0)
    amount: float
    months: float = Field(ge=0)


class TermStructure(Settings):
    """Cumulative hazard of a loan's life against that of its first 12 months, by term and plan."""

    months: tuple[int, ...] = Field(min_length=1)
    equal: tuple[float, ...]
    interest_first: tuple[float, ...]
    line: tuple[float, ...]

    @model_validator(mode="after")
    def _one_for_each_term(self) -> Self:
        if sorted(set(self.months)) != list(self.months):
            raise ValueError("months must rise")
        for name in ("equal", "interest_first", "line"):
            ratios = getattr(self, name)
            if len(ratios) != len(self.months) or min(ratios) < 1:
                raise ValueError(f"{name} needs a ratio of 1 or more for each of {self.months}")
        return self

    def ratio(self, term: Floats, plan: Array) -> Floats:
        """Ratio of hazards of each loan, shape (n,); as of `equal` for plans not named."""
        by_plan = {"interest_first": self.interest_first, "line": self.line}
        ratio = np.interp(term, self.months, self.equal)
        for name, ratios in by_plan.items():
            ratio = np.where(plan == name, np.interp(term, self.months, ratios), ratio)
        return np.asarray(ratio)


class LegalCap(Settings):
    """Highest all-in rate of some types of lender, in force from a day on."""

    lender_types: tuple[LenderType, ...]
    from_: dt.date = Field(alias="from")
    pct: float = Field(gt=0)


class Assumptions(Settings):
    """What every policy shares: costs, loss, response of the PD, term structure, legal caps."""

    costs: Mapping[LenderType, Costs]
    loss: Loss
    response: Response
    term_structure: TermStructure
    legal_caps: tuple[LegalCap, ...]

    def costs_of(self, lender_type: str) -> Costs:
        """Costs of a type of lender.

        Raises
        ------
        ContractError
            If there is no such type.
        """
        known = {str(name): costs for name, costs in self.costs.items()}
        if lender_type not in known:
            raise ContractError(
                f"lender type: expected one of {', '.join(known)}, got {lender_type!r}."
            )
        return known[lender_type]

    def legal_cap(self, lender_type: str, first: dt.date, last: dt.date) -> float:
        """Lowest cap in force on any day from `first` to `last`, % a year."""
        caps = [cap for cap in self.legal_caps if lender_type in cap.lender_types]
        before = [cap for cap in caps if cap.from_ <= first]
        now = [max(before, key=lambda cap: cap.from_)] if before else []
        later = [cap for cap in caps if first < cap.from_ <= last]
        return min((cap.pct for cap in now + later), default=float("inf"))


class Product(Settings):
    """The product: who offers it, to whom, on what records, between which amounts and days."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    title_zh: str = Field(min_length=1)
    lender_type: LenderType
    offered_from: dt.date
    offered_until: dt.date
    sources: tuple[Source, ...] = Field(min_length=1)
    cap_cny: float = Field(gt=0)
    least_cny: float = Field(gt=0)
    pd_below: float = Field(gt=0, le=1)
    only: tuple[Condition, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least_cny > self.cap_cny:
            raise ValueError("least_cny must not exceed cap_cny")
        if self.offered_from > self.offered_until:
            raise ValueError("offered_from must not lie after offered_until")
        return self

    @property
    def reads_all(self) -> bool:
        """Whether every source may be read."""
        return set(self.sources) == set(SOURCES)


class Limit(Settings):
    """Limit rules: a flat limit, or shares of verified sales and of a weak month's sales."""

    flat_cny: float | None = Field(default=None, gt=0)
    sales_share: Mapping[SalesSource, float] = Field(default_factory=dict)
    grade_factors: Mapping[str, float] = Field(default_factory=dict)
    no_sales_cny: float | None = Field(default=None, gt=0)
    instalment_share: float | None = Field(default=None, gt=0, le=1)
    weak_month_floor: float = Field(default=0.0, ge=0, le=1)
    round_to_cny: float = Field(gt=0)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_sales = bool(self.sales_share) and self.instalment_share is not None
        if (self.flat_cny is None) != by_sales:
            raise ValueError("give either flat_cny, or both sales_share and instalment_share")
        if any(share <= 0 for share in (*self.sales_share.values(), *self.grade_factors.values())):
            raise ValueError("shares and factors must lie above 0")
        return self


class Season(Settings):
    """Limit and term by season: a rise ahead of peak months, a cut in the months without one."""

    peak_months: tuple[int, ...] = Field(min_length=1)
    ahead_months: int = Field(ge=0, le=11)
    rise: float = Field(ge=0)
    cut: float = Field(ge=0, lt=1)
    longer_months: int = Field(ge=0)

    @field_validator("peak_months")
    @classmethod
    def _of_a_year(cls, months: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= month <= _LAST_MONTH for month in months):
            raise ValueError("months run from 1 to 12")
        return months

    def high(self, month: Array) -> Array:
        """Whether a peak month is there or lies ahead, by calendar month of the application."""
        ahead = {
            (peak - 1 - k) % 12 + 1
            for peak in self.peak_months
            for k in range(self.ahead_months + 1)
        }
        return np.isin(month, sorted(ahead))


class Rate(Settings):
    """Rate rules: a flat rate, or costs, expected loss and a margin, within floor and cap."""

    flat_pct: float | None = Field(default=None, gt=0)
    margin_pct: float | None = Field(default=None, ge=0)
    floor_pct: float = Field(gt=0)
    cap_pct: float = Field(gt=0)
    step_pct: float = Field(default=0.01, gt=0)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.flat_pct is None) == (self.margin_pct is None):
            raise ValueError("give exactly one of flat_pct and margin_pct")
        if self.floor_pct > self.cap_pct:
            raise ValueError("floor_pct must not exceed cap_pct")
        if self.flat_pct is not None and not self.floor_pct <= self.flat_pct <= self.cap_pct:
            raise ValueError("flat_pct must lie within floor_pct and cap_pct")
        return self


class Term(Settings):
    """Terms on offer, and the shortest and longest by purpose."""

    months: tuple[int, ...] = Field(min_length=1)
    usual: int
    least: Mapping[Purpose, int] = Field(default_factory=dict)
    most: Mapping[Purpose, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _among_the_terms(self) -> Self:
        if sorted(set(self.months)) != list(self.months) or self.months[0] < 1:
            raise ValueError("months must be whole, above 0, and rise")
        named = (self.usual, *self.least.values(), *self.most.values())
        if odd := sorted(set(named) - set(self.months)):
            raise ValueError(f"{odd[0]} months is not among the terms {list(self.months)}")
        for purpose in PURPOSES:
            if self.bounds(purpose)[0] > self.bounds(purpose)[1]:
                raise ValueError(f"least exceeds most for {purpose}")
        return self

    def bounds(self, purpose: str) -> tuple[int, int]:
        """Shortest and longest term for a purpose, months."""
        return (
            self.least.get(purpose, self.months[0]),  # type: ignore[call-overload]
            self.most.get(purpose, self.months[-1]),  # type: ignore[call-overload]
        )


class Plans(Settings):
    """Repayment plans on offer, the one in place of others, and when a season is followed."""

    allowed: tuple[Plan, ...] = Field(min_length=1)
    instead: Plan
    seasonal_below: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.instead not in self.allowed:
            raise ValueError(f"instead must be among the plans allowed: {', '.join(self.allowed)}")
        if self.seasonal_below is not None and "seasonal" not in self.allowed:
            raise ValueError("seasonal_below needs the plan seasonal among those allowed")
        return self


class OfferPolicy(Settings):
    """Offer policy: product, limit, season, rate, term, plan, and the assumptions beside them."""

    product: Product
    limit: Limit
    season: Season | None = None
    rate: Rate
    term: Term
    plan: Plans
    assumptions: Assumptions

    @model_validator(mode="after")
    def _within_the_caps(self) -> Self:
        product, flat = self.product, self.limit.flat_cny
        cap = self.assumptions.legal_cap(
            product.lender_type, product.offered_from, product.offered_until
        )
        if self.rate.cap_pct > cap:
            raise ValueError(
                f"rate.cap_pct of {self.rate.cap_pct:g} exceeds the legal cap of {cap:g} % a year "
                f"for {product.lender_type} between {product.offered_from} and "
                f"{product.offered_until}"
            )
        if flat is not None and flat > product.cap_cny:
            raise ValueError(
                f"limit.flat_cny of {flat:,.0f} exceeds the product's cap_cny of "
                f"{product.cap_cny:,.0f}"
            )
        unread = sorted(set(self.limit.sales_share) - set(product.sources))
        if unread:
            raise ValueError(f"limit.sales_share names {unread[0]}, which is not among the sources")
        if product.lender_type not in self.assumptions.costs:
            raise ValueError(f"assumptions.costs lacks {product.lender_type}")
        return self

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read an offer policy; without a path, the shipped default.

        Parameters
        ----------
        path : pathlib.Path, optional
            A TOML file, or the name of a shipped policy, such as `tax_loan`.

        Raises
        ------
        ContractError
            If the file cannot be read, or holds unknown, missing or contradictory settings, or
            breaks the legal cap or the product's own.
        """
        source = POLICIES / f"{DEFAULT}.toml" if path is None else path
        if not source.suffix and not source.exists() and source.name in shipped():
            source = POLICIES / f"{source.name}.toml"
        plain = read_toml(source, expected=f"an offer policy (shipped: {', '.join(shipped())})")
        return cls.of(plain, where=source)

    @classmethod
    def of(cls, plain: Mapping[str, Any], *, where: object) -> Self:
        """Check plain values, with the shipped assumptions below those given."""
        shared = read_toml(ASSUMPTIONS_FILE, expected="the shipped assumptions")
        given = plain.get("assumptions", {})
        whole = dict(plain)
        if isinstance(given, Mapping):
            whole["assumptions"] = overlaid(shared, given)
        return checked(
            cls,
            whole,
            where=where,
            remedy=f"{POLICIES.name}/{DEFAULT}.toml in scoring/offers shows every setting.",
        )

    @cached_property
    def costs(self) -> Costs:
        """Costs of the product's type of lender."""
        return self.assumptions.costs[self.product.lender_type]

    def check_grades(self, grades: tuple[str, ...]) -> None:
        """Hold the grade factors against the grades of a score policy.

        Raises
        ------
        ContractError
            If a factor is missing or names no grade.
        """
        factors = self.limit.grade_factors
        if factors and set(factors) != set(grades):
            raise ContractError(
                f"offer policy {self.product.name}: limit.grade_factors: expected one for each of "
                f"the grades {', '.join(grades)}, got {', '.join(factors)}. Give an offer policy "
                "that names the grades of the score policy, or make no offers (--no-offers)."
            )


def shipped() -> list[str]:
    """Names of the shipped policies."""
    return sorted(path.stem for path in POLICIES.glob("*.toml"))
