"""The shipped mappings, each with the invented sample of the export that it is for."""

import csv
import datetime as dt
import math
import tomllib
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest

from features.api import build
from features.contract.errors import ContractError
from features.importing.folder import import_folder
from features.importing.guess import guess_mapping
from features.importing.mapping import load_mapping
from features.io.loan_outcomes import outcomes_of
from features.io.signal_reader import Signals, read_applications

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = ("digital-invoices", "meter-96-points", "waybills", "shop-orders", "loan-tape")


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    out = tmp_path_factory.mktemp("examples")
    return {
        name: import_folder(
            load_mapping(EXAMPLES / f"{name}.toml"), source=EXAMPLES / name, out=out / name
        )
        for name in NAMES
    }


def table(imported, name, which):
    return Signals.open(imported[name].out).read(which, bucket="0000")


def rows_of(name, pattern, encoding):
    found = []
    for path in sorted((EXAMPLES / name).glob(pattern)):
        with path.open(encoding=encoding, newline="") as file:
            found += list(csv.reader(file))
    return found


def test_every_invoice_is_kept_once_whichever_kind_it_is(imported):
    invoices = table(imported, "digital-invoices", "invoices")
    title, header, *rows, total = rows_of("digital-invoices", "*.csv", "utf-8-sig")
    assert invoices.height == len(rows) == int(rows[-1][0])
    assert set(invoices["firm_id"]) == {"91360000MA35XXXX1A", "91360000MA37YYYY2B"}
    amounts = float(total[header.index("金额")].replace(",", ""))
    assert invoices["amount_cny"].sum() == pytest.approx(amounts, abs=0.005)
    assert set(invoices["invoice_id"].str.len_chars()) == {8, 20}
    void = sum(row[header.index("发票状态")] == "已作废" for row in rows)
    assert invoices["voided_on"].is_not_null().sum() == void > 0
    assert title[0] == "全量发票查询导出结果"


def test_readings_side_by_side_become_kwh_of_tariff_bands_and_meters_add_up(imported):
    days = table(imported, "meter-96-points", "electricity")
    header, *rows = rows_of("meter-96-points", "*.csv", "gb18030")
    total, peak = defaultdict(float), defaultdict(float)
    for firm, _, day, ratio, *readings in rows:
        for name, reading in zip(header[4:], readings, strict=True):
            kwh = float(reading) * float(ratio) / 4
            total[firm, day] += kwh
            ends = int(name[:2]) * 60 + int(name[3:])  # a point is named by its end
            if 8 * 60 < ends <= 11 * 60 or 17 * 60 < ends <= 22 * 60:
                peak[firm, day] += kwh
    assert days.height == len(total)
    for row in days.iter_rows(named=True):
        key = row["firm_id"], f"{row['date']:%Y%m%d}"
        given = row["kwh_peak"] + row["kwh_flat"] + row["kwh_valley"]
        assert given == pytest.approx(total[key])
        assert row["kwh_peak"] == pytest.approx(peak[key])


def test_parcels_add_up_to_days(imported):
    days = table(imported, "waybills", "logistics")
    header, *rows = rows_of("waybills", "*.csv", "utf-8-sig")
    assert days["parcels_out"].sum() == len(rows)
    assert days["parcels_in"].sum() == sum(row[6] == "退回" for row in rows)
    assert days["late_parcels"].sum() == sum(row[7] == "是" for row in rows)
    assert days["weight_kg"].sum() == pytest.approx(sum(float(row[5]) for row in rows))
    cities = defaultdict(set)
    for row in rows:
        cities[row[1], row[2].split()[0]].add(row[4])
    assert days["destinations"].sum() == sum(map(len, cities.values()))
    assert header[0] == "运单号"


def test_orders_add_up_to_days_and_what_is_not_exported_stays_empty(imported):
    days = table(imported, "shop-orders", "ecommerce")
    rows = [row for row in rows_of("shop-orders", "*.csv", "gb18030") if row[0] != "订单编号"]
    paid = [row for row in rows if row[7] != "等待付款"]
    assert days["orders"].sum() == len(paid) == len(rows) - 6
    gmv = sum(float(row[4].strip("￥")) * int(row[5]) for row in paid)
    assert days["gmv_cny"].sum() == pytest.approx(gmv)
    assert days["refunds"].sum() == sum(row[7] == "退款成功" for row in paid)
    assert days["visitors"].null_count() == days.height
    assert any("`only` leaves out" in warning for warning in imported["shop-orders"].warnings)


