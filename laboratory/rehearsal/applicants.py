"""Applicants of a rehearsal: features, PD and decision before any offer, and who they are."""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from features.arrays import Bools, Floats
from features.contract.errors import ContractError
from features.engine.build import build_features
from features.io.loan_outcomes import outcomes_of
from features.io.signal_reader import Signals, read_applications
from models.data.split import CALIBRATION, OUT_OF_TIME, period_starts
from models.estimators.model import Model
from models.policy import Policy
from models.settings import SplitConfig, read_settings
from scoring.offers.offer import Offers, make_offers, readable
from scoring.offers.policy import OfferPolicy

if TYPE_CHECKING:
    from features.parallel.executor import Progress


@dataclass(frozen=True, eq=False)
class Applicants:
    """Applicants of one period, whom every policy decides on.

    Attributes
    ----------
    applications : polars.DataFrame of n rows
        Table `applications` of the contract.
    outcomes : polars.DataFrame
        Table `outcomes`, of all applications of the folder.
    features : polars.DataFrame of n rows
    area : polars.Series of n
        Area of the firm.
    applied_on : polars.DataFrame
        `application_id` and `applied_on` of all applications of the folder.
    model : Model
    scoring : Policy
    """

    applications: pl.DataFrame
    outcomes: pl.DataFrame
    features: pl.DataFrame
    area: pl.Series
    applied_on: pl.DataFrame
    model: Model
    scoring: Policy

    def __len__(self) -> int:
        return self.applications.height

    @property
    def outcomes_before(self) -> pl.DataFrame:
        """Outcomes of applications before these."""
        first = self.applications["applied_on"].min()
        known = self.applied_on.filter(pl.col("applied_on") < first)
        return self.outcomes.join(known, on="application_id", how="semi")

    def rows(self, kept: Bools) -> "Applicants":
        """Some of the applicants."""
        mask = pl.Series(kept)
        return replace(
            self,
            applications=self.applications.filter(mask),
            features=self.features.filter(mask),
            area=self.area.filter(mask),
        )

    def pd(self, features: pl.DataFrame | None = None) -> Floats:
        """12-month PD of the loans applied for, shape (n,)."""
        return self.model.pd(self.model.margin(self.features if features is None else features))

    def offers(self, policy: OfferPolicy) -> tuple[Offers, Bools]:
        """Offers of a policy, and to whom they are made.

        Sources that the product does not read are masked; only applicants that the score policy
        approves get an offer.
        """
        features = readable(self.features, policy)
        pd = self.pd(features)
        offers = make_offers(features, self.applications, pd, policy=policy, scoring=self.scoring)
        return offers, offers.made & self.scoring.approved(features, pd)


def read_applicants(
    data: Path,
    model: Model,
    *,
    before: bool = False,
    config: SplitConfig | None = None,
    workers: int = 1,
    progress: "Progress | None" = None,
) -> Applicants:
    """Read the out-of-time applicants of a data folder, or those before them.

    Parameters
    ----------
    data : pathlib.Path
    model : Model
    before : bool
        Those of the calibration period instead.
    config : SplitConfig, optional
        Which quarters are out of time; by default as training has it.
    workers : int
    progress : callable, optional

    Raises
    ------
    ContractError
        If the folder holds no outcomes, or nobody applied in that period.
    """
    applications = read_applications(data / "applications.csv")
    signals = Signals.open(data)
    outcomes = outcomes_of(data, signals, applications)
    told = applications.join(outcomes, on="application_id", how="left").rename(
        {"applied_on": "as_of"}
    )
    starts = period_starts(told, config or read_settings().split)
    first, last = (
        (starts[CALIBRATION], starts[OUT_OF_TIME]) if before else (starts[OUT_OF_TIME], dt.date.max)
    )
    chosen = applications.filter(
        (pl.col("applied_on") >= first) & (pl.col("applied_on") < last)
    ).sort("application_id")
    if chosen.is_empty():
        raise ContractError(f"{data}: nobody applied from {first} on. Give a longer period.")
    features = build_features(
        signals, chosen, reference=model.reference, workers=workers, progress=progress
    )
    firms = pl.concat(signals.read("firms", bucket=bucket) for bucket in signals.buckets)
    area = chosen.join(
        firms.unique("firm_id", keep="first"), on="firm_id", how="left", maintain_order="left"
    )["area"]
    return Applicants(
        applications=chosen,
        outcomes=outcomes,
        features=features,
        area=area,
        applied_on=applications.select("application_id", "applied_on"),
        model=model,
        scoring=model.policy,
    )
