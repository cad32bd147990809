"""How well a classifier tells simulated firms from real ones by the shape of their records.

Electricity is compared with 727 firms of a Jiangsu industrial zone, invoices with 302 Chinese
small firms; both lie outside the repository. Firms are matched on size, so that only shape can
give the simulation away. An AUC of 0.5 means that nothing does, 1.0 that everything does.

    python -P benchmarks/realism.py --real FOLDER [--data DIR | --firms 12000] [--seed 7]
"""

import argparse
import gzip
import io
import sys
import tempfile
import warnings
from pathlib import Path

import lightgbm as lgb
import numpy as np
import polars as pl
from scipy.ndimage import median_filter
from scipy.stats import kurtosis, skew
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold

from synthetic.almanac import almanac
from synthetic.config import load_config
from synthetic.simulate import simulate_world

DAYS = 455
INDUSTRY = (
    "furniture",
    "ceramics",
    "lithium",
    "electronics",
    "copper",
    "textiles",
    "medicine",
    "light_industry",
)
BARS = {"electricity": 0.85, "invoices": 0.90}
FEWEST_INVOICES = 20


def lag(x, k):
    d = x - x.mean(1, keepdims=True)
    return (d[:, k:] * d[:, :-k]).mean(1) / np.maximum(d.var(1), 1e-12)


def ratio(a, b):
    return np.where(b > 0, a / np.maximum(b, 1e-9), 0.0)


def longest(mask):
    run = np.zeros(len(mask))
    best = np.zeros(len(mask))
    for column in mask.T:
        run = np.where(column, run + 1, 0)
        best = np.maximum(best, run)
    return best


