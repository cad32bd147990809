"""Early warning: operating curves, the worth of each source, and what acting on alarms does.

    python -m laboratory.watching.early_warning --model MODEL --application MODEL \
        --choose WORLD... --judge WORLD... [--keep DIR]

Thresholds are chosen on some worlds and judged on others. Rates are of all judged worlds together;
intervals are Student's over worlds. With `--keep` a watched world is kept there and not watched
again; the folder belongs to one pair of models.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from features.contract.tables import SIX_MONTHS_DAYS
from laboratory.watching.actions import acted_on
from laboratory.watching.episodes import (
    Alarms,
    alarms,
    days_behind,
    episodes,
    threshold_at,
)
from laboratory.watching.watched_world import (
    ANY,
    APPLICATION,
    BARE,
    CUSUM,
    DAYS_PAST_DUE,
    MODEL,
    TRUTH,
    WITHOUT,
    watched_world,
)
from models.tracking.registry import resolve
from scoring.watch.policy import WatchPolicy

RATES = (1.0, 3.0, 10.0)
"""False alarms a 1,000 loan-months."""

RULES_AGAINST = RATES[1]
"""Rate of the truth's false alarms with which the days of rules are compared."""

BASELINE = "application PD, dpd"
"""Logistic regression on the application's log-odds and the days past due, fitted where thresholds
are chosen."""

STATISTICS = (TRUTH, MODEL, BASELINE, CUSUM, BARE)


def sources(watched: pl.DataFrame) -> list[str]:
    """Statistics of the behaviour PD without a source."""
    return [name for name in watched.columns if name.startswith(WITHOUT)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--application", required=True)
    parser.add_argument("--choose", nargs="+", type=Path, required=True)
    parser.add_argument("--judge", nargs="+", type=Path, required=True)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    worlds = {world.resolve() for world in (*arguments.choose, *arguments.judge)}
    if arguments.keep and len({world.name for world in worlds}) < len(worlds):
        parser.error("--keep: expected worlds of different names, as each is kept by its name")
    model, _ = resolve(arguments.model)
    application, _ = resolve(arguments.application)
    policy = WatchPolicy.load()

    def watch(world: Path) -> pl.DataFrame:
        kept = arguments.keep / f"{world.name}.parquet" if arguments.keep else None
        if kept and kept.exists():
            return pl.read_parquet(kept)
        watched = watched_world(world, model, application, policy)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            watched.write_parquet(kept)
        return watched

    chosen, judged = ([watch(w) for w in ws] for ws in (arguments.choose, arguments.judge))
    chosen, judged = with_baseline(chosen, judged)
    print_order(judged)
    print_curves(pl.concat(chosen), judged, [rule.name for rule in policy.rules])
    print_actions(arguments.judge, pl.concat(chosen), judged)
    return 0


def print_order(judged: list[pl.DataFrame]) -> None:
    """Print the AUC of each statistic, and the behaviour PD's lead over it."""
    print("AUC of default within six months, snapshots observed so long; lead of the behaviour PD")
    found = aucs(judged)
    for name, values in found.items():
        print(f"  {name:24} {interval(values)}  {interval(found[MODEL] - values)}")


def print_curves(chosen: pl.DataFrame, judged: list[pl.DataFrame], rules: list[str]) -> None:
    """Print what each statistic warns of, and how late its alarms are against the truth's."""
    print("share of defaults warned of 60 days before day 90, not fraud; lead; behind the truth")
    shocks = {rate: (TRUTH, threshold_at(chosen, TRUTH, rate)) for rate in RATES}
    for name in (*STATISTICS, *sources(chosen)):
        for rate, shock in shocks.items():
            threshold = threshold_at(chosen, name, rate)
            late = [days_behind(w, (name, threshold), shock) for w in judged]
            found = told([alarms(w, name, threshold) for w in judged])
            print(f"  {name:24} {rate:4.0f}: {found}  behind {np.nanmedian(late):.0f} d")
    for rule in (*rules, ANY):
        late = [days_behind(w, (rule, 0.5), shocks[RULES_AGAINST]) for w in judged]
        found = told([alarms(w, rule, 0.5) for w in judged])
        print(f"  {rule:24} rule: {found}  behind {np.nanmedian(late):.0f} d")


def print_actions(worlds: list[Path], chosen: pl.DataFrame, judged: list[pl.DataFrame]) -> None:
    """Print what acting on alarms does, the naive success rate beside the causal one."""
    opened = {
        f"{MODEL} at {rate:.0f}": (MODEL, threshold_at(chosen, MODEL, rate)) for rate in RATES
    }
    opened[DAYS_PAST_DUE] = DAYS_PAST_DUE, 0.0
    for name, alarm in opened.items():
        print(f"actions at alarms of {name}; CNY an alarm")
        effects = [acted_on(w, episodes(j, *alarm)) for w, j in zip(worlds, judged, strict=True)]
        for action in effects[0]:
            of = [effect[action] for effect in effects]
            print(f"  {action:8} alarms {sum(e.alarms for e in of)}")
            for figure in ("naive", "averted", "averted_life"):
                print(f"    {figure:14} {interval(np.array([getattr(e, figure) for e in of]))}")
            for figure in ("loss_cny", "income_cny", "gain_cny"):
                values = np.array([getattr(e, figure) for e in of])
                print(f"    {figure:14} {interval(values, 0)}")


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
    names = (*STATISTICS, *sources(worlds[0]), ANY)
    return {name: np.array([_auc(world, name) for world in worlds]) for name in names}


def _auc(world: pl.DataFrame, statistic: str) -> float:
    seen, bad = labelled(world)
    return float(roc_auc_score(bad, seen[statistic].to_numpy()))


def interval(values: np.ndarray, digits: int = 3) -> str:
    """Mean over worlds with its 95 % interval."""
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    mean, low, high = (f"{x:,.{digits}f}" for x in (values.mean() + half * np.array([0, -1, 1])))
    return f"{mean} ({low} to {high})"


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
