"""How well a classifier tells simulated firms from real ones by the shape of their records.

Electricity is compared with 727 firms of a Jiangsu industrial zone, invoices with 302 Chinese
small firms; both lie outside the repository. Firms are matched on size, and real windows of
electricity end on the days of the year on which simulated firms apply, so that only shape can
give the simulation away. An AUC of 0.5 means that nothing does, 1.0 that everything does.

    python -m laboratory.realism --real FOLDER [--data DIR | --firms 12000] [--seed 7]
"""

import argparse
import datetime as dt
import gzip
import io
import sys
import tempfile
from pathlib import Path

import lightgbm as lgb
import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold

from laboratory.shapes.electricity import DAYS, electricity_shapes
from laboratory.shapes.invoices import invoice_shapes
from synthetic.config.load import load_config
from synthetic.simulation import simulate_world

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


def tell_apart(real, simulated, size, *, seed=0):
    """Match on size, then AUC by cross-validation and each statistic's share of the gain.

    Each real firm is matched with the nearest simulated firm that is still free.
    """
    a, b = real.select(size).to_numpy(), simulated.select(size).to_numpy()
    scale = a.std(0) + 1e-9
    rng = np.random.Generator(np.random.SFC64(seed))
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


def real_electricity(folder, ends, rng):
    """Shapes of real firms over windows that end on the days of the year `ends` of 2016."""
    frame = pl.read_csv(folder / "power" / "daily_load.csv.gz", try_parse_dates=True)
    kwh = frame.drop("record_date").to_numpy().astype(float).T
    kwh = np.where(kwh <= 1, 0.0, kwh)
    newest = frame["record_date"][-1]
    start = (dt.date(2016, 1, 1) - frame["record_date"][0]).days
    begin = start + rng.choice(ends, len(kwh)) - DAYS
    begin = np.clip(begin, 0, (newest - frame["record_date"][0]).days + 1 - DAYS)
    first = [frame["record_date"][int(b)] for b in begin]
    window = np.stack([row[b : b + DAYS] for row, b in zip(kwh, begin, strict=True)])
    active = (window > 0).mean(1) > 0.3
    return electricity_shapes(
        window[active], [f for f, keep in zip(first, active, strict=True) if keep]
    )


def real_invoices(folder):
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
    first = [ends[f] - dt.timedelta(days=DAYS) for f in wide["firm_id"]]
    active = (kwh > 0).mean(1) > 0.3
    kept = [f for f, keep in zip(first, active, strict=True) if keep]
    ends = [(f + dt.timedelta(days=DAYS)).timetuple().tm_yday - 1 for f in kept]
    return electricity_shapes(kwh[active], kept), ends


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
    parser.add_argument("--real", type=Path, required=True)
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
        rng = np.random.Generator(np.random.SFC64(args.seed))
        meters, ends = simulated_electricity(data)
        checks = (
            (
                "electricity",
                real_electricity(args.real, ends, rng),
                meters,
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
