"""The 302 real firms beside simulated ones: the figures of docs/findings.md.

    python -m laboratory.real_firms --source FOLDER_OF_THE_INVOICES [--firms 20000] [--keep DIR]

Simulates a world, trains on it without tuning, imports and scores the real firms, and prints how
the PD orders them and how their tax features differ from the simulated ones. With `--keep` the
world, the model, the scored file and its report stay, to be looked at and for `firstloan explain`.
"""

import argparse
import os
import tempfile
from pathlib import Path

import polars as pl

from features.engine.build import build_file
from features.importing.folder import import_folder
from features.importing.mapping import load_mapping

MAPPING = Path(__file__).parents[1] / "examples" / "vat-invoices.toml"

ORDERED = (
    "tax_sales_yoy_13w", "tax_sales_change_13w", "tax_days_since_sale", "tax_longest_gap_365d",
    "tax_sales_week_cv_180d", "tax_active_share_365d", "tax_customers", "tax_sales_mean_365d",
    "tax_top_customer", "tax_void_rate_365d", "tax_red_rate_365d",
)  # fmt: skip
COMPARED = (
    "tax_sales_mean_365d", "tax_sales_count_365d", "tax_ticket_median_180d",
    "tax_active_share_365d", "tax_void_rate_365d", "tax_red_rate_365d", "tax_sales_week_cv_180d",
    "tax_customers", "tax_top_customer", "tax_days_since_sale", "tax_bought_to_sold_365d",
    "tax_longest_gap_365d",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--firms", type=int, default=20_000)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    if not arguments.source.is_dir():
        print(f"{arguments.source}: the real invoices are not here; name them by --source")
        return
    source = arguments.source.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        home = scratch if arguments.keep is None else arguments.keep.resolve()
        Path(home).mkdir(parents=True, exist_ok=True)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{home}/mlflow.db"
        os.chdir(home)
        _measure(source, arguments.firms)


def _measure(source: Path, firms: int) -> None:
    from models.settings import read_settings
    from models.train.training import train
    from scoring.batch import score_file
    from synthetic.config.load import load_config
    from synthetic.simulation import simulate_world

    world, real = Path("world"), Path("real")
    simulate_world(out=world, firms=firms, seed=1, config=load_config(), workers=2)
    simulated = build_file(world, Path("world.parquet"), workers=2)
    result = train(data=world, features=Path("world.parquet"), config=read_settings(trials=0))
    import_folder(load_mapping(MAPPING), source=source, out=real)
    score_file(applicants=real / "applications.csv", signals=real, out=Path("real.csv"))
    figures = build_file(real, Path("real.parquet"))
    scored = pl.read_csv("real.csv", infer_schema_length=None)
    both = scored.select("application_id", "pd", "reason_1_text", "grade", "decision", "status")
    both = both.join(figures, on="application_id")

    print(f"{result.alias} {result.winner}, {firms:,} simulated firms, seed 1")
    for column in ("status", "grade", "decision"):
        counts = both[column].value_counts().sort(column)
        print(f"{column}: " + ", ".join(f"{name} {n}" for name, n in counts.iter_rows()))
    low, mean, high = both["pd"].min(), both["pd"].mean(), both["pd"].max()
    print(f"PD {low:.2%} to {high:.2%}, mean {mean:.2%}")
    silence = pl.col("tax_days_since_sale")
    for name, rule in (("> 90", silence > 90), ("<= 30", silence <= 30)):
        part = both.filter(rule)
        print(f"days since last sale {name}: {part.height} firms, mean PD {part['pd'].mean():.2%}")
    first = both["reason_1_text"].value_counts(sort=True).head(3)
    print("first reasons: " + "; ".join(f"{text} ({n})" for text, n in first.iter_rows()))
    print("\nrank correlation with the PD")
    for name in ORDERED:
        rank = both.select(pl.corr("pd", name, method="spearman")).item()
        print(f"  {name:<26}{rank:+.2f}")
    known = simulated.filter(pl.col("coverage_tax") >= 0.5)
    print(f"\ndeciles 1, 5, 9: {figures.height} real firms | {known.height:,} simulated ones")
    for name in COMPARED:
        print(f"  {name:<26}{_deciles(figures[name])} | {_deciles(known[name])}")


def _deciles(values: pl.Series) -> str:
    return " · ".join(f"{values.drop_nulls().quantile(q):,.2f}" for q in (0.1, 0.5, 0.9))


if __name__ == "__main__":
    main()
