"""Sources of an import: workbooks, databases, globs, and files as real exports write them."""

import textwrap

import polars as pl
import pytest
import sqlalchemy
import xlsxwriter

from features.contract.errors import ContractError
from features.importing.folder import import_folder
from features.importing.mapping import load_mapping
from features.io.signal_reader import Signals

HEADER = ["税号", "号码", "日期", "金额"]
ROWS = [
    ["913A", "0001", "2025-01-31", "100.50"],
    ["913A", "0002", "2025-02-28", "1234.56"],
    ["913B", "0003", "2025-03-31", "-20"],
]
MAPPING = """
    [[invoices]]
    {where}
    constants = {{ direction = "output", status = "valid", tax_cny = 0 }}
    [invoices.columns]
    firm_id = "税号"
    invoice_id = "号码"
    issued_on = "日期"
    counterparty_id = "税号"
    amount_cny = "金额"
    [applications]
    applied_on = "2025-06-30"
"""


@pytest.fixture
def take(tmp_path):
    """Import by a mapping of one source; the invoices, and the summary."""

    def of(where, text=MAPPING):
        mapping = tmp_path / "mapping.toml"
        mapping.write_text(textwrap.dedent(text.format(where=where)), encoding="utf-8")
        summary = import_folder(load_mapping(mapping), source=tmp_path, out=tmp_path / "out")
        return Signals.open(summary.out).read("invoices", bucket="0000"), summary

    return of


def csv(rows, delimiter=","):
    return "".join(delimiter.join(row) + "\n" for row in rows)


def as_expected(invoices):
    return invoices.select("firm_id", "invoice_id", "amount_cny").rows() == [
        ("913A", "0001", 100.5),
        ("913A", "0002", 1234.56),
        ("913B", "0003", -20.0),
    ] and invoices["issued_on"].cast(pl.String).to_list() == [row[2] for row in ROWS]


@pytest.mark.parametrize(
    ("content", "option"),
    [
        (csv([HEADER, *ROWS]).encode("utf-16"), ""),
        (csv([HEADER, *ROWS], ";").encode(), ""),
        (csv([HEADER, *ROWS], "\t").encode("gb18030"), ""),
        (csv([HEADER, *ROWS], "|").encode(), 'delimiter = "|"'),
        (csv([["导出结果"], ["2025年"], HEADER, *ROWS, ["合计", "", "", "1315.06"]]).encode(), ""),
        (csv([["税号"], HEADER, *ROWS]).encode(), "skip = 1"),
        (csv([[f" {name} " for name in HEADER], *ROWS]).encode(), ""),
        (csv([HEADER, *[[*row[:2], row[2] + " 23:59:59", row[3]] for row in ROWS]]).encode(), ""),
        (
            csv([HEADER, *[[*row[:2], row[2].replace("-", "/"), row[3]] for row in ROWS]]).encode(),
            'dates = ["%d.%m.%Y", "%Y/%m/%d"]',
        ),
    ],
)
def test_a_file_is_read_however_an_office_wrote_it(tmp_path, take, content, option):
    (tmp_path / "sales.csv").write_bytes(content)
    invoices, summary = take(f'file = "sales.csv"\n    {option}')
    assert as_expected(invoices)
    assert summary.rejected_rows == 0


def test_a_total_below_the_table_is_counted(tmp_path, take):
    (tmp_path / "sales.csv").write_text(csv([HEADER, *ROWS, ["合 计：", "", "", "9"]]), "utf-8")
    _, summary = take('file = "sales.csv"')
    assert "sales.csv: passed over 1 rows that add up those above" in summary.warnings


def test_files_of_a_pattern_make_one_table_and_overlapping_rows_count_once(tmp_path, take):
    (tmp_path / "m1.csv").write_text(csv([HEADER, *ROWS[:2]]), "utf-8")
    (tmp_path / "m2.csv").write_text(csv([HEADER, *ROWS[1:]]), "gb18030")
    invoices, summary = take('file = "m?.csv"')
    assert as_expected(invoices)
    assert summary.rejected == {("invoices", "repeats an earlier row in every column"): 1}
    with pytest.raises(ContractError, match=r"x\*\.csv: no such file"):
        take('file = "x*.csv"')
    with pytest.raises(ContractError, match="below the source folder"):
        take('file = "../m1.csv"')


@pytest.mark.parametrize(
    ("sheet", "words"), [("", ""), ("销项", ""), ("进项", "it has 说明, 销项")]
)
def test_a_sheet_of_a_workbook_is_read(tmp_path, take, sheet, words):
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
        if sheet:
            book.add_worksheet("说明").write(0, 0, "see the other sheet")
        page = book.add_worksheet("销项")
        page.write(0, 0, "全量发票查询导出结果")
        for k, row in enumerate([HEADER, *ROWS]):
            for j, cell in enumerate(row):
                page.write(k + 2, j, float(cell) if k and j == len(row) - 1 else cell)
    where = 'file = "book.xlsx"' + (f'\n    sheet = "{sheet}"' if sheet else "")
    if words:
        with pytest.raises(ContractError, match=words):
            take(where)
        return
    assert as_expected(take(where)[0])


def test_digits_that_a_workbook_has_rounded_are_refused(tmp_path, take):
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
        page = book.add_worksheet()
        for k, row in enumerate([HEADER, *ROWS]):
            for j, cell in enumerate(row):
                page.write(k, j, cell)
        page.write(1, 1, 25312000000012345678)
    with pytest.raises(ContractError, match=r"invoice_id: .* its digits, .* in line 2; 1 of 3"):
        take('file = "book.xlsx"')


def fill(engine):
    table = sqlalchemy.Table(
        "sales",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("税号", sqlalchemy.String),
        sqlalchemy.Column("号码", sqlalchemy.String),
        sqlalchemy.Column("日期", sqlalchemy.Date),
        sqlalchemy.Column("金额", sqlalchemy.Numeric(12, 2)),
    )
    table.create(engine)
    rows = pl.DataFrame(ROWS, schema=HEADER, orient="row").with_columns(
        pl.col("日期").str.to_date(), pl.col("金额").cast(pl.Decimal(12, 2))
    )
    with engine.begin() as connection:
        connection.execute(table.insert(), rows.to_dicts())
    engine.dispose()


def asked(take, url):
    for query in ("sales", "SELECT * FROM sales ORDER BY 1, 2"):
        invoices, summary = take(f'database = "{url}"\n    query = "{query}"')
        assert as_expected(invoices.sort("invoice_id"))
        assert (
            "database" not in (summary.out / "manifest.json").read_text("utf-8").split("files")[0]
        )
    with pytest.raises(ContractError, match="cannot read 'purchases'") as caught:
        take(f'database = "{url}"\n    query = "purchases"')
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Dialect sqlite")  # it keeps decimals as floats
def test_a_table_of_sqlite_is_read(tmp_path, take):
    url = f"sqlite:///{tmp_path}/tax.db"
    fill(sqlalchemy.create_engine(url))
    asked(take, url)


def test_a_table_of_postgresql_is_read(postgres, take):
    fill(sqlalchemy.create_engine(postgres))
    asked(take, postgres)


def test_a_database_that_is_not_there_is_one_line_without_the_password(take):
    url = "postgresql+psycopg://her:secret@127.0.0.1:1/none"
    with pytest.raises(ContractError, match="cannot read 'sales'") as caught:
        take(f'database = "{url}"\n    query = "sales"')
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
