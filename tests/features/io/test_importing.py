import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from features.contract.errors import ContractError
from features.io.importing import import_folder, load_mapping
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
    (again.out / "signals" / "left_over.csv").write_text("old")
    again = import_folder(load_mapping(MAPPING), source=SAMPLE, out=again.out)
    assert not (again.out / "signals" / "left_over.csv").exists()
    for path in sorted(imported.out.rglob("*.*")):
        assert path.read_bytes() == (again.out / path.relative_to(imported.out)).read_bytes()


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
        ("[[invoices]]", "[[invoices]", "expected a mapping in TOML"),
    ],
)
def test_a_wrong_mapping_is_one_clear_line_and_leaves_nothing(tmp_path, old, new, words):
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
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
