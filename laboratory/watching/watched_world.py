"""Months of a world's loans with every statistic of early warning and what became of them."""

from pathlib import Path

import numpy as np
import polars as pl

from features.contract.tables import SOURCES
from features.engine.build import build_features
from features.engine.mask_sources import mask_sources
from features.io.loan_outcomes import ENDED, FIRST_PAST_DUE
from features.io.signal_reader import Signals, read_applications, read_outcomes
from features.loan.build import build_loan_features, read_loans
from models.data.snapshots import OPEN
from models.estimators.model import Model
from scoring.watch.policy import WatchPolicy
from synthetic.offer_truth.answer import offer_truth

FRAUD = ("intent",)
"""Causes of default that no business signal announces."""

MODEL, BARE, CUSUM, ANY = "behaviour_pd", "bare_rule", "cusum", "all"
TRUTH = "true_pd"
"""PD of six months given the latent state of the day: what no record can surpass."""
WITHOUT = "without_"
"""Beginning of the names of the behaviour PD with a source masked."""
APPLICATION, DAYS_PAST_DUE = "application_log_odds", "days_past_due_now"
"""What a lender has without watching."""


def watched_world(
    world: Path, model: Model, application: Model, policy: WatchPolicy, *, workers: int = 2
) -> pl.DataFrame:
    """Watch every loan of a world on the day after each month's end.

    Returns
    -------
    polars.DataFrame
        loan_id, as_of, default_on, ended_on, seen_until, fraud, one 0 or 1 a rule, and the
        statistics `MODEL`, `BARE` (days), `CUSUM`, `APPLICATION` (log-odds), `DAYS_PAST_DUE`,
        `TRUTH` (0 where all is paid), and the behaviour PD with each source masked, and all.
    """
    signals = Signals.open(world)
    months = pl.concat([signals.read("loan_months", bucket=b) for b in signals.buckets])
    loans = read_loans(signals)
    told = months.group_by("loan_id").agg(
        default_on=FIRST_PAST_DUE,
        ended_on=pl.col("month_end").filter(pl.col("status").is_in(ENDED)).min(),
    )
    observed = loans.select("loan_id", "application_id").join(
        read_outcomes(world / "outcomes.csv").select("application_id", seen_until="observed_until"),
        on="application_id",
    )
    day = pl.col("month_end") + pl.duration(days=1)
    snapshots = (
        months.filter(pl.col("status").is_in(OPEN))
        .select("loan_id", "firm_id", as_of=day)
        .join(told, on="loan_id")
        .join(observed, on="loan_id")
        .filter(pl.col("default_on").is_null() | (pl.col("default_on") >= pl.col("as_of")))
    )
    features = build_loan_features(
        signals, snapshots, loans, season=model.season, reference=model.reference, workers=workers
    )
    fired = policy.fired(features)
    pd = model.pd(model.margin(features))
    cause = pl.read_parquet(world / "truth" / "truth.parquet", columns=["application_id", "cause"])
    known = snapshots.join(cause, on="application_id", how="left", maintain_order="left")
    return snapshots.select(
        "loan_id", "as_of", "default_on", "ended_on", "seen_until"
    ).with_columns(
        _true_pd(world, snapshots, workers).alias(TRUTH),
        *_without_sources(features, model),
        known["cause"].is_in(FRAUD).fill_null(value=False).alias("fraud"),
        pl.Series(MODEL, pd),
        _at_application(world, known, application).alias(APPLICATION),
        features["days_past_due"].fill_null(0.0).cast(pl.Float64).alias(DAYS_PAST_DUE),
        features["orders_down_days_bare_28d"].fill_null(0.0).cast(pl.Float64).alias(BARE),
        features["activity_cusum"].fill_null(0.0).cast(pl.Float64).alias(CUSUM),
        *(
            pl.Series(rule.name, fired[:, k].astype(np.float64))
            for k, rule in enumerate(policy.rules)
        ),
        pl.Series(ANY, fired.any(axis=1).astype(np.float64)),
    )


def _true_pd(world: Path, snapshots: pl.DataFrame, workers: int) -> pl.Series:
    asked = loans_as_offers(world).join(
        snapshots.select("loan_id", "as_of"), on="loan_id", maintain_order="right"
    )
    return offer_truth(world, asked, workers=workers)["pd_6m"].fill_null(0.0)


def loans_as_offers(world: Path) -> pl.DataFrame:
    """Loans of a world by `loan_id`, with the columns that `truth_of` asks for."""
    purposes = read_applications(world / "applications.csv").select("application_id", "purpose")
    return (
        read_loans(Signals.open(world))
        .select("loan_id", "application_id", "rate_pct", "term_months", "plan",
                amount_cny="limit_cny")
        .join(purposes, on="application_id", maintain_order="left")
    )  # fmt: skip


def _without_sources(features: pl.DataFrame, model: Model) -> list[pl.Series]:
    """Behaviour PD with each source masked, and with all of them."""
    every = np.ones(features.height, np.bool_)
    cases = {source: {source: every} for source in SOURCES} | {
        "all_sources": dict.fromkeys(SOURCES, every)
    }
    return [
        pl.Series(f"{WITHOUT}{name}", model.pd(model.margin(mask_sources(features, hidden))))
        for name, hidden in cases.items()
    ]


def _at_application(world: Path, snapshots: pl.DataFrame, application: Model) -> pl.Series:
    """Log-odds of default that the application model gave each loan."""
    applications = read_applications(world / "applications.csv")
    features = build_features(
        Signals.open(world), applications, workers=2, reference=application.reference
    )
    margin = features.select("application_id").with_columns(
        pl.Series("margin", application.margin(features))
    )
    return snapshots.select("application_id").join(
        margin, on="application_id", how="left", maintain_order="left"
    )["margin"]
