"""How a figure is measured on a world, each with its sampling error there."""

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.stats import rankdata

from features.arrays import Floats, Int64s
from laboratory.targets.populations import NUMBERS, condition
from laboratory.targets.target import Measured, Target
from laboratory.targets.world import World
from synthetic.firm.horizon import DAYS_A_MONTH, DAYS_PAST_DUE, MONTH_ENDS

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
    pd = rows["true_pd"].to_numpy()
    steady = (rows["cv"] < STEADY).fill_null(False).to_numpy()

    def relief(row: Int64s) -> float:
        kept = row[steady[row]]
        return 100 * (1 - float(pd[kept].mean() / pd[row].mean())) if len(kept) else np.nan

    return _bootstrapped(relief, len(pd), int(steady.sum()))


def refused_good(world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Share of good firms that the register-only model refuses for the rest to default at R133.

    PDs are brought to the level that is expected over all paths.
    """
    expected = world.replayed("first")["true_pd"].to_numpy().mean()
    pd = rows["true_pd"].to_numpy()
    pd = np.minimum(pd * expected / pd.mean(), 1)
    score = world.scores["register"][rows["position"].to_numpy()]

    def refused(row: Int64s) -> float:
        risk = pd[row][np.argsort(score[row], kind="stable")]
        fits = np.flatnonzero(np.cumsum(risk) / np.arange(1, len(risk) + 1) <= OVERALL_PCT / 100)
        kept = fits[-1] + 1 if len(fits) else 0
        return 100 * float((1 - risk[kept:]).sum() / (1 - risk).sum())

    return _bootstrapped(refused, len(pd), int(pd.sum()))


def _bootstrapped(
    statistic: Callable[[Int64s], float], n: int, firms: int, draws: int = 200
) -> Measured:
    if not n or not firms:
        return Measured(np.nan, np.nan, firms)
    rng = np.random.Generator(np.random.SFC64(0))
    drawn = [statistic(rng.integers(0, n, n)) for _ in range(draws)]
    return Measured(statistic(np.arange(n)), float(np.nanstd(drawn)), firms)


def expected_auc(score: Floats, pd: Floats) -> float:
    """AUC of a score over all outcomes that the PDs allow.

    P(the score of a defaulter exceeds that of another firm), each firm a defaulter with
    probability `pd`; ties count half.
    """
    rank = rankdata(score)
    order = np.argsort(rank, kind="stable")
    good, bad = (1 - pd)[order], pd[order]
    _, start, count = np.unique(rank[order], return_index=True, return_counts=True)
    of_tie = np.add.reduceat(good, start)
    below = np.repeat(np.cumsum(of_tie) - of_tie / 2, count)
    return float((bad * below).sum() / (bad.sum() * good.sum()))


def _auc(name: str) -> Callable[[World, pl.DataFrame, Target], Measured]:
    """Expected AUC of held-out scores; it rests on the expected defaulters."""

    def measure(world: World, rows: pl.DataFrame, _target: Target) -> Measured:
        pd = rows["true_pd"].to_numpy()
        score = world.scores[name][rows["position"].to_numpy()]
        return _bootstrapped(lambda row: expected_auc(score[row], pd[row]), len(pd), int(pd.sum()))

    return measure


def auc_gain(world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Expected AUC of all sources less that of the register alone."""
    pd, at = rows["true_pd"].to_numpy(), rows["position"].to_numpy()
    one, two = world.scores["all"][at], world.scores["register"][at]

    def gain(row: Int64s) -> float:
        return expected_auc(one[row], pd[row]) - expected_auc(two[row], pd[row])

    return _bootstrapped(gain, len(pd), int(pd.sum()))


def oracle_auc(_world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Expected AUC of the true PD itself, the ceiling of any model."""
    pd = rows["true_pd"].to_numpy()
    return Measured(expected_auc(pd, pd), 0.0, rows.height)


def arrears_auc(_world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Expected AUC of the longest arrears on earlier loans alone."""
    known = rows.filter(pl.col("max_dpd").is_not_null())
    score, pd = known["max_dpd"].cast(pl.Float64).to_numpy(), known["true_pd"].to_numpy()
    return Measured(expected_auc(score, pd), 0.0, known.height)


def riskiest_share(_world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Share of the expected defaults that the riskiest twentieth holds, %."""
    pd = np.sort(rows["true_pd"].to_numpy())[::-1]
    return Measured(100 * float(pd[: len(pd) // 20].sum() / pd.sum()), 0.0, len(pd))


def first_day_share(_world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Share of defaults on the first possible day, 90 days after the first instalment, %."""
    month = _month_of_default(rows.filter(pl.col("defaulted")))
    n = len(month)
    share = float((month == 1).mean()) if n else np.nan
    return Measured(100 * share, 100 * np.sqrt(share * (1 - share) / max(n, 1)), n)


def hazard_rise(_world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Hazard of months 7 to 9 against that of months 4 to 6.

    A month's hazard is that of loans that still run, by the weeks since the month-end before.
    """
    bad = rows["defaulted"].fill_null(value=False).to_numpy()
    month = np.where(bad, _month_of_default(rows), 0)
    term = rows["term_months"].to_numpy()
    weeks = np.diff(MONTH_ENDS, prepend=0)
    hits, hazard = [], []
    for k in range(4, 10):
        at_risk = (term >= k) & ((month == 0) | (month >= k))
        hits.append(int((month == k).sum()))
        hazard.append(hits[-1] / max(at_risk.sum() * weeks[k - 1], 1))
    early, late = sum(hazard[:3]), sum(hazard[3:])
    if not early or not late:
        return Measured(np.nan, np.nan, 0)
    error = late / early * np.sqrt(1 / sum(hits[:3]) + 1 / sum(hits[3:]))
    return Measured(late / early, float(error), sum(hits))


def _month_of_default(rows: pl.DataFrame) -> Int64s:
    days = (rows["defaulted_on"] - rows["disbursed_on"]).dt.total_days().fill_null(0).to_numpy()
    return np.asarray(np.round((days - DAYS_PAST_DUE) / DAYS_A_MONTH), np.int64)


def pd_ratio(_world: World, rows: pl.DataFrame, target: Target) -> Measured:
    """Mean PD of an event against that of another, `event/other`."""
    event, other = target.of.split("/")
    pd = rows["true_pd"]
    one, two = (pd.filter(rows.select(condition(name)).to_series()) for name in (event, other))
    if one.is_empty() or two.is_empty():
        return Measured(np.nan, np.nan, 0)
    means = [float(part.mean()) for part in (one, two)]  # type: ignore[arg-type]
    spread = [
        float(part.std() or 0) / mean / np.sqrt(len(part))  # type: ignore[arg-type]
        for part, mean in zip((one, two), means, strict=True)
    ]
    ratio = means[0] / means[1]
    return Measured(ratio, float(ratio * np.hypot(*spread)), min(len(one), len(two)))


def vintage_range(_world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Highest mean PD of a quarter's loans against the lowest, on one path; the mean over paths."""
    path = "path" if "path" in rows.columns else pl.lit(0).alias("path")
    quarters = rows.group_by(path, pl.col("applied_on").dt.truncate("1q")).agg(
        pl.col("true_pd_world").mean()
    )
    ranges = quarters.group_by("path").agg(
        range=pl.col("true_pd_world").max() / pl.col("true_pd_world").min()
    )
    return Measured(float(ranges["range"].mean()), 0.0, rows.height)  # type: ignore[arg-type]


def ratio(_world: World, rows: pl.DataFrame, target: Target) -> Measured:
    """Sum of one column over that of another, `one/other`, in the figure's unit."""
    one, two = (
        rows[name].cast(pl.Float64).fill_null(0).to_numpy() for name in target.of.split("/")
    )
    total, n = float(two.sum()), rows.height
    if not total:
        return Measured(np.nan, np.nan, 0)
    scale = 100 if target.unit == "%" else 1
    centre = float(one.sum()) / total
    error = float(np.sqrt(((one - centre * two) ** 2).sum())) / total
    return Measured(scale * centre, scale * error, n)


def drawn_days_a_year(_world: World, rows: pl.DataFrame, _target: Target) -> Measured:
    """Days on which lines are drawn, by year of their terms; of lines that were repaid."""
    repaid = rows.filter(~pl.col("potential_default") & pl.col("drawn_days").is_not_null())
    years = repaid["term_months"].to_numpy() / 12
    return _weighted(repaid["drawn_days"].to_numpy() / years, years)


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
    "auc_gain": auc_gain,
    "oracle_auc": oracle_auc,
    "arrears_auc": arrears_auc,
    "riskiest_share": riskiest_share,
    "first_day_share": first_day_share,
    "hazard_rise": hazard_rise,
    "pd_ratio": pd_ratio,
    "vintage_range": vintage_range,
    "ratio": ratio,
    "drawn_days_a_year": drawn_days_a_year,
}

FROM_SIGNALS = frozenset({"steady_relief", "refused_good", "auc_register", "auc_all", "auc_gain"})
"""Measures that read signals, and so one world only."""
