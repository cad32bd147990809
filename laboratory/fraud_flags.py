"""What the policy's flags catch, against the answer key, and what could be caught at all.

    python -m laboratory.fraud_flags [--firms 12000] [--seeds 61 62 63 64]

Per flag: applicants flagged, bad actors of its kind among them, share of all of that kind. Beside
it stands a ceiling that no lender has: a LightGBM fitted to the answer key of the first half of the
worlds, with every feature, that may flag as many applicants of the other half.
"""

import os
import tempfile

import lightgbm as lgb
import numpy as np
import polars as pl

from benchmarks.worlds import built, options
from features.table.catalogue import feature_names
from models.policy import Policy

KINDS = {
    "steady_power_uneven_invoices": "shell",
    "orders_without_parcels": "brushing",
    "sales_to_new_customers": "invoice_inflation",
    "sales_stopped": "potential_default",
}
"""What each flag is meant to catch; a firm that stopped is no fraud, but should not get a loan."""


def main() -> None:
    arguments = options(__doc__, seeds=(61, 62, 63, 64))
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        worlds = [world(seed, arguments.firms) for seed in arguments.seeds]
    half = len(worlds) // 2
    report(pl.concat(worlds[:half]), pl.concat(worlds[half:]))


def world(seed: int, firms: int) -> pl.DataFrame:
    """Features and answer key of one world."""
    data, features = built(seed, firms)
    key = pl.read_parquet(data / "truth" / "truth.parquet").drop("firm_id")
    return features.join(key, on="application_id", maintain_order="left")


def report(past: pl.DataFrame, judged: pl.DataFrame) -> None:
    print(
        f"{judged.height:,} applicants; ceiling fitted to the answer key of {past.height:,} others"
    )
    print(
        f"{'flag':<30}{'kind':<18}{'flagged':>8}{'caught':>8}{'of':>6}{'precision':>10}{'recall':>8}"
    )
    for flag in Policy.load().flags:
        kind = KINDS.get(flag.name)
        if kind is None:
            continue
        raised = flag.raised(judged)
        line(flag.name, kind, raised, judged)
        line("  ceiling", kind, best(past, judged, kind, int(raised.sum())), judged)


def line(name: str, kind: str, raised: np.ndarray, judged: pl.DataFrame) -> None:
    bad = judged[kind].to_numpy().astype(bool)
    caught, flagged = int(bad[raised].sum()), int(raised.sum())
    precision, recall = caught / max(flagged, 1), caught / max(int(bad.sum()), 1)
    print(
        f"{name:<30}{kind:<18}{flagged:>8,}{caught:>8,}{bad.sum():>6,}"
        f"{precision:>10.1%}{recall:>8.1%}"
    )


def best(past: pl.DataFrame, judged: pl.DataFrame, kind: str, count: int) -> np.ndarray:
    """The `count` applicants that a model with the answer key would flag first."""
    settings = {
        "objective": "binary", "num_leaves": 7, "learning_rate": 0.05, "min_data_in_leaf": 15,
        "feature_fraction": 0.3, "verbose": -1, "num_threads": 1, "seed": 1,
    }  # fmt: skip
    fitted = lgb.train(settings, lgb.Dataset(numbers(past), past[kind].to_numpy()), 120)
    first = np.argsort(-fitted.predict(numbers(judged)), kind="stable")[:count]
    return np.isin(np.arange(judged.height), first)


def numbers(rows: pl.DataFrame) -> np.ndarray:
    return rows.select(pl.col(feature_names()).cast(pl.Float64)).to_numpy()


if __name__ == "__main__":
    main()