def test_what_is_not_exported_makes_no_feature_and_the_rest_does(imported):
    shop = imported["shop-orders"].out
    row = build(read_applications(shop / "applications.csv"), shop).iloc[0]
    assert row["ecommerce_orders_mean_90d"] > 0
    assert row["ecommerce_basket_90d"] > 0
    missing = {name for name in row.index if name.startswith("ecommerce") and math.isnan(row[name])}
    assert {"ecommerce_conversion_90d", "ecommerce_bad_reviews_90d"} <= missing


def test_a_meter_without_tariff_bands_has_its_level_and_no_bands(tmp_path):
    lines = "".join(f"F1,{day:%Y-%m-%d},100\n" for day in pl.date_range(
        dt.date(2025, 1, 1), dt.date(2025, 6, 30), eager=True))  # fmt: skip
    (tmp_path / "p.csv").write_text("户号,日期,电量\n" + lines, encoding="utf-8")
    mapping = tmp_path / "map.toml"
    mapping.write_text(guess_mapping(tmp_path / "p.csv"), encoding="utf-8")
    out = import_folder(load_mapping(mapping), source=tmp_path, out=tmp_path / "out").out
    row = build(read_applications(out / "applications.csv"), out).iloc[0]
    assert row["electricity_mean_90d"] == 100
    assert math.isnan(row["electricity_peak_to_valley_180d"])
    assert math.isnan(row["electricity_valley_share_180d"])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "loan-tape"])
def test_a_guessed_mapping_imports_the_sample(name, tmp_path):
    first = min((EXAMPLES / name).iterdir())
    text = guess_mapping(first)
    mapping = tmp_path / "guessed.toml"
    mapping.write_text(text, encoding="utf-8")
    summary = import_folder(load_mapping(mapping), source=first.parent, out=tmp_path / "out")
    kept, expected = next(iter(summary.rows.values())), load_mapping(EXAMPLES / f"{name}.toml")
    assert list(summary.rows) == list(expected.tables)
    assert kept > 0


def test_each_file_of_a_loan_tape_is_known_by_its_headers():
    for table, (source,) in load_mapping(EXAMPLES / "loan-tape.toml").tables.items():
        guessed = tomllib.loads(guess_mapping(EXAMPLES / "loan-tape" / str(source.file)))
        assert list(guessed) == [table, "applications"]
        assert guessed[table][0]["columns"].items() <= source.columns.items()


def test_a_loan_tape_balances_and_tells_its_outcomes(imported):
    loans, months, recoveries = (
        table(imported, "loan-tape", name) for name in ("loans", "loan_months", "recoveries")
    )
    _, *rows = rows_of("loan-tape", "贷款台账.csv", "utf-8-sig")
    assert loans.height == len(rows)
    assert set(loans["lender_type"]) == {"small_loan"}
    sums = months.group_by("loan_id").agg(pl.col("^.*_cny$").sum())
    gone = pl.sum_horizontal("paid_cny", "recovered_cny", "written_off_cny")
    left = sums.select(pl.col("drawn_cny") + pl.col("interest_cny") - gone).to_series()
    assert left.abs().max() < 0.005  # every loan of the sample has ended
    assert recoveries["amount_cny"].sum() >= months["recovered_cny"].sum()
    folder = imported["loan-tape"].out
    applications = read_applications(folder / "applications.csv")
    assert applications["applied_on"].sort().equals(loans["disbursed_on"].sort())
    outcomes = outcomes_of(folder, Signals.open(folder), applications)
    late = months.filter(pl.col("dpd") >= 90)["loan_id"].n_unique()
    assert 0 < outcomes["defaulted"].sum() <= late
    assert outcomes["defaulted"].null_count() == 0


def test_a_mapping_without_applications_and_loans_is_one_clear_line(tmp_path):
    mapping = tmp_path / "bare.toml"
    mapping.write_text('[[invoices]]\nfile = "x.csv"\n[invoices.columns]\nfirm_id = "a"\n')
    with pytest.raises(ContractError, match="with applied_on, or loans") as caught:
        load_mapping(mapping)
    assert "\n" not in str(caught.value)
