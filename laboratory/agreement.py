"""Does the truth promise what happens? Realised defaults, losses and income against expected ones.

    python -m laboratory.agreement [--firms 1000000] [--offers 200000] [--worlds 30] [--paths 100]
                                   [--workers 2]

No signals are drawn. Given the common path outcomes are independent, so `true_pd_world` is held
against one large world by chi-square. `true_pd` integrates over common paths, and defaults of one
world share one: it is held against the variance between worlds, cell by cell. The asset correlation
of the book (Vasicek) follows from the mean `true_pd_world` of one quarter's applicants on many
paths. p-values are Holm's.
"""

import argparse
from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.stats import chi2, multivariate_normal, norm, ttest_1samp

from features.arrays import Floats
from features.contract.tables import BUCKET_FIRMS
from features.parallel.executor import each
from laboratory.targets.replay import joined_rows
from synthetic.backdrop import backdrop, one_thread
from synthetic.config.load import load_config
from synthetic.config.schema import WorldConfig
from synthetic.offer_truth.answer import answers
from synthetic.offer_truth.asked import COLUMNS, numbered
from synthetic.streams import Bucket
from synthetic.world import lend, lending_tables, register_tables, simulate_applicants

BINS = 20
LEAST_EXPECTED = 5.0
"""Expected defaults below which a cell is not tested."""


def _bands(figure: pl.Expr, bands: int) -> pl.Expr:
    """Number of the equally large band that a row falls into."""
    return (figure.rank("ordinal") - 1) * bands // pl.len()


CELLS = {
    "PD": _bands(pl.col("pd"), BINS),
    "quarter": pl.col("applied_on").dt.truncate("1q"),
    "sector": pl.col("sector"),
    "area": pl.col("area"),
    "form": pl.col("legal_form"),
    "sources": pl.concat_str(
        pl.col("tax", "logistics", "ecommerce").is_not_null().cast(pl.Int8).cast(pl.String)
    ),
    "plan": pl.col("plan"),
    "amount": _bands(pl.col("amount_cny") / pl.col("sales_cny"), 5),
    "purpose": pl.col("purpose"),
    "fraud": pl.concat_str(
        pl.col("shell", "invoice_inflation", "brushing").cast(pl.Int8).cast(pl.String)
    ),
}
"""Groupings in which promise and outcome must agree."""


def applicants(config: WorldConfig, unit: tuple[int, int, int | None]) -> pl.DataFrame:
    """Applicants of one bucket of one world, without signals: `(seed, bucket, path)`."""
    seed, number, path = unit
    with one_thread():
        return _applicants(config, seed, number, path)


def _applicants(config: WorldConfig, seed: int, number: int, path: int | None) -> pl.DataFrame:
    world = backdrop(seed, config, paths=path)
    bucket = Bucket(seed, number, config)
    history = simulate_applicants(BUCKET_FIRMS, world, bucket)
    lending = lending_tables(history, lend(history, world, bucket), world, bucket, grid=())
    register = register_tables(history, world, bucket)
    rows = joined_rows(
        lending["applications"],
        lending["outcomes"],
        lending["truth"],
        register["firms"],
        register["coverage"],
    )
    used = {"applied_on", "sector", "area", "legal_form", "tax", "logistics", "ecommerce"}
    used |= {"plan", "amount_cny", "sales_cny", "purpose", "shell", "invoice_inflation"}
    used |= {"brushing", "true_pd", "true_pd_world", "potential_default", "approved"}
    return rows.select(*sorted(used), world=pl.lit(seed), path=pl.lit(path, pl.Int32))


def drawn(
    config: WorldConfig, units: list[tuple[int, int, int | None]], workers: int
) -> pl.DataFrame:
    """Applicants of many buckets."""
    return pl.concat(
        [part for _, part in each(partial(applicants, config), units, workers=workers)]
    )


MONEY = (
    ("expected_loss_world_cny", "realised_loss_cny"),
    ("expected_income_world_cny", "realised_income_cny"),
)
"""What is expected given the common path, and what came of it."""

SIZES = {"requested": 1.0, "half": 0.5, "double": 2.0}
"""Offers that are valued, against the requested amount."""


