"""Rows per second of exact SHAP values, each way beside its rivals, and of one applicant.

    python -P benchmarks/scoring.py [rows]

The matrix is drawn at random (a sixth of it missing); the model is a LightGBM of the champion's
size: 400 trees, depth 6, 31 leaves, 120 features. Every way explains the same rows with the same
model; the slow ones explain fewer and are quoted per second. Then a champion is trained on a
simulated world and meets a thousand applicants of another: are its first reasons true, and how
long does one applicant take?
"""

import datetime as dt
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import polars as pl

import scoring
from benchmarks.record import Entry, asked, busy, keep
from benchmarks.worlds import champion as trained
from benchmarks.worlds import simulated
from features.io.signal_reader import Signals, read_applications
from features.table.catalogue import FEATURES, fingerprint
from models.estimators.calibration import Calibration
from models.estimators.lightgbm_trees import Trees
from models.estimators.model import Model
from models.explanation.reasons import top_reasons
from models.policy import Policy
from scoring.scorer import Scorer
from scoring.shap_values.explainer import ShapExplainer
from scoring.shap_values.tree_tables import TreeTables

if TYPE_CHECKING:
    from features.io.dataframe_reader import AnyFrame

Floats = npt.NDArray[np.float64]
BAR_TIMES_SHAP = 8.0
BAR_ONE_MS = 20.0
BAR_ONE_WORST_MS = 50.0
BAR_DIFFERENCE = 1e-5
BAR_FELL = 0.99
ROUNDING = 1e-12
WARM = 20
"""Applicants before the clock counts."""

SLOW = 2_000
"""Rows given to the ways that need a second for a thousand of them."""


def matrix(rows: int, features: int, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, features))
    X[rng.random(X.shape) < 1 / 6] = np.nan
    return X


def champion_sized(names: tuple[str, ...]) -> Model:
    X = matrix(20_000, len(names), seed=1)
    rng = np.random.default_rng(2)
    risk = -2.5 + np.nan_to_num(X) @ rng.normal(scale=0.25, size=len(names))
    bad = (rng.random(len(X)) < 1 / (1 + np.exp(-risk))).astype(int)
    signs = [next(f.sign for f in FEATURES if f.name == name) for name in names]
    settings = {
        "objective": "binary",
        "num_leaves": 31,
        "max_depth": 6,
        "learning_rate": 0.05,
        "monotone_constraints": signs,
        "verbose": -1,
        "seed": 1,
    }
    booster = lgb.train(settings, lgb.Dataset(X, bad), num_boost_round=400)
    typical = dict(zip(names, np.nanmedian(X, axis=0).tolist(), strict=True))
    return Model(
        name="benchmark",
        version="unregistered",
        candidate="trees_all",
        feature_names=names,
        fingerprint=fingerprint(),
        trained_on="simulated",
        estimator=Trees(booster.model_to_string()),
        calibration=Calibration(),
        typical=typical,
        development={},
    )


def clock(work: Callable[[], Any], repeat: int = 3) -> tuple[float, Any]:
    """Best time of a few, in seconds, and the result."""
    best, result = float("inf"), None
    for _ in range(repeat):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def woodelf(booster: Any, X: Floats) -> Floats | None:
    """SHAP values from woodelf-explainer, if it is installed."""
    try:
        import pandas as pd
        from woodelf import WoodelfExplainer
    except ImportError:
        return None
    frame = pd.DataFrame(X, columns=booster.feature_name())
    explainer = WoodelfExplainer(booster)
    return np.asarray(explainer.shap_values(frame, verbose=False))


