"""The Python interface gives what the command line gives, and loses no row."""

import datetime as dt

import pandas as pd
import polars as pl
import pytest

import scoring
from features.contract.errors import ContractError
from features.contract.tables import TABLES
from features.contract.validation import violations
from features.io.dataframe_reader import doubtful
from scoring.input.chunks import CHUNK
from scoring.run.output import SCHEMA

TODAY = dt.date(2025, 4, 1)


@pytest.fixture(scope="module")
def scorer(model_folder):
    return scoring.open_scorer(model_folder)


@pytest.fixture
def people(rows, write):
    return pd.read_csv(write(rows), dtype={"application_id": str, "firm_id": str})


def score(applicants, signals, model):
    return scoring.score(applicants, signals, model, today=TODAY)


def test_frames_and_folders_give_the_rows_of_the_scored_csv(run, rows, people, frames, scorer):
    ran = run(rows)
    by_frames = score(people, {name: frame.to_pandas() for name, frame in frames.items()}, scorer)
    by_folder = score(people, run.signals, scorer)
    pd.testing.assert_frame_equal(by_frames, by_folder)
    assert list(by_frames.columns) == [*SCHEMA, "problem"]
    assert by_frames["problem"].isna().all()
    same = pl.from_pandas(
        by_frames[["application_id", "status", "score", "grade", "decision", "reason_1_zh"]]
    )
    assert same.rows() == ran.scored.select(same.columns).rows()


def test_one_by_one_is_the_same_as_all_at_once(people, frames, scorer):
    whole = score(people, frames, scorer)
    for k in range(0, len(people), 7):
        one = score(people[k : k + 1], frames, scorer)
        pd.testing.assert_frame_equal(
            one.reset_index(drop=True), whole[k : k + 1].reset_index(drop=True)
        )


def test_every_row_comes_back_and_says_what_is_wrong_with_it(people, frames, scorer):
    spoiled = people.astype({"applied_on": object, "amount_cny": float}).copy()
    spoiled.loc[0, "amount_cny"] = -5.0
    spoiled.loc[1, "firm_id"] = "F9999"
    spoiled.loc[2, "applied_on"] = "yesterday"
    scored = score(spoiled, frames, scorer)
    assert scored["application_id"].tolist() == people["application_id"].tolist()
    assert scored["status"].tolist()[:3] == ["rejected"] * 3
    assert set(scored["status"][3:]) <= {"scored", "insufficient_data"}
    assert "amount_cny expected a number > 0" in scored["problem"][0]
    assert "no signal table names this firm" in scored["problem"][1]
    assert scored["problem"][2].startswith("applied_on expected a date")


def test_a_bad_signal_row_is_left_out_and_flagged(people, frames, scorer):
    power = (
        frames["electricity"]
        .with_row_index("n")
        .with_columns(kwh_peak=pl.when(pl.col("n") == 0).then(-1.0).otherwise("kwh_peak"))
    )
    hurt = power["firm_id"][0]
    scored = score(people, {**frames, "electricity": power.drop("n")}, scorer)
    flagged = scored[scored["flags"].fillna("").str.contains("bad_rows_electricity")]
    assert flagged["firm_id"].tolist() == [hurt]


def test_more_than_one_bad_row_in_a_hundred_stops(people, frames, scorer):
    power = frames["electricity"].with_columns(kwh_peak=pl.lit(-1.0))
    with pytest.raises(ContractError, match="more than 1%"):
        score(people, {**frames, "electricity": power}, scorer)


@pytest.mark.parametrize(
    ("signals", "said"),
    [
        ({}, "at least one table"),
        ({"water": pd.DataFrame()}, "got water"),
        ({"electricity": pd.DataFrame({"firm_id": ["F1"]})}, "missing: date"),
        ({"electricity": [1, 2]}, "expected a pandas or Polars DataFrame"),
        ({"coverage": pd.DataFrame({c: [["F1"]] for c in TABLES["coverage"].columns})}, "firm_id"),
        ("no/such/folder", "no such folder"),
    ],
)  # fmt: skip
def test_signals_that_cannot_be_used_are_refused_in_one_line(people, scorer, signals, said):
    with pytest.raises(ContractError, match=said) as caught:
        score(people, signals, scorer)
    assert "\n" not in str(caught.value)


def test_columns_that_are_ignored_are_warned_of(people, frames, scorer):
    with pytest.warns(UserWarning, match="ignored the columns mood"):
        score(people.assign(mood="good"), frames, scorer)


def test_nobody_gives_no_rows(people, frames, scorer):
    assert list(score(people[:0], frames, scorer).columns) == [*SCHEMA, "problem"]


def test_the_help_teaches():
    assert "scoring.score(applicants" in scoring.__doc__
    assert "Returns" in scoring.score.__doc__
    assert CHUNK > 1


@pytest.mark.parametrize("table", ["invoices", "coverage", "ecommerce", "firms", "applications"])
def test_the_quick_look_doubts_whatever_the_checks_find(table):
    """One spoiled cell at a time, whatever its kind."""
    spec = TABLES[table]
    good = {
        pl.String: "x", pl.Int64: 1, pl.Float64: 1.0, pl.Boolean: True, pl.Date: TODAY,
    }  # fmt: skip
    bad = {
        pl.String: (None, "1.2E+11", "nowhere"),
        pl.Int64: (None, -1, 0, 999),
        pl.Float64: (None, -1.0, 0.0, float("nan"), float("inf"), 1e9),
        pl.Boolean: (None,),
        pl.Date: (None, dt.date(1899, 12, 30), dt.date(9999, 1, 1)),
    }
    row = {name: good[dtype] for name, dtype in spec.schema.items()}
    for name in spec.schema:
        for check in spec.checks.columns[name].checks:
            if check.name == "isin":
                row[name] = check.statistics["allowed_values"][0]
            elif "min_value" in check.statistics and spec.schema[name] != pl.Date:
                row[name] = type(row[name])(check.statistics["min_value"] + 1)
    frame = pl.DataFrame([row], schema=spec.schema)
    assert not doubtful(frame, table)
    tried = 0
    for name, dtype in spec.schema.items():
        for cell in bad[dtype]:
            spoiled = frame.with_columns(pl.lit(cell, dtype).alias(name))
            doubted = doubtful(spoiled, table)
            assert bool(doubted) == bool(violations(spoiled, table).height), (name, cell)
            tried += bool(doubted)
    assert tried > 3
