import re

import pytest

from features.contract.tables import SOURCES
from features.table.catalogue import FEATURES
from models.policy import DataSufficiency, Policy
from scoring.text.reason_text import flag_texts, reason_texts, thin_texts

VALUES = (-1.0, -0.26, 0.0, 0.004, 0.31, 0.999, 1.0, 7.3, 12_345.6)


def test_a_fall_is_told_as_a_fall():
    english, chinese = reason_texts("sales_trend", "tax_sales_change_13w", -0.258, -0.0152)
    assert english == (
        "invoiced sales fell 41 %, last quarter against the one before; typical: −3 %"
    )
    assert chinese == "开票销售额近一季较上一季下降41%；一般水平：−3%"


def test_a_share_a_delay_and_an_amount():
    assert reason_texts("customers", "tax_top_customer", 0.834, 0.31) == (
        "largest customer's share of a year's sales: 83 %; typical: 31 %",
        "近一年最大客户占比：83%；一般水平：31%",
    )
    assert reason_texts("bills", "electricity_bills_late_days_365d", 1.0, 0.0) == (
        "mean delay of electricity bills over 365 days: 1 day; typical: 0 days",
        "近365天电费平均逾期天数：1天；一般水平：0天",
    )
    assert reason_texts("loan", "loan_amount", 345_600.0, 124_000.0) == (
        "amount applied for: CNY 345,600; typical: CNY 124,000",
        "申请金额：34.6万元；一般水平：12.4万元",
    )


def test_figures_that_differ_are_written_so_that_they_differ():
    english, chinese = reason_texts("refunds", "ecommerce_refund_rate_90d", 0.1214, 0.1209)
    assert english.endswith(": 12.14 %; typical: 12.09 %")
    assert chinese.endswith("：12.14%；一般水平：12.09%")


def test_a_missing_source_and_a_missing_figure():
    assert reason_texts("no_ecommerce", "ecommerce_rating_90d", None, 4.7) == (
        "no e-commerce record",
        "无电商数据",
    )
    assert reason_texts("no_tax_ecommerce", "ecommerce_rating_90d", None, 4.7) == (
        "no records: tax and invoice, e-commerce",
        "无税务发票、电商数据",
    )
    english, chinese = reason_texts("sales_trend", "tax_sales_yoy_13w", None, 0.1)
    assert english.startswith("too little data: ")
    assert chinese.startswith("数据不足：")


def test_what_is_said_of_all_sources_is_said_of_the_only_one():
    english, chinese = reason_texts("consistency", "work_change_4w", -1.0, 0.0, only="tax")
    assert english == ("the only source (tax and invoice) stopped, last 4 weeks; typical: 0 %")
    assert chinese == "唯一来源（税务发票）近4周降至零；一般水平：0%"
    english, chinese = reason_texts("consistency", "work_month_cv", 1.2, 0.5, only="electricity")
    assert english.startswith("unevenness of the only source (electricity) from month to month: ")
    assert chinese.startswith("唯一来源（用电）月度波动：")
    own = ("bills", "electricity_bills_late_days_365d", 1.0, 0.0)
    assert reason_texts(*own, only="electricity") == reason_texts(*own)


@pytest.mark.parametrize("source", SOURCES)
def test_no_reason_of_one_source_speaks_of_several(source):
    for feature in FEATURES:
        for value in (None, 0.3):
            for text in reason_texts(feature.theme, feature.name, value, 0.1, only=source):
                assert "all covered sources" not in text
                assert "各来源" not in text


def test_a_column_of_ones_own_is_worded_by_its_name():
    assert reason_texts("x7", "x7", 1.5, 2.0) == ("x7: 1.5; typical: 2", "x7：1.5；一般水平：2")


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.name)
def test_every_feature_has_a_readable_phrase_for_every_figure(feature):
    for value in VALUES:
        for typical in (None, *VALUES):
            english, chinese = reason_texts(feature.theme, feature.name, value, typical)
            for text in (english, chinese):
                assert "\n" not in text
                assert not re.search(r"nan|inf\b|None|[{}]|e[+-]\d", text), text
                assert not text.startswith(tuple("=+-@"))
            assert len(english) < 180
            assert re.search(r"[\u4e00-\u9fff]", chinese)


@pytest.mark.parametrize(
    "feature", [f for f in FEATURES if f.display == "change"], ids=lambda f: f.name
)
def test_direction_is_never_told_wrong(feature):
    down = reason_texts(feature.theme, feature.name, -0.2, 0.0)
    up = reason_texts(feature.theme, feature.name, 0.2, 0.0)
    assert " fell 33 %" in down[0]
    assert "下降33%" in down[1]
    assert " rose 50 %" in up[0]
    assert "上升50%" in up[1]


def test_thin_sources_say_what_is_there_and_what_is_needed():
    thin = DataSufficiency(window_days=180, known_days=90)
    assert thin_texts("electricity", 12, thin) == (
        "electricity record: 12 of the last 180 days known; needed: 90",
        "用电数据：近180天中有12天；至少需要90天",
    )


def test_a_flag_of_the_policy_or_of_the_input_is_told_in_both_languages():
    policy = Policy.load()
    own = [flag.name for flag in policy.flags]
    input_flags = [f"unknown_{name}" for name in ("purpose", "lender_type", "channel")]
    for code in (*own, *input_flags, "consent_after_as_of", "bad_rows_electricity"):
        english, chinese = flag_texts(code, policy.flags)
        assert english != code
        assert re.search(r"[\u4e00-\u9fff]", chinese)


def test_a_theme_named_like_a_source_is_not_told_as_missing():
    feature = next(f for f in FEATURES if f.source == "electricity")
    english, chinese = reason_texts("electricity", feature.name, 3.0, 9.0)
    assert "record" not in english
    assert "3" in english
    assert "无" not in chinese
    assert reason_texts("no_electricity", feature.name, None, None)[0] == "no electricity record"