def shap_ways(model: Model, rows: int) -> list[Entry]:
    import shap

    booster = model.estimator.booster  # type: ignore[attr-defined]
    X = matrix(rows, len(model.feature_names), seed=3)
    frame = pl.DataFrame(X, schema=list(model.feature_names))
    few = X[:SLOW]

    build, tables = clock(lambda: TreeTables.of(booster), repeat=1)
    tables.contributions(X[:10])  # numba compiles, or loads what it compiled before
    bare, _ = clock(lambda: booster.predict(X, raw_score=True))
    ours, values = clock(lambda: tables.contributions(X))
    contrib, theirs = clock(lambda: booster.predict(few, pred_contrib=True), repeat=1)
    explainer = shap.TreeExplainer(booster)
    by_shap, _ = clock(lambda: explainer.shap_values(few), repeat=1)
    with_reasons, _ = clock(
        lambda: top_reasons(tables.contributions(model.matrix(frame)), frame, model)
    )
    shap_reasons, _ = clock(
        lambda: top_reasons(explainer.shap_values(few), frame[:SLOW], model), repeat=1
    )
    start = time.perf_counter()
    other = woodelf(booster, X)
    by_woodelf = time.perf_counter() - start

    work = f"{rows:,} rows, {len(model.feature_names)} features, 400 trees"
    print(f"exact SHAP values, {work}")
    floor = len(few) / by_shap
    entries = []
    for name, rate in (
        ("bare prediction (floor, two threads)", rows / bare),
        ("decision-pattern tables (ours, one thread)", rows / ours),
        ("  and five reasons", rows / with_reasons),
        ("LightGBM pred_contrib (two threads)", len(few) / contrib),
        ("shap.TreeExplainer", floor),
        ("  and five reasons", len(few) / shap_reasons),
        *([("woodelf-explainer, first call", rows / by_woodelf)] if other is not None else []),
    ):
        print(f"  {name:<46}{rate:>10,.0f} rows/s {rate / floor:>7.1f} x shap")
        entries.append(
            Entry(
                name=f"shap/{len(entries)}",
                what=f"{name.strip()}; {work}",
                value=rate,
                unit="rows/s",
                rival="shap.TreeExplainer",
                ratio=rate / floor,
            )
        )
    print(f"  tables are built once per process in {build:.1f} s")
    off = float(np.abs(values[:SLOW] - theirs[:, :-1]).max())
    print(f"  largest difference from LightGBM: {off:.1e}")
    if other is not None:
        print(f"  largest difference from woodelf:  {np.abs(values - other).max():.1e}")
    times = (rows / with_reasons) / (len(few) / shap_reasons)
    good = times >= BAR_TIMES_SHAP and off <= BAR_DIFFERENCE
    print(f"  {'ok' if good else 'MISSED'}: with reasons {times:.1f} x shap, bar {BAR_TIMES_SHAP}")
    judged = Entry(
        name="reasons",
        what=f"score and five reasons, {work}; SHAP values equal to {off:.0e}",
        value=rows / with_reasons,
        unit="rows/s",
        rival="shap.TreeExplainer with the same reasons",
        ratio=times,
        bar=f"{BAR_TIMES_SHAP:.0f} times, values equal to {BAR_DIFFERENCE:.0e}",
        met=good,
    )
    return [*entries, judged]


def one_applicant(model: Model, world: Path) -> list[Entry]:
    """Time from raw signals as data frames to reasons, applicants one by one in a warm process.

    `scoring.score` types and checks the frames, builds features, scores, explains and words.
    """
    applications, signals = read_applications(world / "applications.csv"), Signals.open(world)
    scorer = Scorer(model, model.label, Policy.load(), ShapExplainer(model, rows=1))
    tables = {
        table: pl.concat([signals.read(table, bucket=b) for b in signals.buckets])
        for table in signals.tables
    }
    by_firm = {
        table: frame.partition_by("firm_id", as_dict=True) for table, frame in tables.items()
    }
    entries = []
    for kind in ("pandas", "Polars"):
        seconds, work = [], []
        for k in range(applications.height):
            firm = (applications["firm_id"][k],)
            application: AnyFrame = applications[k]
            frames: dict[str, AnyFrame] = {
                table: parts[firm] if firm in parts else tables[table].clear()
                for table, parts in by_firm.items()
            }
            if kind == "pandas":
                application = application.to_pandas()
                frames = {table: frame.to_pandas() for table, frame in frames.items()}
            start, used = time.perf_counter(), time.process_time()
            scored = scoring.score(application, frames, scorer, today=dt.date(2100, 1, 1))
            seconds.append(time.perf_counter() - start)
            work.append(time.process_time() - used)
            if scored["status"][0] not in ("scored", "insufficient_data"):
                raise SystemExit(f"an applicant was not scored: {scored['problem'][0]}")
        entries += _one(kind, 1_000 * np.array(seconds[WARM:]), 1_000 * np.array(work[WARM:]))
    return entries


