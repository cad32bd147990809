"""Spellings of cells: one meaning gives one value, none or several give none."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contract.cells import blanked, canonical_ids, local_day, neutral, numbers, typed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("￥100.00", 100), ("¥100", 100), ("1,234.56", 1234.56), ("(100.00)", -100), ("100-", -100),
        ("１２３．４５", 123.45), ("1e3", 1000), ("+100", 100), ("100.00元", 100),
        ("1 234.56", 1234.56),
        (".5", 0.5), ("5.", 5), ("−100", -100), ("(￥1,000.50)", -1000.5), ("2.5万元", 25_000),
        ("'12", 12), ("-1,234,567", -1234567), ("RMB 7", 7), ("0", 0),
        ("1_000", None), ("0x10", None), ("1.2.3", None), ("TRUE", None), ("100%", None),
        ("1,23", None), ("12,34,567", None), ("$5", None), ("1.234,56", None), ("ten", None),
        ("-￥1,000", -1000), ("(￥100元)", -100), ("人民币 8", 8), ("10元5", None), ("1万万", None),
        ("--5", None), ("(5", None), ("万", None),
    ],
)  # fmt: skip
def test_an_amount_has_one_value_however_it_is_spelled(text, value):
    assert numbers(pl.Series("amount_cny", ["1", text, None])).to_list() == [1, value, None]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_writes_of_a_number_is_read_back(value):
    assert numbers(pl.Series("amount_cny", [repr(value)])).to_list() == [value]


@given(st.integers(-(10**12), 10**12), st.integers(0, 99))
def test_separators_of_thousands_change_nothing(whole, cents):
    plain = f"{whole}.{cents:02d}"
    assert numbers(pl.Series("a", [f"{whole:,}.{cents:02d}"]))[0] == float(plain)


CODE = "91360000MA35XXXX1A"


@pytest.mark.parametrize(
    "text",
    [
        f"\t{CODE}", f'="{CODE}"', f"'{CODE}", f"`{CODE}", CODE.lower(), f"{CODE}\u3000",
        f"\u200b{CODE}\ufeff", "".join(chr(ord(c) + 0xFEE0) for c in CODE), f" {CODE} ",
    ],
)  # fmt: skip
def test_one_firm_is_one_id(text):
    assert canonical_ids(pl.Series("firm_id", [text])).to_list() == [CODE]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("007", "007"), ("a1", "a1"), ("A1", "A1"), ("企业一", "企业一"), ("25 312", "25 312"),
        ("2531200000001.0", "2531200000001"), ("=1+1", "=1+1"), ("'", None),
        ("F0001", "F0001"), ("1.5", "1.5"),
    ],
)  # fmt: skip
def test_other_ids_stay_apart(text, kept):
    assert canonical_ids(pl.Series("application_id", [text])).to_list() == [kept]


@given(st.text(max_size=30))
def test_an_id_has_one_canonical_spelling(text):
    once = canonical_ids(pl.Series("firm_id", [text]))
    assert canonical_ids(once).to_list() == once.to_list()


DAY = dt.date(2025, 1, 3)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-01-03", DAY), ("2025/1/3", DAY), ("2025.01.03", DAY), ("20250103", DAY),
        ("2025年1月3日", DAY), ("2025-01-03 23:59:59", DAY), ("2025-01-03T23:30:00+08:00", DAY),
        ("2025-01-03T15:59:59Z", DAY), ("2025-01-02T16:00:00.000+00:00", DAY), ("`2025-01-03", DAY),
        ("2025-01-02T16:00Z", DAY), ("2025-01-03 00:00:00", DAY),
        ("-2025-01-03", None), ("+10000-01-01", None), ("0000-12-31", None), ("2025-02-30", None),
        ("2025-13-01", None), ("3.1.2025", None), ("03/01/2025", None), ("25-01-03", None),
        ("2025-01", None), ("45660", None), ("2025-01-03x", None), ("2025-01-03 25:00", None),
    ],
)  # fmt: skip
def test_a_day_is_read_where_it_has_one_meaning(text, day):
    assert typed(pl.Series("applied_on", [text]), pl.Date).to_list() == [day]


@given(st.datetimes(dt.datetime(2000, 1, 2), dt.datetime(2090, 1, 1)))  # noqa: DTZ001
def test_a_time_in_utc_gives_the_day_of_the_firms_whichever_way_it_comes(time):
    shanghai = (time + dt.timedelta(hours=8)).date()
    text = pl.Series("date", [time.isoformat(timespec="seconds") + "Z"])
    assert typed(text, pl.Date).to_list() == [shanghai]
    times = pl.Series("date", [time]).dt.replace_time_zone("UTC")
    days = times.to_frame().select(local_day(pl.col("date"), times.dtype))
    assert days["date"].to_list() == [shanghai]


def test_words_for_an_empty_cell_are_empty_and_ids_are_not_words():
    words = ["NULL", "NA", "N/A", "nan", "None", "-", "—", "1"]
    assert blanked(pl.Series("amount_cny", words), pl.Float64).drop_nulls().to_list() == ["1"]
    assert blanked(pl.Series("purpose", words), pl.String).drop_nulls().to_list() == ["-", "—", "1"]
    assert blanked(pl.Series("firm_id", words), pl.String).to_list() == words


@pytest.mark.parametrize("start", "=+-@＝＋－＠\t\r")
def test_no_cell_begins_as_a_formula(start):
    shown = pl.Series("a", [start + "cmd", "plain", None]).to_frame().select(neutral(pl.col("a")))
    assert shown["a"].to_list() == ["'" + start + "cmd", "plain", None]
