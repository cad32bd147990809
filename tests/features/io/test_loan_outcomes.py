"""Outcomes that are read off a loan tape are those that the world wrote down."""

import datetime as dt
import shutil

import polars as pl
import pytest

from features.contract.errors import ContractError
from features.contract.validation import conform
from features.io.loan_outcomes import outcomes_of, outcomes_of_loans
from features.io.signal_reader import Signals, read_applications, read_outcomes
from synthetic.config.load import load_config
from synthetic.simulation import simulate_world

DISBURSED = dt.date(2024, 1, 10)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("tape") / "world"
    simulate_world(out=out, firms=1_200, seed=12, config=load_config())
    return out


def of(folder):
    return outcomes_of(folder, Signals.open(folder), read_applications(folder / "applications.csv"))


def test_the_months_of_a_world_give_its_outcomes(world, tmp_path):
    tape = tmp_path / "tape"
    shutil.copytree(world, tape)
    (tape / "outcomes.csv").unlink()
    known = read_outcomes(world / "outcomes.csv").filter("accepted").sort("application_id")
    told = of(tape).sort("application_id")
    same = ["application_id", "disbursed_on", "defaulted", "defaulted_on", "offered_rate_pct"]
    assert told.select(same).equals(known.select(same))
    assert known["defaulted"].sum() >= 3


def test_loans_without_an_application_id_are_joined_by_firm_and_day(world, tmp_path):
    tape = tmp_path / "tape"
    shutil.copytree(world, tape)
    (tape / "outcomes.csv").unlink()
    for path in (tape / "signals" / "loans").rglob("*.parquet"):
        loans = pl.read_parquet(path).with_columns(application_id=pl.lit(None, pl.String))
        loans.write_parquet(path)
    expected = read_outcomes(world / "outcomes.csv").filter("accepted")
    assert set(of(tape)["application_id"]) == set(expected["application_id"])


def test_neither_outcomes_nor_a_tape_is_one_clear_line(world, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(world, bare)
    (bare / "outcomes.csv").unlink()
    shutil.rmtree(bare / "signals" / "loan_months")
    with pytest.raises(ContractError, match="loans and loan_months") as caught:
        of(bare)
    assert "\n" not in str(caught.value)


def test_a_tape_of_other_applications_is_refused(world, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(world, other)
    (other / "outcomes.csv").unlink()
    text = (other / "applications.csv").read_text().replace("A0", "B0").replace("F0", "G0")
    (other / "applications.csv").write_text(text)
    with pytest.raises(ContractError, match="none of its loans belongs"):
        of(other)


def tape_of(*rows, until):
    """One loan with months of (month_end, dpd, status), and another one seen to the tape's end."""
    rows = [("L1", "F1", *row) for row in rows] + [("L0", "F0", until, 0, "current")]
    loans = {"loan_id": ["L1", "L0"], "firm_id": ["F1", "F0"], "application_id": ["A1", "A0"],
             "disbursed_on": [DISBURSED] * 2, "limit_cny": [10_000.0] * 2,
             "term_months": [12] * 2}  # fmt: skip
    months = {
        "loan_id": [row[0] for row in rows], "firm_id": [row[1] for row in rows],
        "month_end": [row[2] for row in rows], "balance_cny": [1.0] * len(rows),
        "dpd": [row[3] for row in rows], "status": [row[4] for row in rows],
    }  # fmt: skip
    return conform(pl.DataFrame(loans), "loans"), conform(pl.DataFrame(months), "loan_months")


ROWS = [
    ([(dt.date(2024, 6, 30), 0, "current")], None, None),
    ([(dt.date(2024, 6, 30), 0, "repaid")], False, None),
    ([(dt.date(2025, 1, 31), 20, "late")], False, None),
    ([(dt.date(2024, 6, 30), 89, "late")], None, None),
    ([(dt.date(2024, 6, 30), 95, "default")], True, dt.date(2024, 6, 25)),
    ([(dt.date(2024, 6, 30), 95, "default"), (dt.date(2024, 7, 31), 0, "repaid")], True,
     dt.date(2024, 6, 25)),
    ([(dt.date(2025, 1, 31), 112, "default")], True, dt.date(2025, 1, 9)),
    ([(dt.date(2025, 1, 31), 111, "default")], False, None),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "defaulted", "on"), ROWS)
def test_a_label_is_the_first_90_days_past_due_within_12_months(rows, defaulted, on):
    told = outcomes_of_loans(*tape_of(*rows, until=dt.date(2025, 1, 31))).sort("application_id")
    assert told["defaulted"].to_list()[1:] == [defaulted]
    assert told["defaulted_on"].to_list()[1:] == [on]


@pytest.mark.parametrize("rows", [rows for rows, *_ in ROWS if rows[-1][0] < dt.date(2025, 1, 1)])
def test_a_young_loan_has_no_label_whatever_became_of_it(rows):
    told = outcomes_of_loans(*tape_of(*rows, until=dt.date(2024, 12, 31)))
    assert told["defaulted"].to_list() == [None, None]
    assert told["defaulted_on"].to_list() == [None, None]


def test_a_short_loan_is_known_ninety_days_after_its_term():
    loans, months = tape_of((dt.date(2024, 4, 30), 0, "repaid"), until=dt.date(2024, 7, 31))
    short = loans.with_columns(term_months=pl.when(loan_id="L1").then(3).otherwise(12))
    told = outcomes_of_loans(short, months).sort("application_id")
    assert told["defaulted"].to_list() == [None, False]
