"""Policies over several worlds: mean figures, and paired differences with intervals.

    python -m laboratory.rehearsal.worlds --model MODEL WORLD...

Worlds that were used to choose a policy's numbers do not belong among them. The interval is the
95 % Student interval over worlds of the paired difference to the flat cut-off.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import t as student

from laboratory.rehearsal.command import shipped_policies
from laboratory.rehearsal.rehearse import rehearse
from laboratory.rehearsal.report import as_table
from models.tracking.registry import resolve
from scoring.offers.policy import OfferPolicy

BASE = "flat_cut_off"
FIGURES = (
    "accepted",
    "mean_rate_pct",
    "default_by_balance_pct",
    "default_by_number_pct",
    "profit_cny",
    "borrower_gain_cny",
    "share_of_best",
)
COMPARED = ("profit_cny", "default_by_balance_pct")


def over_worlds(worlds: list[Path], model: str | None, *, workers: int) -> pl.DataFrame:
    """Figures of every policy in every world."""
    fitted, label = resolve(model)
    policies = [OfferPolicy.load(path) for path in shipped_policies()]
    tables = []
    for world in worlds:
        told = rehearse(
            world,
            policies,
            model=fitted,
            label=label,
            costs=policies[0].costs,
            simulated=True,
            workers=workers,
        )
        tables.append(as_table(told).with_columns(world=pl.lit(world.name)))
    return pl.concat(tables)


def difference(figures: pl.DataFrame, policy: str, figure: str) -> tuple[float, float, float]:
    """Mean paired difference of a policy to the flat cut-off, and its 95 % interval."""
    own, base = (
        figures.filter(pl.col("policy") == name).sort("world")[figure].to_numpy()
        for name in (policy, BASE)
    )
    gap = own - base
    half = student.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap))
    return float(gap.mean()), float(gap.mean() - half), float(gap.mean() + half)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", nargs="+", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    figures = over_worlds(options.worlds, options.model, workers=options.workers)
    means = figures.group_by("policy", maintain_order=True).agg(pl.col(FIGURES).mean())
    print(means.to_pandas().round(2).to_string(index=False))
    print(f"\npaired differences to {BASE}, {len(options.worlds)} worlds, 95 % intervals")
    for policy in means["policy"]:
        if policy != BASE:
            told = [
                f"{name} {mean:,.2f} ({low:,.2f} to {high:,.2f})"
                for name in COMPARED
                for mean, low, high in [difference(figures, policy, name)]
            ]
            print(f"{policy:<22}{'; '.join(told)}")


if __name__ == "__main__":
    main()
