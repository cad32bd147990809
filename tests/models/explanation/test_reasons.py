from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from features.contract.tables import SOURCES
from features.table.catalogue import FEATURES
from models.explanation.reasons import ABSENT_THEMES, theme_contributions, top_reasons

KNOWN = {feature.name: feature for feature in FEATURES}


class Weighted:
    """A margin that a figure raises by sign and weight, or by its size where it has no sign.

    A missing one raises it by one. With weights given, nothing but these counts.
    """

    kind = "weighted"
    bias = 0.0

    def __init__(self, weights=None):
        self.weights = weights

    def margin(self, X):
        if self.weights is not None:
            return np.nansum(self.weights * X, axis=1)
        sign = np.array([KNOWN[name].sign for name in KNOWN])
        pushes = np.where(sign == 0, np.abs(X), sign * X)
        return np.nansum(np.where(np.isnan(X), 1.0, pushes), axis=1)


@pytest.fixture(scope="module")
def model(trees_model):
    """A model over the real catalogue in which nothing that is mended is without effect."""
    names = tuple(KNOWN)
    typical = dict.fromkeys(names, 0.0)
    return replace(trees_model, feature_names=names, typical=typical, estimator=Weighted())


def rows(model, count, seed=0, *, missing=0.1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, len(model.feature_names)))
    X[rng.random(X.shape) < missing] = np.nan
    parts = rng.normal(scale=0.1, size=X.shape)
    return pl.DataFrame(X, schema=list(model.feature_names)), parts


def pair(sign):
    """Two features of one theme and source with this sign, and the sources' other features."""
    for feature in FEATURES:
        for other in FEATURES:
            same = (other.theme, other.source, other.sign) == (feature.theme, feature.source, sign)
            if same and feature.sign == sign and other is not feature and feature.source in SOURCES:
                return feature, other
    pytest.fail(f"the catalogue has no two features of one theme with sign {sign}")


def one_row(model, values, parts):
    """A row with everything typical but these values and these contributions."""
    X = pl.DataFrame({name: [values.get(name, 0.0)] for name in model.feature_names})
    contributions = np.array([[parts.get(name, 0.0) for name in model.feature_names]])
    return top_reasons(contributions, X, model)


def test_features_of_one_theme_are_one_reason(model):
    first, second = pair(1)
    found = one_row(model, {first.name: 2.0, second.name: 1.0}, {first.name: 0.5, second.name: 0.3})
    assert found.rows(named=True) == [
        {
            "row": 0,
            "rank": 1,
            "theme": first.theme,
            "feature": first.name,
            "contribution": pytest.approx(0.8),
            "value": 2.0,
            "typical": 0.0,
        }
    ]


def test_a_theme_that_is_good_on_balance_is_no_reason(model):
    first, second = pair(1)
    found = one_row(
        model, {first.name: 2.0, second.name: -1.0}, {first.name: 0.5, second.name: -0.6}
    )
    assert found.is_empty()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_better_than_typical_value_is_never_blamed(model, sign):
    first, second = pair(sign)
    better, worse = -2.0 * sign, 0.5 * sign
    found = one_row(
        model, {first.name: better, second.name: worse}, {first.name: 0.5, second.name: 0.1}
    )
    assert found["feature"].to_list() == [second.name]
    assert one_row(model, {first.name: better}, {first.name: 0.5}).is_empty()


def test_an_unsigned_value_is_blamed_only_where_it_is_not_the_typical_one(model):
    name = next(f.name for f in FEATURES if f.sign == 0 and f.source in SOURCES)
    assert one_row(model, {name: 0.0}, {name: 0.5}).is_empty()
    assert one_row(model, {name: 1.0}, {name: 0.5})["feature"].to_list() == [name]


def test_a_theme_that_changes_nothing_when_it_is_put_right_never_comes_first(model):
    """Its push compares with everybody; between typical and this value the model is flat."""
    first, second = pair(1)
    other = next(f for f in FEATURES if f.sign == 1 and f.theme != first.theme)
    weights = np.array([float(name == other.name) for name in KNOWN])
    values = {first.name: 2.0, second.name: 1.0, other.name: 1.0}
    parts = {first.name: 0.5, second.name: 0.3, other.name: 0.2}
    flat = replace(model, estimator=Weighted(weights))
    assert one_row(flat, values, parts)["theme"].to_list() == [other.theme]
    assert one_row(model, values, parts)["theme"].to_list() == [first.theme, other.theme]


