"""Months of a world's loans with every statistic of early warning and what became of them."""

from pathlib import Path

import numpy as np
import polars as pl

from features.engine.build import build_features
from features.io.loan_outcomes import ENDED, FIRST_PAST_DUE
from features.io.signal_reader import Signals, read_applications, read_outcomes
from features.loan.build import build_loan_features, read_loans
from models.data.snapshots import OPEN
from models.estimators.model import Model
from scoring.watch.policy import WatchPolicy

FRAUD = ("intent",)
"""Causes of default that no business signal announces."""

MODEL, BARE, CUSUM, ANY = "behaviour_pd", "bare_rule", "cusum", "all"
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
        statistics `MODEL`, `BARE` (days), `CUSUM`, `APPLICATION` (log-odds), `DAYS_PAST_DUE`.
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
