import datetime as dt
import sys

import polars as pl
import pytest

import firstloan
from features.contract.errors import ContractError
from features.contract.tables import TABLES
from features.io.data_folder import write_bucket
from tests.scoring.conftest import AS_OF, BUCKETS

from .conftest import DEFAULTED, DISBURSED, LATE, REPAID, loan_rows, month_rows

NO_SUCH_FIRM = "no signal table names this firm; check the id and that its signals were delivered"


def of(run, number):
    return run.rows.filter(loan_id=f"L{number:04d}").row(0, named=True)


def test_every_loan_ends_up_in_one_place(watch):
    rows = loan_rows()
    rows[5]["firm_id"] = "nobody"
    rows[6]["disbursed_on"] = "2025-04-01"
    rows[7]["limit_cny"] = "-3"
    rows[8]["disbursed_on"] = "the day before yesterday"
    rows.append(dict(rows[9]))
    rows.append({**rows[13], "limit_cny": "1"})
    run = watch(rows)
    s = run.summary
    assert s.read == 62
    assert s.watched + s.closed + s.insufficient + s.rejected == s.read
    assert (s.closed, s.rejected, s.insufficient) == (1, 7, 2)
    assert run.rows.height == s.watched + s.closed + s.insufficient
    assert run.rows["loan_id"].to_list() == [
        r["loan_id"] for k, r in enumerate(rows) if k not in (5, 6, 7, 8, 13, 60, 61)
    ]
    assert run.rejects.select("line", "column", "problem").rows() == [
        (7, "firm_id", NO_SUCH_FIRM),
        (8, "disbursed_on", "is after the day asked about (2025-03-01)"),
        (9, "limit_cny", "expected a number > 0"),
        (10, "disbursed_on", "expected a date such as 2025-03-04, from 2000-01-01 to 2099-12-31"),
        (15, "loan_id", "2 rows with this id contradict each other"),
        (62, "loan_id", "repeats line 11"),
        (63, "loan_id", "2 rows with this id contradict each other"),
    ]  # fmt: skip
    assert run.manifest["counts"] == {
        "read": 62, "watched": s.watched, "closed": 1, "insufficient": 2, "rejected": 7,
    }  # fmt: skip
    assert "7" in run.page


def test_status_balance_and_action_of_each_kind_of_loan(watch):
    run = watch(loan_rows())
    repaid, late, default, plain = (of(run, n) for n in (REPAID, LATE, DEFAULTED, 20))
    assert (repaid["status"], repaid["pd"], repaid["action"]) == ("closed", None, None)
    assert (late["status"], late["rules"]) == ("watched", "days_past_due")
    assert late["days_past_due"] == 45
    assert late["action"] in ("call", "freeze")
    assert (default["status"], default["grade"], default["action"]) == (
        "watched",
        "default",
        "collect",
    )
    assert default["pd"] is None
    assert default["reason_1"] is None
    assert plain["pd_change"] == pytest.approx(plain["pd"] - plain["pd_before"], abs=2e-6)
    assert plain["balance_cny"] == pytest.approx(1e5 * 7 / 12, abs=0.01)
    assert plain["reason_1_text"]
    assert plain["months_on_book"] == pytest.approx(5.7)
    for number in (0, 2):  # a register entry alone; twenty known days
        thin = of(run, number)
        assert (thin["status"], thin["pd"], thin["grade"]) == ("insufficient_data", None, None)
        assert thin["reason_1"] in ("no_tax", "no_logistics")


@pytest.mark.parametrize("day", [dt.date(2024, 12, 15), dt.date(2025, 1, 31), AS_OF])
def test_any_day_may_be_asked_again(watch, tmp_path, frames, day):
    """The answer is the one that was given with what had been delivered by then."""
    folder = tmp_path / "then" / "signals"
    for table, frame in {**frames, "loan_months": month_rows()}.items():
        event = TABLES[table].event
        known = pl.col(event) + pl.duration(days=TABLES[table].lag_days) <= day if event else True
        for bucket in range(BUCKETS):
            number = pl.col("firm_id").str.slice(1).cast(pl.Int64)
            mine = frame.filter(known, number % BUCKETS == bucket)
            write_bucket(mine, table, folder, bucket)
    assert watch(loan_rows(), day).rows.equals(watch(loan_rows(), day, signals=folder).rows)


