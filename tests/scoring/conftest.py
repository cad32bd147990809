"""A hamlet of firms with records, and a small monotone model on features of the real table."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from features.contract.validation import conform
from features.io.data_folder import write_bucket
from features.io.signal_reader import Signals
from features.table.catalogue import FEATURES, fingerprint
from models.estimators.calibration import Calibration
from models.estimators.lightgbm_trees import Trees
from models.estimators.model import Model, save
from models.estimators.scorecard import Binned, Scorecard
from scoring.batch import ScoreSummary, score_file
from scoring.run.output import SCHEMA, SCORED_REJECTS, SHADOW


class Ran(NamedTuple):
    summary: ScoreSummary
    scored: pl.DataFrame
    rejects: pl.DataFrame
    manifest: dict
    out: Path


AS_OF = dt.date(2025, 3, 1)
FIRMS = 60
BUCKETS = 3
NAMES = (
    "firm_age",
    "loan_amount",
    "coverage_tax",
    "tax_sales_mean_90d",
    "tax_sales_change_4w",
    "tax_sales_change_13w",
    "tax_void_rate_365d",
    "electricity_mean_90d",
    "electricity_change_4w",
    "electricity_cv_90d",
    "electricity_bills_late_days_365d",
    "ecommerce_orders_change_4w",
    "ecommerce_refund_rate_90d",
    "ecommerce_rating_90d",
)
SIGNS = {feature.name: feature.sign for feature in FEATURES}


def firm(number):
    return f"F{number:04d}"


def signal_frames(firms=FIRMS, seed=1):
    """Tables of `firms` firms; 0 has only a register entry, 1 no tax, 2 twenty known days."""
    rng = np.random.default_rng(seed)
    days = [AS_OF - dt.timedelta(days=k) for k in range(455, 0, -1)]
    tables = {name: [] for name in ("firms", "coverage", "invoices", "electricity", "ecommerce")}
    for number in range(firms):
        name = firm(number)
        level, drift = rng.lognormal(), rng.normal(0, 0.001)
        work = level * np.exp(drift * np.arange(455) + rng.normal(0, 0.3, 455))
        tables["firms"].append(
            {
                "firm_id": name,
                "legal_form": "micro",
                "sector": "retail",
                "city": "Ganzhou",
                "county": "Nankang",
                "area": "county",
                "cluster": None,
                "founded_on": AS_OF - dt.timedelta(days=int(rng.integers(500, 5000))),
                "registered_capital_cny": 1e5,
                "employees": int(rng.integers(1, 9)),
                "owner_age": 40,
            }
        )
        if number == 0:
            continue
        sources = ["tax", "electricity", "ecommerce"]
        if number == 1:
            sources = ["electricity"]
        if number % 7 == 3:
            sources = ["tax"]
        start = days[-20] if number == 2 else days[0]
        spans = [{"firm_id": name, "source": s, "covered_from": start} for s in sources]
        tables["coverage"] += [{**span, "covered_to": None} for span in spans]
        known = [k for k in range(455) if days[k] >= start]
        if "tax" in sources:
            tables["invoices"] += [
                {
                    "firm_id": name,
                    "direction": "output" if k % 4 else "input",
                    "invoice_id": f"{name}-{k}",
                    "line": None,
                    "issued_on": days[k],
                    "counterparty_id": f"C{k % 5}",
                    "amount_cny": 1_000 * work[k],
                    "tax_cny": 30 * work[k],
                    "status": "void" if k % 29 == 0 else "valid",
                    "voided_on": None,
                }
                for k in known
                if rng.random() < 0.5
            ]
        if "electricity" in sources:
            tables["electricity"] += [
                {
                    "firm_id": name,
                    "date": days[k],
                    "kwh_peak": work[k],
                    "kwh_flat": 2.0,
                    "kwh_valley": 1.0,
                }
                for k in known
            ]
        if "ecommerce" in sources:
            tables["ecommerce"] += [
                {
                    "firm_id": name,
                    "date": days[k],
                    "visitors": 50,
                    "orders": 5,
                    "gmv_cny": 500 * work[k],
                    "refunds": k % 2,
                    "refund_cny": 10.0,
                    "reviews": 2,
                    "bad_reviews": 0,
                    "rating_mean": 4.5,
                    "buyers": 4,
                    "repeat_buyers": 1,
                }
                for k in known
            ]
    return {
        name: conform(pl.DataFrame(rows, infer_schema_length=None), name)
        for name, rows in tables.items()
    }


def application_rows(firms=FIRMS):
    """One application of each firm, in an order of their own."""
    order = np.random.default_rng(5).permutation(firms).tolist()
    return [
        {
            "application_id": f"A{number:04d}",
            "firm_id": firm(number),
            "applied_on": AS_OF.isoformat(),
            "amount_cny": 50_000 + 1_000 * number,
            "term_months": 12,
            "purpose": "cash_gap",
            "lender_type": "bank",
            "channel": "online",
            "first_time": "true",
            "consent_on": AS_OF.isoformat(),
        }
        for number in order
    ]


@pytest.fixture(scope="session")
def frames():
    return signal_frames()


@pytest.fixture(scope="session")
def signals_folder(frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "signals"
    for table, frame in frames.items():
        for bucket in range(BUCKETS):
            number = pl.col("firm_id").str.slice(1).cast(pl.Int64)
            part = frame.filter(number % BUCKETS == bucket)
            write_bucket(part, table, folder, bucket)
    return folder


@pytest.fixture(scope="session")
def model():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(3_000, len(NAMES)))
    X[:, NAMES.index("firm_age")] = rng.uniform(0, 15, 3_000)
    X[:, NAMES.index("loan_amount")] = rng.uniform(2e4, 2e5, 3_000)
    X[:, NAMES.index("tax_sales_mean_90d")] = rng.lognormal(6, 1, 3_000)
    X[:, NAMES.index("electricity_mean_90d")] = rng.lognormal(1.5, 0.5, 3_000)
    X[:, NAMES.index("ecommerce_rating_90d")] = rng.uniform(2, 5, 3_000)
    X[rng.random(X.shape) < 0.2] = np.nan
    signs = np.array([SIGNS[name] for name in NAMES])
    z = (X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0)
    risk = -3 + 0.6 * np.nan_to_num(z) @ signs
    bad = (rng.random(len(X)) < 1 / (1 + np.exp(-risk))).astype(int)
    settings = {
        "objective": "binary",
        "num_leaves": 12,
        "max_depth": 5,
        "verbose": -1,
        "num_threads": 1,
        "seed": 1,
        "monotone_constraints": signs.tolist(),
    }
    booster = lgb.train(settings, lgb.Dataset(X, bad), num_boost_round=120)
    pd = Calibration().pd(booster.predict(X, raw_score=True))
    edges = np.quantile(pd, np.arange(1, 10) / 10)
    bins = np.searchsorted(edges, pd, side="right")
    cells = [
        {
            "sources": sources,
            "bin": k,
            "applicants": int((bins == k).sum()) // 3,
            "rows": int((bins == k).sum()) // 4,
            "bads": int(bad[bins == k].sum()) // 4,
            "pd": float(pd[bins == k].mean()),
        }
        for sources in range(1, 5)
        for k in range(10)
    ]
    return Model(
        name="hamlet",
        version="1",
        candidate="trees_all",
        feature_names=NAMES,
        fingerprint=fingerprint(),
        trained_on="simulated",
        estimator=Trees(booster.model_to_string()),
        calibration=Calibration(),
        typical=dict(zip(NAMES, np.nanmedian(X, axis=0).tolist(), strict=True)),
        development={
            "pd_edges": edges.tolist(),
            "pd_share": [0.1] * 10,
            "features": {
                name: {
                    "edges": np.nanquantile(X[:, j], [0.25, 0.5, 0.75]).tolist(),
                    "share": [0.2, 0.2, 0.2, 0.2, 0.2],
                }
                for j, name in enumerate(NAMES)
            },
            "reliability": cells,
            "random_effects": {"quarter": 0.1, "sources": 0.1, "cell": 0.1},
        },
    )


@pytest.fixture(scope="session")
def card_model(model):
    """The hamlet's model as a scorecard; one feature without edges, one that is never missing."""

    def binned(name, edges, woe, missing, coefficient):
        return Binned(
            name=name,
            column=model.feature_names.index(name),
            edges=edges,
            woe=woe,
            woe_missing=missing,
            woe_mean=0.05,
            coefficient=coefficient,
            rows=(*(100 + k for k in range(len(woe))), 50),
            bads=(*(9 - k for k in range(len(woe))), 0),
        )

    card = Scorecard(
        intercept=-3.2,
        width=len(model.feature_names),
        features=(
            binned("firm_age", (1.5, 4.0, 9.0), (-0.9, -0.2, 0.3, 0.8), -0.4, -0.9),
            binned("tax_sales_change_4w", (-0.5, 0.0), (-1.1, 0.0, 0.4), -0.1, -0.7),
            binned("tax_void_rate_365d", (0.02,), (0.3, -0.6), 0.0, -0.5),
            binned("ecommerce_rating_90d", (), (0.1,), -0.7, -0.6),
            binned("electricity_cv_90d", (0.2, 0.5), (0.4, 0.1, -0.5), -0.3, -0.8),
        ),
    )
    return replace(model, estimator=card, candidate="scorecard_all")