def valued_offers(config: WorldConfig, unit: tuple[int, int]) -> pl.DataFrame:
    """Answers of the truth to the requested offers of a bucket, and to half and double of them."""
    seed, number = unit
    with one_thread():
        return _valued_offers(config, seed, number)


def _valued_offers(config: WorldConfig, seed: int, number: int) -> pl.DataFrame:
    world, bucket = backdrop(seed, config), Bucket(seed, number, config)
    history = simulate_applicants(BUCKET_FIRMS, world, bucket)
    lent = lend(history, world, bucket)
    tables = lending_tables(history, lent, world, bucket, grid=())
    requested = tables["applications"].join(
        tables["truth"].select("application_id", "rate_pct", "guaranteed"), on="application_id"
    )
    offers = requested.select(*COLUMNS, "guaranteed")
    parts = []
    for name, size in SIZES.items():
        asked = offers.with_columns(pl.col("amount_cny") * size)
        told = answers(world, (number + 1) * BUCKET_FIRMS, numbered(asked))
        parts.append(pl.concat([asked, told.drop("application_id", "position")],
                               how="horizontal").with_columns(size=pl.lit(name)))  # fmt: skip
    return pl.concat(parts)


def money_agrees(rows: pl.DataFrame) -> dict[str, float]:
    """P-value by size, figure and grouping: chi-square of realised against expected money.

    The variance is that of what was realised, so that cells need some expected defaults.
    """
    p = {}
    for (size,), part in rows.group_by("size", maintain_order=True):
        for expected, realised in MONEY:
            cells = {
                "bands": _bands(pl.col(expected), 10),
                "plan": pl.col("plan"),
                "guarantor": pl.col("guaranteed"),
            }
            for name, cell in cells.items():
                off = part.select(
                    cell=cell, off=pl.col(realised) - pl.col(expected), pd="pd_12m_world"
                )
                sums = off.group_by("cell").agg(
                    pl.col("off").sum(), pl.col("pd").sum(), square=(pl.col("off") ** 2).sum()
                )
                sums = sums.filter(pl.col("pd") > LEAST_EXPECTED)
                statistic = (sums["off"] ** 2 / sums["square"]).sum()
                p[f"{size} {realised} by {name}"] = float(chi2.sf(statistic, sums.height))
    return p


