import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from features.contract.errors import ContractError
from features.importing.folder import import_folder
from features.importing.mapping import load_mapping
from features.io.signal_reader import Signals, read_applications

ROOT = Path(__file__).parents[3]
MAPPING = ROOT / "examples" / "vat-invoices.toml"
SAMPLE = ROOT / "examples" / "vat-invoices"
REAL = ROOT.parent / "shared" / "data" / "invoices"


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    out = tmp_path_factory.mktemp("import") / "sample"
    return import_folder(load_mapping(MAPPING), source=SAMPLE, out=out)


def test_the_sample_becomes_a_data_folder_that_reads_back(imported):
    applications = read_applications(imported.out / "applications.csv")
    assert applications["firm_id"].to_list() == ["V001", "V002", "V003", "V004", "V005"]
    assert applications["first_time"].all()
    signals = Signals.open(imported.out)
    invoices = signals.read("invoices", bucket="0000")
    assert invoices.height == imported.rows["invoices"]
    assert signals.read("firms", bucket="0000")["sector"].is_null().all()
    assert set(invoices["direction"]) == {"input", "output"}
    assert json.loads((imported.out / "manifest.json").read_text())["firms"] == 5


def test_nothing_is_dropped_in_silence(imported):
    read = sum(
        len(gzip.decompress((SAMPLE / f"{name}.csv.gz").read_bytes()).splitlines()) - 1
        for name in ("sales", "purchases")
    )
    rejects = pl.read_csv(imported.out / "import.rejects.csv")
    assert imported.rows["invoices"] + rejects.height == read
    assert rejects.select("line", "column", "value", "problem").rows() == [
        (12, None, None, "repeats an earlier row in every column"),
        (31, "issued_on", "2019/2/30", "expected dates as %Y/%m/%d"),
        (41, "status", "异常发票", "expected one of 有效发票, 作废发票"),
    ]
    assert imported.rejected_rows == 3
    assert sum(imported.rejected.values()) == 3


def test_rows_of_one_invoice_become_its_lines(imported):
    invoices = Signals.open(imported.out).read("invoices", bucket="0000")
    second = invoices.filter(pl.col("line") == 2)
    assert second["amount_cny"].to_list() == [880.0]
    key = ["firm_id", "direction", "invoice_id"]
    assert invoices.join(second, on=key, how="semi").height == 2


def test_only_void_invoices_have_a_void_date(imported):
    invoices = Signals.open(imported.out).read("invoices", bucket="0000")
    void = pl.col("status") == "void"
    assert invoices.filter(void & (pl.col("voided_on") != pl.col("issued_on"))).is_empty()
    assert invoices.filter(~void)["voided_on"].null_count() == invoices.filter(~void).height


def test_a_second_import_gives_the_same_bytes_and_replaces_the_first(imported, tmp_path):
    again = import_folder(load_mapping(MAPPING), source=SAMPLE, out=tmp_path / "again")
    again = import_folder(load_mapping(MAPPING), source=SAMPLE, out=again.out)
    for path in sorted(imported.out.rglob("*.*")):
        assert path.read_bytes() == (again.out / path.relative_to(imported.out)).read_bytes()


ORDERS = """
[[ecommerce]]
file = "orders.csv"
{option}
columns = {{ firm_id = "shop", date = "paid", gmv_cny = "amount" }}
constants = {{ orders = 1 }}
[applications]
applied_on = "2025-06-30"
"""


def orders(tmp_path, rows, option=""):
    (tmp_path / "map.toml").write_text(ORDERS.format(option=option), "utf-8")
    (tmp_path / "orders.csv").write_text("order,shop,paid,amount\n" + "".join(rows), "utf-8")
    mapping = load_mapping(tmp_path / "map.toml")
    return import_folder(mapping, source=tmp_path, out=tmp_path / "out")


def test_rows_that_share_a_key_are_refused_or_added_up_and_never_lost(tmp_path):
    rows = [f"{k},S1,2024-01-0{1 + k % 5} 10:00:00,{100 + k}\n" for k in range(200)]
    with pytest.raises(ContractError, match=r"200 of 200 rows share theirs .*`sum = true`"):
        orders(tmp_path, rows)
    assert not (tmp_path / "out").exists()
    out = orders(tmp_path, rows, "sum = true").out
    days = Signals.open(out).read("ecommerce", bucket="0000")
    assert days["orders"].to_list() == [40] * 5
    assert days["gmv_cny"].sum() == sum(range(100, 300))


METERS = """
[[electricity]]
file = "meters.csv"
sum = true
[electricity.columns]
firm_id = "firm"
date = "day"
kwh_peak = "peak"
kwh_flat = "flat"
kwh_valley = "valley"
[applications]
applied_on = "2025-06-30"
"""


def test_a_meter_without_bands_beside_one_that_has_them_loses_no_kwh(tmp_path):
    (tmp_path / "map.toml").write_text(METERS, "utf-8")
    lines = [
        "F1,2025-01-01,3,2,1",
        "F1,2025-01-01,,10,",
        "F1,2025-01-02,3,2,1",
        "F1,2025-01-02,1,1,1",
    ]
    text = "firm,day,peak,flat,valley\n" + "\n".join(lines) + "\n"
    (tmp_path / "meters.csv").write_text(text, "utf-8")
    mapping = load_mapping(tmp_path / "map.toml")
    out = import_folder(mapping, source=tmp_path, out=tmp_path / "out").out
    days = Signals.open(out).read("electricity", bucket="0000")
    assert days.select("kwh_peak", "kwh_flat", "kwh_valley").rows() == [(None, 16, None), (4, 3, 2)]


