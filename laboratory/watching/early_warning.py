"""Operating curves of early warning: defaults warned of at a rate of false alarms.

    python -m laboratory.watching.early_warning --model MODEL --application MODEL \
        --choose WORLD... --judge WORLD...

Thresholds are chosen on some worlds and judged on others. Rates are of all judged worlds together;
intervals are Student's over worlds.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from features.contract.tables import SIX_MONTHS_DAYS
from laboratory.watching.episodes import Alarms, alarms, threshold_at
from laboratory.watching.watched_world import (
    APPLICATION,
    BARE,
    CUSUM,
    DAYS_PAST_DUE,
    MODEL,
    watched_world,
)
from models.tracking.registry import resolve
from scoring.watch.policy import WatchPolicy

RATES = (1.0, 3.0, 10.0)
"""False alarms a 1,000 loan-months."""

BASELINE = "application PD, dpd"
"""Logistic regression on the application's log-odds and the days past due, fitted where thresholds
are chosen."""

STATISTICS = (MODEL, BASELINE, CUSUM, BARE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--application", required=True)
    parser.add_argument("--choose", nargs="+", type=Path, required=True)
    parser.add_argument("--judge", nargs="+", type=Path, required=True)
    arguments = parser.parse_args()
    model, _ = resolve(arguments.model)
    application, _ = resolve(arguments.application)
    policy = WatchPolicy.load()

    def watch(worlds: list[Path]) -> list[pl.DataFrame]:
        return [watched_world(world, model, application, policy) for world in worlds]

    chosen, judged = watch(arguments.choose), watch(arguments.judge)
    chosen, judged = with_baseline(chosen, judged)
    print("AUC of default within six months, snapshots observed so long")
    for name, values in aucs(judged).items():
        print(f"  {name:20} {interval(values)}")
    print("difference to the behaviour PD")
    own = aucs(judged)[MODEL]
    for name, values in aucs(judged).items():
        if name != MODEL:
            print(f"  {name:20} {interval(own - values)}")
    print("share of defaults warned of 60 days before day 90, not fraud")
    for name in STATISTICS:
        for rate in RATES:
            threshold = threshold_at(pl.concat(chosen), name, rate)
            print(f"  {name:20} {rate:4.0f}: {told([alarms(w, name, threshold) for w in judged])}")
    for rule in (*policy.rules, None):
        name = "all" if rule is None else rule.name
        print(f"  {name:20} rule: {told([alarms(w, name, 0.5) for w in judged])}")
    return 0


def with_baseline(
    chosen: list[pl.DataFrame], judged: list[pl.DataFrame]
) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """Add the baseline's probability to every world."""
    every, bad = labelled(pl.concat(chosen))
    fitted = LogisticRegression(C=1e6, max_iter=1000).fit(_inputs(every), bad)

    def added(world: pl.DataFrame) -> pl.DataFrame:
        return world.with_columns(pl.Series(BASELINE, fitted.predict_proba(_inputs(world))[:, 1]))

    return list(map(added, chosen)), list(map(added, judged))


def _inputs(world: pl.DataFrame) -> np.ndarray:
    late = pl.col(DAYS_PAST_DUE)
    return world.select(
        APPLICATION, late / 30, (late > 0).cast(pl.Float64).alias("late")
    ).to_numpy()


def labelled(world: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    """Snapshots that were observed for six months, and whether they defaulted in them."""
    after = pl.col("as_of") + pl.duration(days=SIX_MONTHS_DAYS)
    seen = world.filter(pl.col("seen_until") + pl.duration(days=1) >= after)
    bad = seen.select((pl.col("default_on") <= after).fill_null(value=False)).to_series()
    return seen, bad.to_numpy()


def aucs(worlds: list[pl.DataFrame]) -> dict[str, np.ndarray]:
    """AUC of each statistic in each world."""
    return {
        name: np.array([_auc(world, name) for world in worlds]) for name in (*STATISTICS, "all")
    }


def _auc(world: pl.DataFrame, statistic: str) -> float:
    seen, bad = labelled(world)
    return float(roc_auc_score(bad, seen[statistic].to_numpy()))


def interval(values: np.ndarray) -> str:
    """Mean over worlds with its 95 % interval."""
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.3f} ({values.mean() - half:.3f} to {values.mean() + half:.3f})"


def told(parts: list[Alarms]) -> str:
    """False alarms, share warned and lead over worlds."""
    false = 1000 * sum(p.false for p in parts) / sum(p.months for p in parts)
    shares = np.array([p.share for p in parts])
    lead = np.nanmedian([p.lead for p in parts])
    warned, defaults = sum(p.warned for p in parts), sum(p.defaults for p in parts)
    return (
        f"threshold {parts[0].threshold:8.3f}  false {false:6.2f}  warned {warned}/{defaults} "
        f"{interval(shares)}  median lead {lead:.0f} d"
    )


if __name__ == "__main__":
    raise SystemExit(main())
