import numpy as np
import polars as pl
import pytest
from polars import col

from features.engine.formula_batch import Formulas, by_form, evaluate
from features.table.builders import feature
from features.table.catalogue import FEATURES, feature_names
from features.table.feature import OVER_FEATURES
from features.table.formula import Formula, change, difference, ratio
from features.table.frames import FRAMES, Kind

ROWS = pl.DataFrame(
    {
        "a": [6.0, 6.0, -6.0, 6.0, None, 6.0, float("nan"), 0.0],
        "b": [3.0, 0.0, 4.0, -2.0, 2.0, None, 2.0, 5.0],
    }
)

ONE_ROW = [
    f
    for f in FEATURES
    if f.frame in OVER_FEATURES
    or (FRAMES[f.frame].kind in (Kind.WINDOW, Kind.ONE) and f.frame != "register")
]


def declared(name, formula, days=90):
    return feature(
        name=name,
        frame="electricity_window",
        days=days,
        formula=formula,
        unit="1",
        sign=1,
        display="number",
        theme="electricity_level",
        meaning="a figure",
        meaning_zh="数",
    )


def among(names):
    """Rows of values that stand in the order of their names."""
    return lambda _, name: names.index(name)


@pytest.mark.parametrize("n", [1, 3, 200], ids=["one", "few", "many"])
def test_features_evaluated_together_are_what_each_is_alone(n):
    rng = np.random.Generator(np.random.SFC64(n))
    names = sorted(set().union(*(f.inputs for f in ONE_ROW)))
    values = np.round(rng.normal(1, 2, (len(names), n)), 1)
    values[rng.random(values.shape) < 0.2] = np.nan
    read = dict(zip(names, values, strict=True))
    places = {name: k for k, name in enumerate(feature_names())}
    found = np.full((n, len(places)), np.inf)
    evaluate(by_form(ONE_ROW, places, among(names)), values, found)
    rows = pl.DataFrame(read, nan_to_null=True)
    for f in ONE_ROW:
        alone = rows.select(f.formula.expression.cast(pl.Float64)).to_series().to_numpy()
        np.testing.assert_array_equal(found[:, places[f.name]], alone, err_msg=f.name)
    rest = np.setdiff1d(np.arange(len(places)), [places[f.name] for f in ONE_ROW])
    assert np.isinf(found[:, rest]).all()


def test_formulas_of_one_form_are_evaluated_as_one():
    of_its_own = Formula.of(col("kwh_peak") - 2 * col("kwh"))
    features = [
        declared("a", ratio(col("kwh_peak"), col("kwh"))),
        declared("b", ratio(col("kwh_flat"), col("kwh"))),
        declared("c", ratio(col("kwh"), col("kwh_flat"))),
        declared("d", ratio(col("kwh_peak"), 2 * col("kwh"))),
        declared("e", ratio(col("kwh_peak"), col("kwh_peak"))),
        declared("f", difference("kwh_peak", "kwh")),
        declared("g", of_its_own),
        declared("h", of_its_own, days=180),
    ]
    places = dict(zip("abcdefgh", range(8), strict=True))
    queries = by_form(features, places, among(["kwh", "kwh_peak", "kwh_flat"]))
    forms = [form for query in queries for form in query.forms]
    assert sorted(form.places.tolist() for form in forms) == [
        [0, 1, 2],
        [3],
        [4],
        [5],
        [6, 7],
    ]
    assert [form.rows.tolist() for form in forms if len(form.places) == 3] == [
        [[1, 2, 0], [0, 0, 2]]
    ]


def test_forms_of_one_query_share_no_column():
    places = {name: k for k, name in enumerate(feature_names())}
    names = sorted(set().union(*(f.inputs for f in ONE_ROW)))
    queries = by_form(ONE_ROW, places, among(names))
    for query in queries:
        assert len(query.inputs) == len(set(query.inputs))
    assert len(queries) < 5 < sum(len(q.forms) for q in queries) < len(ONE_ROW) / 5


def evaluated(formulas, rows):
    ready = Formulas(formulas)
    return ready.divide(rows.select(ready.numbers).to_numpy(writable=True).T)


def test_a_ratio_is_divided_as_the_query_would_divide_it():
    formulas = {
        "plain": difference("a", "b"),
        "ratio": ratio(col("a"), col("b")),
        "change": change(col("a"), col("b")),
        "swapped": ratio(col("b"), col("a")),
        "itself": ratio(col("a"), col("a")),
    }
    expected = ROWS.select(**{name: f.expression for name, f in formulas.items()}).to_numpy().T
    np.testing.assert_array_equal(evaluated(formulas, ROWS), expected)
    assert np.flatnonzero(~np.isnan(evaluated(formulas, ROWS)[1])).tolist() == [0, 2, 7]


def test_truth_values_and_whole_numbers_are_numbers():
    formulas = {"yes": col("b") > 2, "count": (col("b") > 0).sum(), "b": col("b")}
    numbers = Formulas({name: Formula.of(f) for name, f in formulas.items()}).numbers
    assert set(ROWS.select(numbers).dtypes) == {pl.Float64}


def test_the_table_s_ratios_are_divided_by_numpy():
    ready = Formulas({f.name: f.formula for f in FEATURES})
    assert len(ready.expressions) - len(FEATURES) > 100
