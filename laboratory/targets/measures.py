"""How a figure is measured on a world, each with its sampling error there."""

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.stats import rankdata

from features.arrays import Floats, Int64s
from laboratory.targets.populations import NUMBERS, condition
from laboratory.targets.target import Measured, Target
from laboratory.targets.world import World

STEADY = 0.15
"""CV of weekly electricity below which a firm is steady (R188)."""

OVERALL_PCT = 1.92
"""Default rate at which R108 is read, R133."""


def _values(rows: pl.DataFrame, target: Target) -> Floats:
    return rows.select(NUMBERS[target.of]).to_series().to_numpy()


def share(_world: World, rows: pl.DataFrame, target: Target) -> Measured:
    """Share with a property, %; the binomial error of the report's share."""
    p, n = target.value / 100, rows.height
    held = rows.select(condition(target.of)).to_series().mean() if n else np.nan
    return Measured(100 * float(held), 100 * np.sqrt(p * (1 - p) / max(n, 1)), n)  # type: ignore[arg-type]


def mean(_world: World, rows: pl.DataFrame, target: Target) -> Measured:
    """Mean and its standard error."""
    return _weighted(_values(rows, target), np.ones(rows.height))


def weighted_mean(_world: World, rows: pl.DataFrame, target: Target) -> Measured:
    """Mean weighted by amount and its standard error."""
    return _weighted(_values(rows, target), rows["amount_cny"].cast(pl.Float64).to_numpy())


def _weighted(values: Floats, weight: Floats) -> Measured:
    if not len(values):
        return Measured(np.nan, np.nan, 0)
    centre = float(np.average(values, weights=weight))
    error = np.sqrt((weight**2 * (values - centre) ** 2).sum()) / weight.sum()
    return Measured(centre, float(error), len(values))


def median(_world: World, rows: pl.DataFrame, target: Target) -> Measured:
    """Median; half the distance of the order statistics a standard error to each side."""
    values, n = _values(rows, target), max(rows.height, 1)
    ranks = np.clip(0.5 + np.array([-0.5, 0, 0.5]) / np.sqrt(n), 0, 1)
    low, middle, high = np.quantile(values, ranks) if len(values) else (np.nan,) * 3
    return Measured(float(middle), float(high - low) / 2, rows.height)


def largest(_world: World, rows: pl.DataFrame, target: Target) -> Measured:
    """Largest value."""
    return Measured(float(_values(rows, target).max(initial=-np.inf)), 0.0, rows.height)


def distinct(_world: World, rows: pl.DataFrame, target: Target) -> Measured:
    """Number of different values of a column."""
    return Measured(float(rows[target.of].n_unique()), 0.0, rows.height)


def steady_relief(world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """By how many % the default rate of steady users of electricity lies below that of all."""
    cv = world.steadiness(rows["firm_id"])
    rows = rows.join(cv, on="firm_id", how="left", maintain_order="left")
    pd = rows["true_pd_world"].to_numpy()
    steady = (rows["cv"] < STEADY).fill_null(False).to_numpy()

    def relief(row: Int64s) -> float:
        kept = row[steady[row]]
        return 100 * (1 - float(pd[kept].mean() / pd[row].mean())) if len(kept) else np.nan

    return _bootstrapped(relief, len(pd), int(steady.sum()))


def refused_good(world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Share of good firms that the register-only model refuses for the rest to default at R133."""
    pd = rows["true_pd_world"].to_numpy()
    score = world.scores["register"][rows["position"].to_numpy()]

    def refused(row: Int64s) -> float:
        risk = pd[row][np.argsort(score[row], kind="stable")]
        fits = np.flatnonzero(np.cumsum(risk) / np.arange(1, len(risk) + 1) <= OVERALL_PCT / 100)
        kept = fits[-1] + 1 if len(fits) else 0
        return 100 * float((1 - risk[kept:]).sum() / (1 - risk).sum())

    return _bootstrapped(refused, len(pd), int(rows["potential_default"].sum()))


def _bootstrapped(
    statistic: Callable[[Int64s], float], n: int, firms: int, draws: int = 200
) -> Measured:
    if not n or not firms:
        return Measured(np.nan, np.nan, firms)
    rng = np.random.Generator(np.random.SFC64(0))
    drawn = [statistic(rng.integers(0, n, n)) for _ in range(draws)]
    return Measured(statistic(np.arange(n)), float(np.nanstd(drawn)), firms)


def _auc(name: str) -> Callable[[World, pl.DataFrame, Target], Measured]:
    """AUC of held-out scores on potential outcomes; error after Hanley and McNeil (1982)."""

    def measure(world: World, rows: pl.DataFrame, _target: Target) -> Measured:
        bad = rows["potential_default"].cast(pl.Boolean).to_numpy()
        n, m = int(bad.sum()), int((~bad).sum())
        if n == 0 or m == 0:
            return Measured(np.nan, np.nan, 0)
        rank = rankdata(world.scores[name][rows["position"].to_numpy()])
        auc = float((rank[bad].sum() - n * (n + 1) / 2) / (n * m))
        two, three = auc / (2 - auc), 2 * auc**2 / (1 + auc)
        spread = auc * (1 - auc) + (n - 1) * (two - auc**2) + (m - 1) * (three - auc**2)
        return Measured(auc, float(np.sqrt(spread / (n * m))), n)

    return measure


MEASURES: dict[str, Callable[[World, pl.DataFrame, Target], Measured]] = {
    "share": share,
    "mean": mean,
    "weighted_mean": weighted_mean,
    "median": median,
    "largest": largest,
    "distinct": distinct,
    "steady_relief": steady_relief,
    "refused_good": refused_good,
    "auc_register": _auc("register"),
    "auc_all": _auc("all"),
}
