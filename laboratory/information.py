"""How much of the truth the features keep: Gini of a fixed model as a share of that of true PD.

`python laboratory/information.py` simulates 70,000 firms, fits potential outcomes of 50,000 of
them and judges on the other 20,000. It opens the hidden truth, which only benchmarks may.
Among those judged a few dozen default, and other futures of the same firms would move the share by
several points. So it is printed twice: as these outcomes have it, and as all futures have it on
average, each applicant counted as bad with the weight of its true PD; the bar is held to that.
Beneath the table: the share that the same model reaches fitted to true PD itself, which tells
what is lost to the features from what is lost to seeing one outcome of each applicant; what joining
by the day of the event would seem to be worth; and the signed features whose rank correlation with
true PD points against their sign.
"""

import argparse
import tempfile
from pathlib import Path

import lightgbm as lgb
import numpy as np
import polars as pl
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from features.engine.build import build_features
from features.io.signal_reader import Signals, read_applications

# a script's folder comes first on the path, where features.py would hide the package
from features.table import peers
from features.table.catalogue import FEATURES, feature_names

BAR = 0.90
DRAWS = 200
SMALLEST = 500
"""Known figures that a feature needs for its sign to be looked at."""

FIXED = {
    "objective": "binary",
    "learning_rate": 0.04,
    "num_leaves": 15,
    "max_depth": 6,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "num_threads": 1,  # two wait for each other on a shared machine
    "seed": 1,
    "verbose": -1,
    "monotone_constraints": [feature.sign for feature in FEATURES],
}
TREES = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=50_000)
    parser.add_argument("--test", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--data", type=Path, help="a simulated data folder, instead of a new one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or simulate(Path(folder) / "data", options)
        train, test = sides(data, options)
        leaking = guess(*sides(data, options, by_event=True))
    test = test.with_columns(
        guess=guess(train, test), leaking=leaking, ceiling=guess(train, test, target="true_pd")
    )
    print(f"{train.height:,} fitted, {test.height:,} judged; 90 % intervals by bootstrap")
    print(f"{'':<30}{'':>7}{'as it came out':^46}{'all futures':^24}")
    print(f"{'applicants':<30}{'n':>7}{'bad':>6}{'truth':>8}{'model':>8}{'share':>8}", end="")
    print(f"{'':>16}{'share':>8}")
    first = test.filter("first_time")
    report("all", test)
    report("first-time", first)
    for sources in range(5):
        share = report(f"first-time, {sources} sources", first.filter(sources_covered=sources))
    print(f"bar {BAR:.0%} on four sources, all futures: {'met' if share >= BAR else 'NOT met'}")
    for cause in sorted(test["cause"].drop_nulls().unique()):
        chosen = test.filter((pl.col("bad") == 0) | (pl.col("cause") == cause))
        report(f"cause: {cause}", chosen, futures=False)
    print(
        "fitted to true PD instead of outcomes, all futures: "
        f"{expected(first.filter(sources_covered=4), 'ceiling'):.3f} of first-time applicants with "
        f"four sources, {expected(test, 'ceiling'):.3f} of all"
    )
    leak(first)
    signs(test)


def guess(train: pl.DataFrame, test: pl.DataFrame, *, target: str = "bad") -> pl.Series:
    """Fit the fixed model to one side and predict the other."""
    names = list(feature_names())
    data = lgb.Dataset(train.select(names).to_numpy(), train[target].to_numpy())
    # the same loss as of outcomes, for targets between 0 and 1
    model = lgb.train(FIXED | {"objective": "cross_entropy"}, data, TREES)
    return pl.Series(model.predict(test.select(names).to_numpy()))


def expected(rows: pl.DataFrame, guess: str) -> float:
    """Share of the truth's Gini over all futures that a column of guesses reaches."""
    return expected_share(rows["true_pd"].to_numpy(), rows[guess].to_numpy())


def leak(rows: pl.DataFrame) -> None:
    """Print how much better the model seems that sees rows before they were known."""
    bad, honest, leaking = (rows[c].to_numpy() for c in ("bad", "guess", "leaking"))
    rng = np.random.Generator(np.random.SFC64(0))
    drawn = []
    for _ in range(DRAWS):
        row = rng.integers(0, len(bad), len(bad))
        drawn.append(gini(bad[row], leaking[row]) - gini(bad[row], honest[row]))
    low, high = np.quantile(drawn, [0.05, 0.95])
    print(
        f"Gini on first-time applicants: joined by knowledge date {gini(bad, honest):.3f}, by "
        f"event {gini(bad, leaking):.3f}; the leak {np.mean(drawn):+.4f} [{low:+.4f}, {high:+.4f}]"
    )


def signs(test: pl.DataFrame) -> None:
    """Print the signed features that go with true PD the other way."""
    truth = test["true_pd"].to_numpy()
    agree, contrary = 0, []
    for feature in FEATURES:
        known = test[feature.name].is_not_null().to_numpy()
        values = test[feature.name].to_numpy()[known]
        if not feature.sign or len(values) < SMALLEST or values.std() == 0:
            continue
        rho = float(spearmanr(values, truth[known]).statistic) * feature.sign
        agree += rho >= 0
        if rho < -3 / np.sqrt(len(values)):
            contrary.append(f"{feature.name} ({rho * feature.sign:+.2f})")
    print(
        f"signs: {agree} features go with true PD as signed; clearly the other way, before all "
        f"else is held equal: {', '.join(contrary) or 'none'}"
    )


def report(name: str, rows: pl.DataFrame, *, futures: bool = True) -> float:
    """Print one line; returns the share of the truth's Gini that all futures have on average.

    Rows that were chosen by their outcome have no other futures.
    """
    bad, truth, guess = (rows[c].to_numpy() for c in ("bad", "true_pd", "guess"))
    if not 0 < bad.sum() < len(bad):
        print(f"{name:<30}{len(bad):>7,}{bad.sum():>6}   too few defaults")
        return float("nan")
    rng = np.random.Generator(np.random.SFC64(0))
    drawn, expected = [], []
    for _ in range(DRAWS):
        row = rng.integers(0, len(bad), len(bad))
        expected.append(expected_share(truth[row], guess[row]))
        if bad[row].any():
            drawn.append(gini(bad[row], guess[row]) / gini(bad[row], truth[row]))
    share, whole = gini(bad, guess) / gini(bad, truth), expected_share(truth, guess)
    print(
        f"{name:<30}{len(bad):>7,}{bad.sum():>6}{gini(bad, truth):>8.3f}{gini(bad, guess):>8.3f}"
        f"{share:>8.3f} {interval(drawn)}"
        + (f"{whole:>8.3f} {interval(expected)}" if futures else "")
    )
    return whole


def interval(drawn: list[float]) -> str:
    low, high = np.quantile(drawn, [0.05, 0.95])
    return f"[{low:.3f}, {high:.3f}]"


def expected_share(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share of the truth's Gini, over all futures: a row is bad with the weight of its true PD."""
    twice, weight = np.repeat([1, 0], len(truth)), np.concatenate([truth, 1 - truth])
    of_guess, of_truth = (
        2 * float(roc_auc_score(twice, np.tile(score, 2), sample_weight=weight)) - 1
        for score in (guess, truth)
    )
    return of_guess / of_truth


def gini(bad: np.ndarray, score: np.ndarray) -> float:
    return 2 * float(roc_auc_score(bad, score)) - 1


def simulate(out: Path, options: argparse.Namespace) -> Path:
    from synthetic.config.load import load_config
    from synthetic.simulation import simulate_world

    simulate_world(
        out=out,
        firms=options.train + options.test,
        seed=options.seed,
        config=load_config(),
        workers=2,
        progress=None,
    )
    return out


def sides(
    data: Path, options: argparse.Namespace, *, by_event: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Features with the truth beside them; peers are frozen on the fitted side."""
    applications = read_applications(data / "applications.csv")
    signals = Signals.open(data)
    rows = build_features(signals, applications, workers=2, by_event=by_event)
    firms = pl.concat(signals.read("firms", bucket=bucket) for bucket in signals.buckets)
    truth = pl.read_parquet(data / "truth" / "truth.parquet").select(
        "application_id", "true_pd", "cause", bad=pl.col("potential_default").cast(pl.Int8)
    )
    rows = rows.sample(fraction=1.0, shuffle=True, seed=0)
    place = peers.places_of(rows, firms)
    reference = peers.build_reference(rows.head(options.train), place.head(options.train))
    rows = (
        peers.apply_reference(rows, place, reference)
        .join(truth, on="application_id", maintain_order="left")
        .join(
            applications.select("application_id", "first_time"),
            on="application_id",
            maintain_order="left",
        )
    )
    return rows.head(options.train), rows.slice(options.train, options.test)


if __name__ == "__main__":
    main()
