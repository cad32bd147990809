import datetime as dt

import polars as pl

from models.data.snapshots import labelled_snapshots

ENDS = [dt.date(2024, m, 1) - dt.timedelta(days=1) for m in range(2, 13)]


def months(loan, dpd, status=None):
    return pl.DataFrame(
        {
            "loan_id": [loan] * len(dpd),
            "firm_id": [f"F{loan}"] * len(dpd),
            "month_end": ENDS[: len(dpd)],
            "dpd": dpd,
            "status": status or ["late" if d else "current" for d in dpd],
        }
    )


def labels(tape, observed=None):
    given = pl.DataFrame(
        observed or {"loan_id": [], "observed_until": []},
        schema={"loan_id": pl.String, "observed_until": pl.Date},
    )
    found = labelled_snapshots(tape, given)
    return {(row[0], row[2].month): row[3] for row in found.rows()}


def test_the_label_is_a_first_default_within_six_months():
    """Days past due reach 90 on 30 August: seen from March on, and not from February."""
    statuses = ["current"] * 5 + ["late"] * 2 + ["default"] * 4
    bad = months("b", [0, 0, 0, 0, 0, 31, 61, 91, 121, 151, 181], statuses)
    assert labels(bad) == {("b", m): m >= 3 for m in range(2, 7)}


def test_a_loan_without_six_observed_months_is_left_out_whatever_became_of_it():
    statuses = ["current"] * 7 + ["late"] * 2 + ["default"] * 2
    tape = pl.concat(
        [
            months("good", [0] * 11),
            months("repaid", [0] * 8, ["current"] * 7 + ["repaid"]),
            months("bad", [0] * 7 + [31, 61, 91, 121], statuses),
        ]
    )  # fmt: skip
    found = labels(tape)
    assert {key[1] for key in found} == {2, 3, 4, 5, 6}
    assert {loan for loan, month in found if month == 6} == {"good", "repaid", "bad"}


def test_a_loan_may_be_observed_less_long_than_the_tape():
    tape = pl.concat([months("a", [0] * 11), months("b", [0] * 6)])
    found = labels(tape, {"loan_id": ["b"], "observed_until": [ENDS[6]]})
    assert {month for loan, month in found if loan == "b"} == {2}


def test_no_month_of_default_and_none_after_is_looked_at():
    cured = months("c", [0, 95, 0, 0, 0, 0, 0, 0, 0, 0, 0], ["current", "default", *["cured"] * 9])
    assert labels(cured) == {("c", 2): True}