@pytest.mark.parametrize("options", [{"workers": 2, "chunk_size": 9}, {"chunk_size": 7}])
def test_the_bytes_do_not_depend_on_workers_and_chunks(watch, tmp_path, options):
    def written(**options):
        watch(loan_rows(), **options)
        names = ("watch.csv", "watch.rejects.csv", "watch.html", "watch.manifest.json")
        return [(tmp_path / name).read_bytes() for name in names]

    assert written() == written(**options)


def test_without_months_a_loan_is_open_until_ninety_days_after_its_term(watch, signals_folder):
    run = watch(loan_rows(), signals=signals_folder)
    assert run.summary.closed == 0
    assert of(run, 20)["balance_cny"] is None
    rows = loan_rows()
    for row in rows[:30]:
        row["disbursed_on"] = "2023-11-01"
    assert watch(rows, signals=signals_folder).summary.closed == 30


def test_on_the_day_of_disbursement_a_loan_has_no_month_before(watch):
    run = watch(loan_rows(), DISBURSED)
    known = of(run, 20)
    assert (known["status"], known["pd_before"], known["months_on_book"]) == ("watched", None, 0.0)
    before = watch(loan_rows(), DISBURSED - dt.timedelta(days=1))
    assert before.summary.rejected == 60


def test_a_month_before_a_default_is_no_default(watch):
    run = watch(loan_rows(), dt.date(2025, 2, 2))
    assert of(run, DEFAULTED)["grade"] == "default"
    assert of(run, DEFAULTED)["grade_before"] not in ("default", None)


def test_a_model_of_applications_is_refused(watch, model_folder):
    with pytest.raises(ContractError, match=r"predicts default of applications.*--behaviour"):
        watch(loan_rows(), model=str(model_folder))


def test_a_model_of_open_loans_scores_no_applicant(run, rows, loan_model_folder):
    with pytest.raises(ContractError, match="firstloan watch"):
        run(rows, model=str(loan_model_folder))


def test_a_file_of_somebody_else_is_not_replaced(watch, tmp_path):
    (tmp_path / "watch.csv").write_text("mine\n")
    with pytest.raises(ContractError, match="did not write"):
        watch(loan_rows())
    assert (tmp_path / "watch.csv").read_text() == "mine\n"
    assert not (tmp_path / "watch.html").exists()


def test_no_cell_is_a_formula(watch):
    rows = loan_rows()
    rows[20]["loan_id"] = "=1+1"
    assert "'=1+1" in watch(rows).rows["loan_id"].to_list()


def test_the_page_names_the_queue_and_escapes(watch):
    rows = loan_rows()
    rows[LATE]["loan_id"] = "<script>alert(1)</script>"
    page = watch(rows).page
    assert "<script>" not in page
    assert "Firms to call" in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize("day", ["yesterday", "2025-13-01", "20250301T00"])
def test_a_day_that_is_none_is_said_in_one_line(monkeypatch, capsys, day):
    command = f"firstloan watch loans.csv --signals w --as-of {day} --out w.csv"
    monkeypatch.setattr(sys, "argv", command.split())
    assert firstloan.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"firstloan: {day}: expected a day such as 2025-03-04. Correct it."


def test_bad_rows_of_signals_are_said(watch, tmp_path, frames):
    """A delivery of plain files, one row of which has a negative reading."""
    folder = tmp_path / "plain"
    folder.mkdir()
    for table, frame in {**frames, "loan_months": month_rows()}.items():
        frame.write_parquet(folder / f"{table}.parquet")
    power = frames["electricity"]
    first = pl.int_range(pl.len()) == 100
    power.with_columns(
        pl.when(first).then(-5.0).otherwise("kwh_flat").alias("kwh_flat")
    ).write_parquet(folder / "electricity.parquet")
    run = watch(loan_rows(), signals=folder)
    assert run.summary.warnings == ("electricity: left out 1 entries of bad rows",)
    assert run.manifest["warnings"] == list(run.summary.warnings)
    assert "electricity: left out 1" in run.page
