import polars as pl
import pytest

from features.table.feature import Feature, change, check_table, ratio

GOOD = {
    "name": "electricity_mean_30d",
    "frame": "electricity_window",
    "days": 30,
    "formula": pl.col("kwh"),
    "unit": "kWh/day",
    "sign": -1,
    "meaning": "electricity a day",
    "meaning_zh": "日均用电量",
    "theme": "electricity_level",
}


def test_a_row_says_its_source_and_what_it_reads():
    feature = Feature(**GOOD)
    assert feature.source == "electricity"
    assert feature.inputs == {"kwh"}
    over = Feature(**GOOD | {"frame": "cross_source", "formula": pl.col("firm_age") * 2})
    assert over.source == "cross_source"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"name": "Elec Mean"}, "expected a name"),
        ({"frame": "power_hours"}, "expected a frame among"),
        ({"formula": pl.col("volts")}, "has no column volts"),
        ({"formula": pl.col("kwh").mean()}, "has one row"),
        ({"frame": "cross_source", "formula": pl.col("firm_age").sum()}, "has one row"),
        ({"days": 60}, "expected a window of 30, 90, 180, 365 days, got 60"),
        ({"frame": "electricity_weeks", "days": 6}, "expected a window of 7 to 455 days, got 6"),
        ({"frame": "electricity_weeks", "days": 1000}, "got 1000"),
        ({"sign": 2}, "expected a sign"),
        ({"sign": 0}, "needs a note"),
        ({"note": "unclear"}, "needs a note"),
        ({"unit": ""}, "expected a unit"),
        ({"meaning": ""}, "expected a unit and a meaning"),
        ({"meaning_zh": "daily use"}, "in Chinese"),
        ({"theme": "luck"}, "expected a theme among"),
        ({"reference": "page 3"}, "expected report rows"),
    ],
)
def test_a_wrong_row_is_refused_when_it_is_declared(wrong, problem):
    with pytest.raises(ValueError, match=problem) as error:
        Feature(**GOOD | wrong)
    assert repr(wrong.get("name", GOOD["name"])) in str(error.value)


def test_a_table_refuses_twins_and_what_is_not_declared_above():
    feature = Feature(**GOOD)
    over = Feature(
        **GOOD | {"name": "double", "frame": "cross_source", "formula": pl.col(GOOD["name"])}
    )
    assert check_table([feature, over]) == (feature, over)
    with pytest.raises(ValueError, match="declared twice"):
        check_table([feature, feature])
    with pytest.raises(ValueError, match="declared nowhere above"):
        check_table([over, feature])
    again = Feature(**GOOD | {"name": "more", "frame": "cross_source", "formula": pl.col("double")})
    with pytest.raises(ValueError, match="reads double, also of across"):
        check_table([feature, over, again])


def test_a_division_by_nothing_is_missing():
    frame = pl.DataFrame({"a": [1.0, 1.0, 0.0, None], "b": [2.0, 0.0, 0.0, 1.0]})
    assert frame.select(ratio(pl.col("a"), pl.col("b"))).to_series().to_list() == [
        0.5,
        None,
        None,
        None,
    ]


def test_a_change_is_symmetric_and_bounded():
    frame = pl.DataFrame({"now": [2.0, 1.0, 0.0, 5.0, 0.0], "before": [1.0, 2.0, 3.0, 0.0, 0.0]})
    found = frame.select(change(pl.col("now"), pl.col("before"))).to_series().to_list()
    assert found == [pytest.approx(1 / 3), pytest.approx(-1 / 3), -1.0, 1.0, None]
