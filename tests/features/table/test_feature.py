import polars as pl
import pytest

from features.table.builders import feature
from features.table.feature import ChangeWords, check_table
from features.table.formula import Formula

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
    "display": "number",
}


def test_a_row_says_its_source_and_what_it_reads():
    declared = feature(**GOOD)
    assert declared.source == "electricity"
    assert declared.inputs == {"kwh"}
    over = feature(**GOOD | {"frame": "cross_source", "formula": pl.col("firm_age") * 2})
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
        ({"display": "change"}, "a feature displayed as a change needs its words"),
        ({"change": ChangeWords("sales", "then", "销售")}, "others have none"),
        ({"formula": Formula(pl.col("kwh"), columns=("kwh_peak",))}, "declares other columns"),
    ],
)
def test_a_wrong_row_is_refused_when_it_is_declared(wrong, problem):
    with pytest.raises(ValueError, match=problem) as error:
        feature(**GOOD | wrong)
    assert repr(wrong.get("name", GOOD["name"])) in str(error.value)


def test_a_table_refuses_twins_and_what_is_not_declared_above():
    declared = feature(**GOOD)
    over = feature(
        **GOOD | {"name": "double", "frame": "cross_source", "formula": pl.col(GOOD["name"])}
    )
    assert check_table([declared, over]) == (declared, over)
    with pytest.raises(ValueError, match="declared twice"):
        check_table([declared, declared])
    with pytest.raises(ValueError, match="declared nowhere above"):
        check_table([over, declared])
    again = feature(**GOOD | {"name": "more", "frame": "cross_source", "formula": pl.col("double")})
    with pytest.raises(ValueError, match="reads double, also of cross_source"):
        check_table([declared, over, again])
