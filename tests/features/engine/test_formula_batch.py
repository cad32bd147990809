import numpy as np
import polars as pl
import pytest
from polars import col

from features.engine.formula_batch import by_form, evaluate
from features.table.catalogue import FEATURES, feature_names
from features.table.feature import OVER_FEATURES, Feature, ratio
from features.table.frames import FRAMES, Kind

ONE_ROW = [
    f
    for f in FEATURES
    if f.frame in OVER_FEATURES
    or (FRAMES[f.frame].kind in (Kind.WINDOW, Kind.ONE) and f.frame != "register")
]


def feature(name, formula, days=90):
    return Feature(
        name, "electricity_window", days, formula, "1", 1, "a figure", "数", "electricity_level"
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
        alone = rows.select(f.formula.cast(pl.Float64)).to_series().to_numpy()
        np.testing.assert_array_equal(found[:, places[f.name]], alone, err_msg=f.name)
    rest = np.setdiff1d(np.arange(len(places)), [places[f.name] for f in ONE_ROW])
    assert np.isinf(found[:, rest]).all()


def test_formulas_of_one_form_are_one_and_literals_tell_forms_apart():
    features = [
        feature("a", ratio(col("kwh_peak"), col("kwh"))),
        feature("b", ratio(col("kwh_flat"), col("kwh"))),
        feature("c", ratio(col("kwh"), col("kwh_flat"))),
        feature("d", ratio(col("kwh_peak"), 2 * col("kwh"))),
        feature("e", ratio(col("kwh_peak"), col("kwh_peak"))),
    ]
    places = dict(zip("abcde", range(5), strict=True))
    queries = by_form(features, places, among(["kwh", "kwh_peak", "kwh_flat"]))
    forms = [form for query in queries for form in query.forms]
    assert sorted(form.places.tolist() for form in forms) == [[0, 1, 2], [3], [4]]
    assert [form.rows.tolist() for form in forms if len(form.places) == 3] == [
        [[0, 0, 2], [1, 2, 0]]
    ]


def test_forms_of_one_query_share_no_column():
    places = {name: k for k, name in enumerate(feature_names())}
    names = sorted(set().union(*(f.inputs for f in ONE_ROW)))
    queries = by_form(ONE_ROW, places, among(names))
    for query in queries:
        assert len(query.inputs) == len(set(query.inputs))
    assert len(queries) < 5 < sum(len(q.forms) for q in queries) < len(ONE_ROW) / 5
