import polars as pl
import pytest

from features.table.formula import Formula, change, difference, formula_of_columns, mean_of, ratio


def test_a_division_by_nothing_is_missing():
    frame = pl.DataFrame({"a": [1.0, 1.0, 0.0, None], "b": [2.0, 0.0, 0.0, 1.0]})
    assert frame.select(ratio(pl.col("a"), pl.col("b")).expression).to_series().to_list() == [
        0.5,
        None,
        None,
        None,
    ]


def test_a_change_is_symmetric_and_bounded():
    frame = pl.DataFrame({"now": [2.0, 1.0, 0.0, 5.0, 0.0], "before": [1.0, 2.0, 3.0, 0.0, 0.0]})
    found = frame.select(change(pl.col("now"), pl.col("before")).expression).to_series().to_list()
    assert found == [pytest.approx(1 / 3), pytest.approx(-1 / 3), -1.0, 1.0, None]


def test_a_ratio_and_a_change_know_the_columns_they_are_made_of():
    made = change(pl.col("now"), pl.col("before"))
    assert (made.form, made.columns) == ("change", ("now", "before"))
    made = ratio(pl.col("a").sum(), pl.col("b"))
    assert (made.form, made.columns) == ("", ("a", "b"))
    assert Formula.of(pl.col("a")).form == "column"


def test_formulas_of_column_names_share_a_form():
    one, other = difference("a", "b"), difference("b", "c")
    assert one.form == other.form
    assert other.columns == ("b", "c")
    assert mean_of("a", "b", "c").columns == ("a", "b", "c")
    rows = pl.DataFrame({"a": [1.0, None], "b": [3.0, 5.0]})
    assert rows.select(mean_of("a", "b").expression).to_series().to_list() == [2.0, 5.0]


def test_functions_of_one_name_in_two_modules_are_two_forms():
    @formula_of_columns
    def difference_(a, b):
        return b - a

    difference_.__wrapped__.__qualname__ = "difference"
    again = formula_of_columns(difference_.__wrapped__)
    assert again("a", "b").form != difference("a", "b").form
