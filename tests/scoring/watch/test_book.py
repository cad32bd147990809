import datetime as dt

import polars as pl

from scoring.watch.book import Book

AS_OF = dt.date(2025, 4, 5)
LOANS = pl.DataFrame(
    {
        "loan_id": ["a", "b", "c"],
        "disbursed_on": [dt.date(2024, 7, 1), dt.date(2024, 9, 1), dt.date(2025, 2, 1)],
    }
)
MONTHS = pl.DataFrame(
    {
        "loan_id": ["a", "a", "b", "b", "c", "c"],
        "month_end": [dt.date(2025, 2, 28), dt.date(2025, 3, 31)] * 3,
        "balance_cny": [90.5, 90.5, 40.0, 0.0, 70.0, 60.0],
        "dpd": [60, 91, 0, 0, 0, 12],
        "status": ["late", "default", "current", "repaid", "current", "late"],
    }
)
ROWS = pl.DataFrame(
    {
        "loan_id": ["a", "b", "c"],
        "status": ["watched", "closed", "watched"],
        "grade": ["default", None, "B"],
        "grade_before": ["F", None, "A"],
        "pd": [None, None, 0.02],
        "action": ["collect", None, "call"],
        "rules": ["days_past_due;activity_cusum", None, "days_past_due"],
        "balance_cny": [90.5, 0.0, 60.0],
        "limit_cny": [100.0, 100.0, 100.0],
    }
)


def book():
    return Book.total([Book.of(ROWS, LOANS, MONTHS, as_of=AS_OF)])


def test_balance_at_risk_by_grade():
    assert book().grades.rows() == [("B", 1, 6000, 120), ("default", 1, 9050, 0)]


def test_grades_migrate_and_closed_loans_do_not():
    assert book().migration.rows() == [("A", "B", 1), ("F", "default", 1)]


def test_balance_rolls_from_bucket_to_bucket():
    assert book().rolls.rows() == [
        ("0", "1-30", 1, 7000),
        ("0", "ended", 1, 4000),
        ("31-60", "over 90", 1, 9050),
    ]


def test_a_vintage_is_counted_once_all_its_loans_are_old_enough():
    """Loans of the third quarter are six months old on 1 April; those of 2025 Q1 are none yet."""
    found = book().vintages
    assert found["vintage"].unique().to_list() == [dt.date(2024, 7, 1)]
    assert found["month"].to_list() == [1, 2, 3, 4, 5, 6]
    assert found["loans"].to_list() == [2] * 6
    assert found["defaults"].to_list() == [0] * 6


def test_books_add_up():
    twice = Book.total([Book.of(ROWS, LOANS, MONTHS, as_of=AS_OF)] * 2)
    assert twice.grades["balance_fen"].to_list() == [12000, 18100]
    assert twice.rules.rows() == [("activity_cusum", 2), ("days_past_due", 4)]
