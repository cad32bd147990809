import numpy as np
import polars as pl
import pytest
from polars import col

from features.engine.ratios import Formulas
from features.table.catalogue import FEATURES
from features.table.feature import change, ratio

ROWS = pl.DataFrame(
    {
        "a": [6.0, 6.0, -6.0, 6.0, None, 6.0, float("nan"), 0.0],
        "b": [3.0, 0.0, 4.0, -2.0, 2.0, None, 2.0, 5.0],
    }
)


def found(formulas, rows):
    ready = Formulas(formulas)
    evaluated = rows.select(ready.numbers).to_numpy(writable=True).T
    return ready.divide(evaluated)


def test_a_ratio_is_divided_as_the_query_would_divide_it():
    formulas = {
        "plain": col("a") - col("b"),
        "ratio": ratio(col("a"), col("b")),
        "change": change(col("a"), col("b")),
        "swapped": ratio(col("b"), col("a")),
        "itself": ratio(col("a"), col("a")),
    }
    expected = ROWS.select(**formulas).to_numpy().T
    np.testing.assert_array_equal(found(formulas, ROWS), expected)
    assert np.flatnonzero(~np.isnan(found(formulas, ROWS)[1])).tolist() == [0, 2, 7]


@pytest.mark.parametrize(
    ("formula", "count"),
    [
        (ratio(col("a").sum(), col("b").mean()), 2),
        (change(col("a"), col("b")), 2),
        (ratio(col("a"), col("b")).abs(), 1),
        (pl.when(col("b") > 1).then(col("a") / col("b")), 1),
        (pl.when(col("a") > 0).then(col("a") / col("b")), 1),
        (pl.when(col("b") > 0).then(col("a") * col("b")), 1),
        (pl.when(col("b") > 0).then(col("a") / col("b")).otherwise(0), 1),
    ],
)
def test_only_a_ratio_is_taken_apart(formula, count):
    assert len(Formulas({"x": formula}).expressions) == count


def test_truth_values_and_whole_numbers_are_numbers():
    formulas = {"yes": col("b") > 2, "count": (col("b") > 0).sum(), "b": col("b")}
    rows = ROWS.select(Formulas(formulas).numbers)
    assert set(rows.dtypes) == {pl.Float64}


def test_the_table_s_ratios_are_taken_apart():
    ready = Formulas({feature.name: feature.formula for feature in FEATURES})
    assert len(ready.expressions) - len(FEATURES) > 100
