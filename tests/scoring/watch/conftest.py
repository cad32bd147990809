"""Loans of the hamlet's firms, with their months, and a model of open loans."""

import datetime as dt
import json
from dataclasses import replace
from typing import NamedTuple

import polars as pl
import pytest

from features.contract.validation import conform
from features.io.data_folder import write_bucket
from features.io.signal_reader import Signals
from features.loan.catalogue import open_loan_fingerprint
from features.loan.season import build_season
from models.data.target import OPEN_LOAN
from models.estimators.model import save
from scoring.watch.columns import REJECTS, SCHEMA
from scoring.watch.watch_file import WatchSummary, watch_file
from tests.scoring.conftest import AS_OF, BUCKETS, FIRMS, firm

DISBURSED = dt.date(2024, 9, 10)
REPAID, LATE, DEFAULTED = 10, 11, 12
"""Numbers of firms whose loans are no longer current on AS_OF."""

MONTH_ENDS = [
    dt.date(2024, 9, 30), dt.date(2024, 10, 31), dt.date(2024, 11, 30), dt.date(2024, 12, 31),
    dt.date(2025, 1, 31), dt.date(2025, 2, 28), dt.date(2025, 3, 31),
]  # fmt: skip


def loan_rows(firms=FIRMS):
    return [
        {
            "loan_id": f"L{number:04d}", "firm_id": firm(number),
            "disbursed_on": DISBURSED.isoformat(), "limit_cny": "100000", "rate_pct": "6",
            "term_months": "12", "plan": "equal",
        }
        for number in range(firms)
    ]  # fmt: skip


def month_rows(firms=FIRMS):
    rows = []
    for number in range(firms):
        for k, end in enumerate(MONTH_ENDS):
            status, dpd = "current", 0
            if number == REPAID and k == 4:
                status = "repaid"
            elif number in (LATE, DEFAULTED) and k > 1:
                dpd = min(30 * (k - 1), 45 if number == LATE else 200)
                status = "default" if dpd >= 90 else "late"
            rows.append(
                {
                    "loan_id": f"L{number:04d}", "firm_id": firm(number), "month_end": end,
                    "balance_cny": 0.0 if status == "repaid" else 1e5 * (12 - k) / 12,
                    "drawn_cny": 1e5 if k == 0 else 0.0, "due_cny": 8_500.0, "paid_cny": 8_500.0,
                    "dpd": dpd, "status": status,
                }
            )  # fmt: skip
            if status == "repaid":
                break
    return conform(pl.DataFrame(rows, infer_schema_length=None), "loan_months")


@pytest.fixture(scope="session")
def loan_signals(frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched") / "signals"
    for table, frame in {**frames, "loan_months": month_rows()}.items():
        for bucket in range(BUCKETS):
            number = pl.col("firm_id").str.slice(1).cast(pl.Int64)
            write_bucket(frame.filter(number % BUCKETS == bucket), table, folder, bucket)
    return folder


@pytest.fixture(scope="session")
def loan_model(model, frames):
    signals = Signals.from_frames(frames)
    season = build_season(signals, frames["firms"]["firm_id"], until=99_999)
    return replace(
        model,
        name="open-loan",
        target=OPEN_LOAN,
        fingerprint=open_loan_fingerprint(),
        season=season,
    )


@pytest.fixture(scope="session")
def loan_model_folder(loan_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loan_model")
    save(loan_model, folder)
    return folder


class Run(NamedTuple):
    summary: WatchSummary
    rows: pl.DataFrame
    rejects: pl.DataFrame
    manifest: dict
    page: str


@pytest.fixture
def watch(tmp_path, write, loan_signals, loan_model_folder):
    """Watch rows of loans and return what was written."""

    def run(rows, as_of=AS_OF, **options):
        out = tmp_path / "watch.csv"
        summary = watch_file(
            **{
                "loans": write(rows, "loans.csv"), "signals": loan_signals, "as_of": as_of,
                "out": out, "model": str(loan_model_folder), **options,
            }
        )  # fmt: skip
        return Run(
            summary,
            pl.read_csv(out, schema=SCHEMA),
            pl.read_csv(out.with_name("watch.rejects.csv"), schema=REJECTS),
            json.loads(out.with_name("watch.manifest.json").read_text("utf-8")),
            out.with_name("watch.html").read_text("utf-8"),
        )

    return run