def _one(kind: str, taken: npt.NDArray[np.float64], work: npt.NDArray[np.float64]) -> list[Entry]:
    """Judge the milliseconds of single applicants, by the clock and of the processor."""
    how = f"one applicant, warm, raw signals as {kind} frames to reasons; {len(taken):,} one by one"
    middle, worst = np.median(taken), np.quantile(taken, 0.99)
    print(how)
    print(f"  median {middle:.1f} ms, 99 in 100 below {worst:.1f} ms, best {taken.min():.1f} ms")
    print(f"  processor time: median {np.median(work):.1f} ms")
    good = bool(middle <= BAR_ONE_MS and worst <= BAR_ONE_WORST_MS)
    print(f"  {'ok' if good else 'MISSED'}: bars {BAR_ONE_MS:.0f} and {BAR_ONE_WORST_MS:.0f} ms")
    return [
        Entry(
            name=f"one/{kind.lower()}/{name}",
            what=f"{how}, {words}",
            value=float(value),
            unit="ms",
            bar=f"{bar:.0f} ms",
            met=bool(value <= bar),
        )
        for name, words, value, bar in (
            ("median", "median", middle, BAR_ONE_MS),
            ("worst", "99th percentile", worst, BAR_ONE_WORST_MS),
        )
    ]


def reasons_hold(model: Model, features: pl.DataFrame) -> Entry:
    """Make typical what is worse in the first reason's theme: the margin must fall, never rise.

    Of all first reasons in whose theme a figure is worse than typical by its sign.
    """
    table = {feature.name: feature for feature in FEATURES}
    reasons = top_reasons(model.contributions(features), features, model, k=1)
    rows, theme = reasons["row"].to_numpy(), reasons["theme"].to_numpy()
    before = model.matrix(features)[rows]
    after = before.copy()
    touched = np.zeros(len(rows), dtype=bool)
    for j, name in enumerate(model.feature_names):
        worse = table[name].sign * (before[:, j] - model.typical[name]) > 0
        worse &= theme == table[name].theme
        after[:, j] = np.where(worse, model.typical[name], before[:, j])
        touched |= worse
    change = model.estimator.margin(after) - model.estimator.margin(before)
    rose, fell = int((change > ROUNDING).sum()), float((change < 0)[touched].mean())
    print(f"first reasons of {len(rows):,} of {features.height:,} applicants, {model.candidate}")
    print(f"  {touched.sum():,} have a figure that is worse than typical by its sign")
    print(f"  put right: the margin rose for {rose}, fell for {fell:.1%}")
    good = rose == 0 and fell >= BAR_FELL
    print(f"  {'ok' if good else 'MISSED'}: bars 0 and {BAR_FELL:.0%}")
    return Entry(
        name="first-reason",
        what=f"first reasons of {touched.sum():,} applicants put right: margin fell ({rose} rose)",
        value=100 * fell,
        unit="%",
        bar=f"{BAR_FELL:.0%} and none",
        met=good,
    )


def champion(scratch: Path) -> tuple[Model, Path, pl.DataFrame]:
    """Train a champion on one world; another world's applicants and their features."""
    from features.engine.build import build_features
    from models.tracking.registry import resolve

    model, _ = resolve(str(trained(scratch)))
    new = simulated(scratch / "new", 1_000 + WARM, seed=2)
    applications = read_applications(new / "applications.csv")
    features = build_features(Signals.open(new), applications, reference=model.reference)
    return model, new, features[:1_000]


def main() -> int:
    record, load = asked(), busy()
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    entries = shap_ways(champion_sized(tuple(f.name for f in FEATURES)[-120:]), rows)
    with tempfile.TemporaryDirectory() as scratch:
        model, world, features = champion(Path(scratch))
        entries += [reasons_hold(model, features), *one_applicant(model, world)]
    if record:
        keep("scoring", entries, load=load)
    return 0 if all(entry.met in (None, True) for entry in entries) else 1


if __name__ == "__main__":
    sys.exit(main())
