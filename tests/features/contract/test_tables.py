import pytest

from features.contract.tables import SIGNALS, TABLES, empty


def test_the_tables_are_those_of_the_design():
    assert tuple(TABLES) == (
        "firms", "coverage", "invoices", "tax_filings", "electricity", "electricity_bills",
        "logistics", "ecommerce", "credit_history", "applications", "outcomes", "loans",
        "loan_months", "recoveries", "bureau", "snapshots",
    )  # fmt: skip
    assert set(SIGNALS) == set(TABLES) - {"applications", "outcomes", "snapshots"}
    for table in TABLES.values():
        assert set(table.key) <= set(table.columns)
        assert set(table.required) <= set(table.columns)
        assert empty(table.name).columns == list(table.columns)


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("electricity", "kwh_peak", "a number >= 0"),
        ("firms", "owner_age", "a whole number >= 0 and <= 120"),
        ("firms", "area", "one of urban, county, rural"),
        ("applications", "applied_on", "a date such as 2025-03-04, from 2000-01-01 to 2099-12-31"),
        ("firms", "founded_on", "a date such as 2025-03-04, from 1901-01-01 to 2099-12-31"),
        ("applications", "first_time", "true or false"),
        ("invoices", "known_on", "a date such as 2025-03-04, from 2000-01-01 to 2099-12-31"),
    ],
)
def test_what_is_expected_is_said_from_the_checks_themselves(table, column, words):
    assert TABLES[table].expected(column) == words
