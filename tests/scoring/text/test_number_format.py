import pytest

from features.table.catalogue import FEATURES
from scoring.text.number_format import growth_of, percent, written

BY_NAME = {feature.name: feature for feature in FEATURES}


@pytest.mark.parametrize(
    ("name", "value", "english", "chinese"),
    [
        ("tax_late_share_365d", 0.42, "42 %", "42%"),
        ("tax_sales_change_13w", -0.2, "−33 %", "−33%"),
        ("tax_sales_change_13w", 1.0, "new", "新增"),
        ("tax_sales_mean_365d", 2_345.6, "CNY 2,346", "2,346元"),
        ("firm_capital", 1_250_000.0, "CNY 1,250,000", "125万元"),
        ("firm_age", 1.0, "1 year", "1年"),
        ("firm_owner_age", 41.0, "41 years", "41岁"),
        ("firm_is_micro", 1.0, "yes", "是"),
        ("electricity_slope_365d", 0.03, "+3 % a month", "每月+3%"),
    ],
)
def test_a_figure_is_written_as_its_row_declares(name, value, english, chinese):
    assert written(BY_NAME[name], value, None) == ((english, chinese), None)


def test_digits_are_added_until_value_and_typical_differ():
    value, typical = written(BY_NAME["tax_late_share_365d"], 0.1041, 0.1043)
    assert value[0] == "10.41 %"
    assert typical[0] == "10.43 %"


def test_growth_of_a_symmetric_change():
    assert growth_of(-1) == -1
    assert growth_of(1 / 3) == pytest.approx(1)
    assert growth_of(1) == float("inf")
    assert percent(0.031, signed=True) == ("+3.1 %", "+3.1%")