@pytest.fixture(scope="session")
def model_folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save(model, folder)
    return folder


@pytest.fixture
def rows():
    """Applications as dictionaries of text, ready to be spoiled."""
    return [{key: str(value) for key, value in row.items()} for row in application_rows()]


@pytest.fixture
def write(tmp_path):
    """Write rows to an applicants file and return its path."""

    def to_file(rows, name="applicants.csv"):
        path = tmp_path / name
        pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
        return path

    return to_file


@pytest.fixture
def run(tmp_path, write, signals_folder, model_folder):
    """Score rows, or a file, and return the summary and the tables that were written."""

    def score(rows, **options):
        applicants = write(rows) if isinstance(rows, list) else rows
        arguments = {
            "applicants": applicants,
            "signals": signals_folder,
            "out": tmp_path / "scored.csv",
            "model": str(model_folder),
            "today": AS_OF + dt.timedelta(days=30),
            **options,
        }
        summary = score_file(**arguments)
        out = arguments["out"]
        return Ran(
            summary,
            pl.read_csv(out, schema={**SCHEMA, **(SHADOW if options.get("shadow") else {})}),
            pl.read_csv(out.with_name("scored.rejects.csv"), schema=SCORED_REJECTS),
            json.loads(out.with_name("scored.manifest.json").read_text("utf-8")),
            out,
        )

    score.signals = signals_folder
    return score


@pytest.fixture(scope="session")
def in_memory(frames):
    return Signals.from_frames(frames)