def test_what_rests_on_an_unsigned_value_comes_later_where_signed_ones_change_nothing(model):
    """The worse of the signed features is flat; the push is that of an unsigned one."""
    theme, unsigned, flat = "loan", "loan_term", "loan_to_sales"
    assert (KNOWN[unsigned].sign, KNOWN[flat].sign) == (0, 1)
    other = next(f.name for f in FEATURES if f.sign == 1 and f.theme != theme)
    weights = np.array([float(name in {unsigned, other}) for name in KNOWN])
    values, parts = {unsigned: 1.0, flat: 1.0, other: 1.0}, {unsigned: 0.5, other: 0.2}
    found = one_row(replace(model, estimator=Weighted(weights)), values, parts)
    assert found["theme"].to_list() == [KNOWN[other].theme, theme]
    assert found["contribution"].to_list() == [0.2, 0.5]
    # where there is nothing else, it is the first
    del values[other], parts[other]
    found = one_row(replace(model, estimator=Weighted(weights)), values, parts)
    assert found["theme"].to_list() == [theme]


def test_where_all_rest_on_unsigned_values_the_largest_is_first(model):
    """Also beside a theme that lowers the risk, and behind a smaller one in the table."""
    one, other = (feature.name for feature in pair(1))
    names = ("firm_age", "firm_owner_age", "loan_to_sales", "loan_term", one, other)
    weights = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    few = replace(model, feature_names=names, estimator=Weighted(weights))
    values = dict(zip(names, (-1.0, 1.0, 1.0, 1.0, 1.0, -1.0), strict=True))
    parts = {"firm_owner_age": 0.2, "loan_term": 0.5, one: 0.1, other: -0.3}
    found = one_row(few, values, parts)
    assert found["theme"].to_list() == ["loan", "firm"]
    assert found["contribution"].to_list() == [0.5, 0.2]


def test_what_is_missing_is_no_reason_where_a_typical_value_would_not_help(model):
    absent = {f.name: np.nan for f in FEATURES if f.source == "ecommerce"}
    parts = dict.fromkeys(absent, 0.01)
    harmful = replace(model, estimator=Weighted(np.zeros(len(KNOWN))))
    assert one_row(harmful, absent, parts).is_empty()
    alone = {"ecommerce_orders_week_cv_180d": np.nan}
    assert one_row(harmful, alone, dict.fromkeys(alone, 0.2)).is_empty()


def test_a_margin_that_is_known_is_not_asked_for_again(model):
    X, parts = rows(model, 40, seed=8)
    given = top_reasons(parts, X, model, margin=model.margin(X))
    assert given.equals(top_reasons(parts, X, model))


def test_a_missing_source_is_one_reason(model):
    absent = {f.name: np.nan for f in FEATURES if f.source == "ecommerce"}
    found = one_row(model, absent, dict.fromkeys(absent, 0.01))
    row = found.row(0, named=True)
    assert found.height == 1
    assert row["theme"] == "no_ecommerce"
    assert row["value"] is None
    assert row["contribution"] == pytest.approx(0.01 * len(absent))


def test_missing_sources_are_one_reason_together(model):
    absent = {f.name: np.nan for f in FEATURES if f.source in {"ecommerce", "tax", "logistics"}}
    parts = {name: -0.01 if KNOWN[name].source == "logistics" else 0.01 for name in absent} | {
        "tax_file_days_recent": 0.3
    }
    row = one_row(model, absent, parts).row(0, named=True)
    # that there are no parcels is in the applicant's favour
    assert row["theme"] == "no_tax_ecommerce"
    assert row["feature"] == "tax_file_days_recent"
    named = [name for name in absent if KNOWN[name].source != "logistics"]
    assert row["contribution"] == pytest.approx(sum(parts[name] for name in named))


def test_what_compares_a_missing_source_is_missing_with_it(model):
    """Unless something else that it is made from is missing, too."""
    absent = {f.name: np.nan for f in FEATURES if f.source == "tax"}
    across = {"loan_to_sales": np.nan, "peer_loan_to_sales": np.nan}
    parts = dict.fromkeys(absent, 0.01) | dict.fromkeys(across, 0.2)
    assert one_row(model, absent | across, parts)["theme"].to_list() == ["no_tax"]
    unknown = {"loan_amount": np.nan}
    told = one_row(model, absent | across | unknown, parts)["theme"]
    assert set(told) == {"no_tax", "loan"}