def holm(p: dict[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values."""
    adjusted, worst = {}, 0.0
    for rank, name in enumerate(sorted(p, key=p.__getitem__)):
        worst = max(worst, min(1.0, p[name] * (len(p) - rank)))
        adjusted[name] = worst
    return adjusted


def within_a_world(rows: pl.DataFrame) -> dict[str, float]:
    """P-value by grouping: chi-square of realised defaults against `true_pd_world`."""
    rows = rows.with_columns(
        pd=pl.col("true_pd_world"), bad=pl.col("potential_default").cast(pl.Float64)
    )
    p = {}
    for name, cell in CELLS.items():
        sums = rows.group_by(cell.alias("cell")).agg(
            expected=pl.col("pd").sum(),
            found=pl.col("bad").sum(),
            variance=(pl.col("pd") * (1 - pl.col("pd"))).sum(),
        )
        sums = sums.filter(pl.col("expected") > LEAST_EXPECTED)
        square = ((sums["found"] - sums["expected"]) ** 2 / sums["variance"]).sum()
        p[name] = float(chi2.sf(square, sums.height))
    return holm(p)


def between_worlds(rows: pl.DataFrame) -> dict[str, float]:
    """Least p-value by grouping: t-tests over worlds of realised less `true_pd`, cell by cell."""
    rows = rows.with_columns(
        pd=pl.col("true_pd"), off=pl.col("potential_default").cast(pl.Float64) - pl.col("true_pd")
    )
    p = {}
    for name, cell in CELLS.items():
        if name == "quarter":
            continue  # a quarter of a world is one draw of the common path, like the world itself
        means = rows.group_by(cell.alias("cell"), "world").agg(
            pl.col("off").mean(), expected=pl.col("pd").sum()
        )
        for key, part in means.group_by("cell", maintain_order=True):
            if part["expected"].mean() > LEAST_EXPECTED / 2:  # type: ignore[operator]
                p[f"{name} {key[0]}"] = float(ttest_1samp(part["off"].to_numpy(), 0).pvalue)
    return holm(p)


def asset_correlation(mean: float, variance: float) -> float:
    """Vasicek's correlation that gives conditional PDs this mean and variance."""
    threshold = norm.ppf(mean)

    def excess(rho: float) -> float:
        both = multivariate_normal.cdf([threshold] * 2, cov=[[1, rho], [rho, 1]])
        return float(both - mean**2 - variance)

    return float(brentq(excess, 1e-6, 0.5))


def common_variance(rows: pl.DataFrame) -> tuple[float, float]:
    """Mean and common variance of the mean PD by path; two buckets of a path share nothing else."""
    means = rows.group_by("path", "world").agg(pl.col("true_pd_world").mean())
    wide = means.pivot("world", index="path", values="true_pd_world").drop("path").to_numpy()
    return float(wide.mean()), float(np.cov(wide[:, 0], wide[:, 1])[0, 1])


def correlations(config: WorldConfig, paths: int, workers: int) -> Iterator[tuple[str, Floats]]:
    """Mean PD, its coefficient of variation and the asset correlation, of all and of approved."""
    one_quarter = config.model_copy(
        update={"calendar": config.calendar.model_copy(update={"quarters": 1})}
    )
    parts = []
    for _, part in each(
        partial(_pair_of_buckets, one_quarter), list(range(paths)), workers=workers
    ):
        parts.append(part)
    rows = pl.concat(parts)
    for name, some in (("applicants", rows), ("approved", rows.filter("approved"))):
        mean, variance = common_variance(some)
        rho = asset_correlation(mean, variance)
        yield name, np.array([100 * mean, np.sqrt(variance) / mean, rho])


def _pair_of_buckets(config: WorldConfig, path: int) -> pl.DataFrame:
    """Two buckets of different firms on one common path."""
    with one_thread():
        return _two_buckets(config, path)


def _two_buckets(config: WorldConfig, path: int) -> pl.DataFrame:
    parts = []
    for number in range(2):
        world = backdrop(0, config, paths=path)
        bucket = Bucket(1, number, config)
        history = simulate_applicants(BUCKET_FIRMS, world, bucket)
        tables = lending_tables(history, lend(history, world, bucket), world, bucket, grid=())
        joined = tables["truth"].join(tables["outcomes"], on="application_id")
        parts.append(
            joined.select(
                "true_pd_world", "approved", world=pl.lit(number), path=pl.lit(path, pl.Int32)
            )
        )
    return pl.concat(parts)


def main() -> None:
    """Run the three comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--firms", type=int, default=1_000_000)
    parser.add_argument("--offers", type=int, default=200_000)
    parser.add_argument("--worlds", type=int, default=30)
    parser.add_argument("--paths", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--config")
    asked = parser.parse_args()
    config = load_config(asked.config)
    buckets = asked.firms // BUCKET_FIRMS
    rows = drawn(config, [(1, k, None) for k in range(buckets)], asked.workers)
    pd, bad = rows["true_pd_world"].mean(), rows["potential_default"].cast(pl.Float64).mean()
    print(f"one world, {rows.height:,} firms: promised {pd:.4%}, realised {bad:.4%}")
    for name, p in within_a_world(rows).items():
        print(f"  {name:10} p {p:.3f}")
    units = [(77, k) for k in range(asked.offers // BUCKET_FIRMS)]
    rows = pl.concat(
        [part for _, part in each(partial(valued_offers, config), units, workers=asked.workers)]
    )
    for name, p in money_agrees(rows).items():
        print(f"  {name:50} p {p:.3f}")
    each_world = max(1, buckets // asked.worlds // 2)
    units = [(100 + w, k, None) for w in range(asked.worlds) for k in range(each_world)]
    rows = drawn(config, units, asked.workers)
    p_values = between_worlds(rows)
    pd, bad = rows["true_pd"].mean(), rows["potential_default"].cast(pl.Float64).mean()
    print(
        f"{asked.worlds} worlds, {rows.height:,} firms: promised {pd:.4%}, realised {bad:.4%}; "
        f"least p of {len(p_values)} cells {min(p_values.values()):.3f}"
    )
    for name, (mean, variation, rho) in correlations(config, asked.paths, asked.workers):
        print(f"{name}: mean PD {mean:.2f} %, between paths {variation:.2f}, correlation {rho:.4f}")


if __name__ == "__main__":
    main()