def electricity_shapes(kwh, first):
    """Shape statistics of daily use; kwh (n, DAYS), `first` the first day of each firm (n,)."""
    n = len(kwh)
    start = min(first)
    when = almanac(start, (max(first) - start).days + DAYS)
    day = np.array([(f - start).days for f in first])[:, None] + np.arange(DAYS)
    week_day, month, spring = when.weekday[day], when.month[day], when.spring[day]

    def mean_where(mask):
        return ratio((kwh * mask).sum(1), mask.sum(1))

    mean, middle = kwh.mean(1), np.median(kwh, axis=1)
    week = kwh.reshape(n, DAYS // 7, 7).sum(2)
    floor = np.maximum(week[:, :-1], week.mean(1, keepdims=True) * 0.1)
    step = (week[:, 1:] - week[:, :-1]) / floor
    local = median_filter(kwh, size=(1, 15))
    usable = (kwh > 0) & (local > 0)
    residual = np.where(
        usable, np.log(np.where(usable, kwh, 1)) - np.log(np.where(usable, local, 1)), np.nan
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        residual_sd = np.nan_to_num(np.nanstd(residual, axis=1))
        residual_mad = np.nan_to_num(1.48 * np.nanmedian(np.abs(residual), axis=1))
        residual_kurtosis = np.nan_to_num(kurtosis(residual, axis=1, nan_policy="omit"))
        residual_skew = np.nan_to_num(skew(residual, axis=1, nan_policy="omit"))
    change = np.diff(kwh, axis=1)
    still = np.abs(change) <= 0.02 * np.maximum(kwh[:, 1:], 1e-9)
    low = kwh < 0.2 * middle[:, None]
    q = np.quantile(kwh, [0.1, 0.9], axis=1)
    workday = mean_where(week_day < 5)
    return pl.DataFrame(
        {
            "size": np.log(np.maximum(mean, 1e-6)),
            "cv": kwh.std(1) / np.maximum(mean, 1e-9),
            "zero_share": (kwh <= 0).mean(1),
            "low_share": low.mean(1),
            "saturday": ratio(mean_where(week_day == 5), workday),
            "sunday": ratio(mean_where(week_day == 6), workday),
            "lag_1": lag(kwh, 1),
            "lag_7": lag(kwh, 7),
            "lag_30": lag(kwh, 30),
            "week_cv": week.std(1) / np.maximum(week.mean(1), 1e-9),
            "week_lag_1": lag(week, 1),
            "week_lag_4": lag(week, 4),
            "spring_dip": ratio(
                mean_where((spring >= -5) & (spring <= 9)),
                mean_where((spring >= 20) & (spring <= 50)),
            ),
            "spring_days": ((kwh < 0.5 * middle[:, None]) & (np.abs(spring) <= 20)).sum(1) / 1.0,
            "summer": ratio(mean_where((month == 6) | (month == 7)), mean),
            "winter": ratio(
                mean_where(((month == 11) | (month == 0)) & (np.abs(spring) > 20)), mean
            ),
            "trend": np.log(
                np.maximum(kwh[:, -91:].mean(1), 1e-3) / np.maximum(kwh[:, :91].mean(1), 1e-3)
            ),
            "largest_fall": step.min(1),
            "largest_rise": step.max(1),
            "kurtosis_of_changes": kurtosis(change, axis=1),
            "residual_sd": residual_sd,
            "residual_mad": residual_mad,
            "residual_kurtosis": residual_kurtosis,
            "residual_skew": residual_skew,
            "peak_to_mean": ratio(kwh.max(1), mean),
            "spread": ratio(q[1], np.maximum(q[0], 1e-3)).clip(0, 1e4),
            "still_share": still.mean(1),
            "longest_low": longest(low),
        }
    )


def invoice_shapes(invoices):
    """Shape statistics of each firm's invoices over a window of DAYS days."""
    out, bought = pl.col("direction") == "output", pl.col("direction") == "input"
    valid = pl.col("status") == "valid"
    good = valid & (pl.col("amount_cny") > 0)
    gross = (pl.col("amount_cny") + pl.col("tax_cny")).round(2)
    frame = invoices.with_columns(gross=gross, month=(pl.col("day") // 30).clip(0, 14))

    def side(which, name):
        one = frame.filter(which)
        monthly = (
            one.filter(good)
            .group_by("firm", "month")
            .agg(cny=pl.col("amount_cny").sum(), n=pl.len())
        )
        grid = (
            one.select("firm")
            .unique()
            .join(
                pl.DataFrame({"month": range(15)}, schema={"month": frame.schema["month"]}),
                how="cross",
            )
            .join(monthly, on=["firm", "month"], how="left")
            .with_columns(pl.col("cny", "n").fill_null(0))
            .sort("firm", "month")
        )
        by_month = grid.group_by("firm").agg(
            (pl.col("cny").std() / pl.col("cny").mean()).alias(f"{name}_month_cv"),
            (pl.col("n").std() / pl.col("n").mean()).alias(f"{name}_month_count_cv"),
            pl.corr("cny", pl.col("cny").shift(1)).alias(f"{name}_month_lag"),
            (pl.col("n") > 0).mean().alias(f"{name}_active_months"),
            ((pl.col("cny").tail(4).sum() + 1) / (pl.col("cny").head(4).sum() + 1))
            .log()
            .alias(f"{name}_growth"),
        )
        partner = (
            one.filter(good)
            .group_by("firm", "partner")
            .agg(cny=pl.col("amount_cny").sum(), n=pl.len())
        )
        partners = partner.group_by("firm").agg(
            (pl.col("cny").max() / pl.col("cny").sum()).alias(f"{name}_top_partner"),
            ((pl.col("cny") / pl.col("cny").sum()) ** 2).sum().alias(f"{name}_partner_hhi"),
            (pl.len().log() / (pl.col("n").sum() + 1).log()).alias(f"{name}_partners"),
            (pl.col("n") == 1).mean().alias(f"{name}_once_only"),
        )
        daily = one.group_by("firm", "day").agg(n=pl.len())
        days = daily.group_by("firm").agg(
            (pl.col("n").mean()).log().alias(f"{name}_per_active_day"),
            (pl.col("n").max() / pl.col("n").mean()).alias(f"{name}_busiest_day"),
        )
        rows = one.group_by("firm").agg(
            pl.len().log().alias(f"{name}_count"),
            (pl.col("amount_cny").filter(good).sum() + 1).log().alias(f"{name}_total"),
            (~valid).mean().alias(f"{name}_void"),
            (valid & (pl.col("amount_cny") < 0)).mean().alias(f"{name}_red"),
            pl.col("amount_cny").filter(good).log().std().alias(f"{name}_amount_sd"),
            pl.col("amount_cny").filter(good).log().skew().alias(f"{name}_amount_skew"),
            (pl.col("gross").filter(good) % 100 == 0).mean().alias(f"{name}_round_100"),
            (pl.col("gross").filter(good) % 1 == 0).mean().alias(f"{name}_round_1"),
            pl.col("amount_cny").is_duplicated().mean().alias(f"{name}_repeated"),
            (pl.col("issued_on").dt.weekday() > 5).mean().alias(f"{name}_weekend"),
            (pl.col("issued_on").dt.day() >= 25).mean().alias(f"{name}_month_end"),
        )
        joined = rows.join(by_month, on="firm", how="left").join(partners, on="firm", how="left")
        return joined.join(days, on="firm", how="left")

    return side(out, "sales").join(side(bought, "purchases"), on="firm", how="left")


def tell_apart(real, simulated, size, *, seed=0):
    """Match on size, then AUC by cross-validation and each statistic's share of the gain.

    Each real firm is matched with the nearest simulated firm that is still free.
    """
    a, b = real.select(size).to_numpy(), simulated.select(size).to_numpy()
    scale = a.std(0) + 1e-9
    rng = np.random.default_rng(seed)
    free = np.ones(len(b), bool)
    pairs = []
    for i in rng.permutation(len(a)):
        gap = (((b - a[i]) / scale) ** 2).sum(1)
        gap[~free] = np.inf
        j = int(gap.argmin())
        if gap[j] < 0.35**2 * len(size):
            free[j] = False
            pairs.append((i, j))
    keep, match = (list(side) for side in zip(*pairs, strict=True))
    columns = [c for c in real.columns if c not in {*size, "firm"}]
    x = np.vstack(
        [real[keep].select(columns).to_numpy(), simulated[match].select(columns).to_numpy()]
    ).astype(float)
    y = np.repeat([0, 1], len(keep))
    score = np.zeros(len(y))
    gain = np.zeros(len(columns))
    for fit, test in RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=seed).split(
        x, y
    ):
        model = lgb.train(
            {
                "objective": "binary",
                "num_leaves": 8,
                "learning_rate": 0.05,
                "min_data_in_leaf": 15,
                "feature_fraction": 0.6,
                "bagging_fraction": 0.8,
                "bagging_freq": 1,
                "verbose": -1,
                "num_threads": 1,
                "seed": seed,
            },
            lgb.Dataset(x[fit], y[fit]),
            150,
        )
        score[test] += model.predict(x[test])
        gain += model.feature_importance("gain")
    alone = {c: roc_auc_score(y, np.nan_to_num(x[:, k])) for k, c in enumerate(columns)}
    quart = {
        c: (
            np.nanquantile(x[y == 0, k], [0.1, 0.5, 0.9]).round(3),
            np.nanquantile(x[y == 1, k], [0.1, 0.5, 0.9]).round(3),
        )
        for k, c in enumerate(columns)
    }
    shares = gain / gain.sum()
    table = sorted(zip(shares, columns, strict=True), reverse=True)
    return roc_auc_score(y, score), len(keep), [(c, s, alone[c], *quart[c]) for s, c in table]


def real_electricity(folder, rng):
    frame = pl.read_csv(folder / "power" / "daily_load.csv.gz", try_parse_dates=True)
    kwh = frame.drop("record_date").to_numpy().astype(float).T
    kwh = np.where(kwh <= 1, 0.0, kwh)
    begin = rng.integers(0, kwh.shape[1] - DAYS + 1, len(kwh))
    first = [frame["record_date"][int(b)] for b in begin]
    window = np.stack([row[b : b + DAYS] for row, b in zip(kwh, begin, strict=True)])
    active = (window > 0).mean(1) > 0.3
    return electricity_shapes(
        window[active], [f for f, keep in zip(first, active, strict=True) if keep]
    )


def real_invoices(folder):
    import datetime as dt

    last = dt.date(2019, 9, 30)
    parts = []
    for name, direction in (("sales", "output"), ("purchases", "input")):
        text = gzip.decompress((folder / "invoices" / f"{name}.csv.gz").read_bytes()).decode(
            "gb18030"
        )
        frame = pl.read_csv(io.StringIO(text), infer_schema_length=0)
        frame.columns = [
            "firm",
            "invoice_id",
            "issued_on",
            "partner",
            "amount_cny",
            "tax_cny",
            "gross",
            "status",
        ]
        parts.append(
            frame.select(
                "firm",
                "partner",
                pl.lit(direction).alias("direction"),
                pl.col("issued_on").str.to_date("%Y/%m/%d"),
                pl.col("amount_cny", "tax_cny").cast(pl.Float64),
                pl.when(pl.col("status") == "有效发票")
                .then(pl.lit("valid"))
                .otherwise(pl.lit("void"))
                .alias("status"),
            )
        )
    day = (pl.col("issued_on") - pl.lit(last)).dt.total_days() + DAYS - 1
    rows = pl.concat(parts).with_columns(day=day).filter(pl.col("day").is_between(0, DAYS - 1))
    return _enough(rows)


def simulated_electricity(data):
    firms = pl.scan_parquet(data / "signals/firms/**/*.parquet", hive_partitioning=False)
    keep = firms.filter(pl.col("sector").is_in(INDUSTRY)).select("firm_id").collect()["firm_id"]
    use = (
        pl.scan_parquet(data / "signals/electricity/**/*.parquet", hive_partitioning=False)
        .filter(pl.col("firm_id").is_in(keep.implode()))
        .select("firm_id", "date", kwh=pl.sum_horizontal("kwh_peak", "kwh_flat", "kwh_valley"))
        .unique(["firm_id", "date"], keep="last")
        .collect()
    )
    applied = pl.read_csv(data / "applications.csv", try_parse_dates=True).select(
        "firm_id", "applied_on"
    )
    use = use.join(applied, on="firm_id").with_columns(
        at=DAYS - (pl.col("applied_on") - pl.col("date")).dt.total_days()
    )
    # the real windows end between March and September
    use = use.filter(pl.col("applied_on").dt.month().is_between(4, 9))
    wide = use.pivot("at", index="firm_id", values="kwh", sort_columns=False).sort("firm_id")
    wide = wide.select("firm_id", *[str(k) for k in range(DAYS)]).drop_nulls("0")
    kwh = np.nan_to_num(wide.drop("firm_id").fill_null(0).to_numpy())
    kwh = np.where(kwh <= 1, 0.0, np.floor(kwh))  # as the real meter is read
    ends = dict(applied.iter_rows())
    import datetime as dt

    first = [ends[f] - dt.timedelta(days=DAYS) for f in wide["firm_id"]]
    active = (kwh > 0).mean(1) > 0.3
    return electricity_shapes(
        kwh[active], [f for f, keep in zip(first, active, strict=True) if keep]
    )


def simulated_invoices(data):
    begun = pl.scan_parquet(data / "signals/coverage/**/*.parquet", hive_partitioning=False).filter(
        pl.col("source") == "tax"
    )
    applied = pl.scan_csv(data / "applications.csv", try_parse_dates=True).select(
        "firm_id", "applied_on"
    )
    whole = begun.join(applied, on="firm_id").filter(
        (pl.col("applied_on") - pl.col("covered_from")).dt.total_days() >= DAYS
    )
    rows = (
        pl.scan_parquet(data / "signals/invoices/**/*.parquet", hive_partitioning=False)
        .join(whole.select("firm_id", "applied_on"), on="firm_id")
        .select(
            firm="firm_id",
            partner="counterparty_id",
            direction="direction",
            issued_on="issued_on",
            amount_cny="amount_cny",
            tax_cny="tax_cny",
            status="status",
            day=DAYS - (pl.col("applied_on") - pl.col("issued_on")).dt.total_days(),
        )
        .filter(pl.col("day") >= 0)
        .collect()
    )
    return _enough(rows)


def _enough(rows):
    counts = rows.group_by("firm").agg(
        n=(pl.col("direction") == "output").sum(), m=(pl.col("direction") == "input").sum()
    )
    keep = counts.filter((pl.col("n") >= FEWEST_INVOICES) & (pl.col("m") >= FEWEST_INVOICES))
    return invoice_shapes(rows.join(keep.select("firm"), on="firm"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--real", type=Path, default=Path("../shared/data"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--firms", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--all", action="store_true", help="print every statistic")
    args = parser.parse_args()
    if not (args.real / "power").is_dir():
        print(f"realism: skipped, the real data are not at {args.real}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as scratch:
        data = args.data or Path(scratch) / "world"
        if not args.data:
            simulate_world(
                out=data, firms=args.firms, seed=args.seed, config=load_config(), workers=2
            )
        rng = np.random.default_rng(args.seed)
        checks = (
            (
                "electricity",
                real_electricity(args.real, rng),
                simulated_electricity(data),
                ["size"],
            ),
            (
                "invoices",
                real_invoices(args.real),
                simulated_invoices(data),
                ["sales_count", "sales_total", "purchases_count"],
            ),
        )
    for name, real, simulated, size in checks:
        auc, pairs, table = tell_apart(real, simulated, size, seed=args.seed)
        print(
            f"{name}: AUC {auc:.3f} (bar {BARS[name]:.2f}) on {pairs} of {real.height} real "
            "firms matched "
            f"with {simulated.height} simulated, {len(table)} statistics"
        )
        for column, share, alone, *quantiles in table[: None if args.all else 8]:
            print(
                f"  {column:24s} {share:6.1%} of the gain, alone {alone:.2f}; "
                f"10/50/90 %: {quantiles[0]} real, {quantiles[1]} simulated"
            )


if __name__ == "__main__":
    main()