def test_what_an_import_put_aside_counts_when_the_firm_is_scored(tmp_path):
    rows = [f"{k},S{k % 3},2024-01-{1 + k // 30:02d},{100 + k}\n" for k in range(300)]
    rows[4] = "4,S1,2024-01-01,much\n"
    signals = Signals.open(orders(tmp_path, rows, "sum = true").out)
    assert signals.rejects["ecommerce"].select("line", "id", "column", "value").rows() == [
        (6, "S1", "gmv_cny", "much")
    ]
    rows[5:9] = ["5,S2,2024-01-01,more\n"] * 3 + ["8,S2,1899-12-30,1\n"]
    orders(tmp_path, rows, "sum = true\nkeep_repeats = true")
    with pytest.raises(ContractError, match="5 of 300 rows are bad, more than 1%"):
        Signals.open(tmp_path / "out")


def test_a_repeated_row_is_not_lost(tmp_path):
    rows = [f"{k},S1,2024-01-{1 + k % 9:02d},{100 + k}\n" for k in range(50)]
    out = orders(tmp_path, [*rows, *rows[:20]], "sum = true").out
    assert Signals.open(out).rejects == {}


def test_rejects_run_no_formula(tmp_path):
    rows = [f"{k},=cmd|calc,2024-01-{1 + k % 9:02d},{100 + k}\n" for k in range(9)]
    out = orders(tmp_path, [*rows, "9,=cmd|calc,2024-01-01,+much\n"], "sum = true").out
    cells = (out / "import.rejects.csv").read_text("utf-8").splitlines()[1].split(",")
    assert cells[3] == "'=cmd|calc"
    assert cells[5] == "'+much"
    assert read_applications(out / "applications.csv")["firm_id"].to_list() == ["=cmd|calc"]


def test_files_that_firstloan_did_not_write_are_kept(tmp_path):
    out = tmp_path / "mine"
    import_folder(load_mapping(MAPPING), source=SAMPLE, out=out)
    own = {"outcomes.csv": "mine", "notes/june.txt": "call back", "signals/credit_history.csv": "x"}
    for name, text in own.items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text(text)
    import_folder(load_mapping(MAPPING), source=SAMPLE, out=out)
    assert {name: (out / name).read_text() for name in own} == own
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_file_of_the_user_s_is_never_replaced(tmp_path):
    out = tmp_path / "mine"
    import_folder(load_mapping(MAPPING), source=SAMPLE, out=out)
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    manifest["files"].remove("applications.csv")
    (out / "manifest.json").write_text(json.dumps(manifest))
    (out / "applications.csv").write_text("her own")
    with pytest.raises(ContractError, match=r"applications\.csv: would be replaced"):
        import_folder(load_mapping(MAPPING), source=SAMPLE, out=out)
    assert (out / "applications.csv").read_text() == "her own"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[firms]]", "[[firm]]", "expected tables among .* got firm"),
        ('amount_cny = "金额"', 'amount = "金额"', "got amount"),
        ('"金额"', '"总额"', "sales.csv.gz: the mapping expects the columns 总额; found: 企业代号"),
        ('"sales.csv.gz"', '"sale.csv.gz"', "sale.csv.gz: no such file"),
        (
            'dates = "%Y/%m/%d"',
            'dates = "%d.%m.%Y"',
            "no row is good; the first: line 2, issued_on",
        ),
        ('"2020-01-31"', '"31.1.2020"', "applied_on: expected a date such as"),
        ("lines = true", "line = true", "lines?: extra inputs are not permitted"),
        ("lines = true", "lines = false", "rows share theirs with another, .*`lines = true`"),
        (
            'columns = { firm_id = "企业代号" }',
            'columns = { firm_id = "企业代号" }\nlines = true',
            "firms: lines: expected only for invoices",
        ),
        ("lines = true", "sum = true", "sum: expected the same in every source of a table"),
        ('file = "sales.csv.gz"', 'sheet = "a"', "expected either file or database"),
        (
            'voided_on = { column = "开票日期"',
            'voided_on = { value = "x", column = "开票日期"',
            "expected one of column, value and distinct",
        ),
        ("[[invoices]]", "[[invoices]", "expected a mapping in TOML"),
    ],
)
def test_a_wrong_mapping_is_one_clear_line_and_leaves_nothing(tmp_path, old, new, words):
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING.read_text("utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContractError, match=words) as caught:
        import_folder(load_mapping(mapping), source=SAMPLE, out=tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mapping.toml"]


def test_a_folder_of_others_is_never_overwritten(tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ContractError, match="got a folder with other files"):
        import_folder(load_mapping(MAPPING), source=SAMPLE, out=tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "dear"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real invoices may not be shipped")
def test_the_302_real_firms_are_imported_whole(tmp_path):
    summary = import_folder(load_mapping(MAPPING), source=REAL, out=tmp_path / "real")
    assert summary.firms == 302
    assert summary.rows["invoices"] + summary.rejected_rows == 395_175 + 330_835
    invoices = Signals.open(summary.out).read("invoices", bucket="0000")
    sales = invoices.filter(pl.col("direction") == "output")
    assert sales.filter(pl.col("line") > 1).height > 1_000