def test_a_missing_source_is_not_told_again_as_a_short_record(model):
    absent = {f.name: np.nan for f in FEATURES if f.source == "ecommerce"}
    covers = {"coverage_ecommerce": -1.0, "history_ecommerce": -1.0}
    parts = {**dict.fromkeys(absent, 0.01), "history_ecommerce": 0.4, "coverage_ecommerce": 0.1}
    found = one_row(model, absent | covers, parts)
    assert found["theme"].to_list() == ["no_ecommerce"]
    assert found["value"].to_list() == [None]
    assert found["contribution"][0] == pytest.approx(0.01 * len(absent) + 0.5)


def test_a_single_missing_value_belongs_to_its_theme(model):
    first, _ = pair(1)
    found = one_row(model, {first.name: np.nan}, {first.name: 0.2})
    assert found["theme"].to_list() == [first.theme]


def test_one_reason_at_most_tells_of_a_single_missing_value(model):
    themes = dict.fromkeys(f.theme for f in FEATURES if f.sign == 1 and f.source == "tax")
    first, second, third = (
        next(f.name for f in FEATURES if f.theme == theme and f.sign == 1)
        for theme in list(themes)[:3]
    )
    values = {first: np.nan, second: np.nan, third: 1.0}
    found = one_row(model, values, {first: 0.3, second: 0.2, third: 0.1})
    assert found["feature"].to_list() == [first, third]
    assert found["rank"].to_list() == [1, 2]


def test_many_rows_at_once(model):
    X, parts = rows(model, 500)
    found = top_reasons(parts, X, model)
    assert found.equals(found.sort("row", "rank"))
    per_row = found.group_by("row").agg(
        pl.col("theme").n_unique().alias("themes"),
        pl.len().alias("reasons"),
        pl.col("rank").sort().alias("ranks"),
    )
    assert (per_row["themes"] == per_row["reasons"]).all()
    assert per_row["reasons"].max() == 5
    assert all(ranks == list(range(1, len(ranks) + 1)) for ranks in per_row["ranks"].to_list())
    assert (found["contribution"] > 0).all()
    later = found.filter(pl.col("rank") > 1)
    falls = later.with_columns(pl.col("contribution").diff().over("row").alias("step"))
    assert (falls["step"].drop_nulls() <= 0).all()
    for reason in found.iter_rows(named=True):
        feature = KNOWN[reason["feature"]]
        if feature.sign and reason["value"] is not None:
            assert feature.sign * (reason["value"] - reason["typical"]) > 0
        if not reason["theme"].startswith("no_"):
            assert feature.theme == reason["theme"]


def test_rows_do_not_depend_on_each_other(model):
    X, parts = rows(model, 60, seed=3)
    whole = top_reasons(parts, X, model)
    alone = [
        top_reasons(parts[i : i + 1], X[i : i + 1], model).with_columns(row=pl.lit(i, pl.Int64))
        for i in range(60)
    ]
    assert whole.equals(pl.concat(alone))


def test_no_rows_no_reasons(model):
    X, parts = rows(model, 0)
    assert top_reasons(parts, X, model).is_empty()


def of_sources(*sources):
    """Features that are missing where these sources are, and nothing else need be."""
    return [name for name, feature in KNOWN.items() if feature.source in sources]


def test_what_sources_are_missing_with_is_summed_under_their_names(model):
    """Two sources are missing: one raises the risk, the other lowers it."""
    X, parts = rows(model, 1, missing=0.0)
    values, pushes = X.to_numpy()[0].copy(), parts[0]
    column = {name: j for j, name in enumerate(model.feature_names)}
    for source, push in (("ecommerce", 0.2), ("logistics", -0.2)):
        for name in of_sources(source):
            values[column[name]], pushes[column[name]] = np.nan, push
    sums = theme_contributions(pushes, values, model)
    assert sum(sums.values()) == pytest.approx(pushes.sum())
    assert sums["no_ecommerce"] > 0 > sums["no_logistics"]
    present = set(KNOWN) - set(of_sources("ecommerce", "logistics"))
    assert sums.keys() - ABSENT_THEMES.keys() <= {KNOWN[name].theme for name in present}


def test_without_a_missing_source_themes_are_those_of_the_catalogue(model):
    X, parts = rows(model, 1, missing=0.0)
    sums = theme_contributions(parts[0], X.to_numpy()[0], model)
    assert sums.keys() == {feature.theme for feature in FEATURES}
    theme = FEATURES[0].theme
    own = [f.theme == theme for f in FEATURES]
    assert sums[theme] == pytest.approx(parts[0][own].sum())
