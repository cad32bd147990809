"""Every line of docs/bad-input.md, tried."""

import csv
import gzip
import io
import re
from pathlib import Path

import polars as pl
import pytest

from features.contract.errors import ContractError
from scoring.input import applicants as applicants_module

DOC = Path(__file__).parents[2] / "docs" / "bad-input.md"


def text_of(rows, columns=None):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns or rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture
def put(tmp_path):
    """Write bytes as the applicants file."""

    def to_file(content, name="applicants.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return to_file


@pytest.fixture
def few(rows):
    return [row for row in rows if row["firm_id"] not in {"F0000", "F0002"}][:6]


def rejected(ran):
    return {(r["application_id"], r["column"]): r["problem"] for r in ran.rejects.to_dicts()}


def test_gb18030_and_a_byte_order_mark_give_what_utf8_gives(run, few, put):
    few[0]["purpose"] = "周转"
    text = text_of(few)
    plain = run(put(text.encode())).out.read_bytes()
    assert run(put(b"\xef\xbb\xbf" + text.encode())).out.read_bytes() == plain
    other = run(put(text.encode("gb18030")))
    assert other.out.read_bytes() == plain
    assert any("GB18030" in warning for warning in other.summary.warnings)


def test_windows_line_ends_quotes_order_and_gzip_change_nothing(run, few, put):
    text = text_of(few)
    plain = run(put(text.encode())).out.read_bytes()
    assert run(put(text.replace("\n", "\r\n").encode())).out.read_bytes() == plain
    turned = text_of(few, list(reversed(few[0])))
    assert run(put(turned.encode())).out.read_bytes() == plain
    quoted = re.sub(r"([^,\n]+)", r'"\1"', text)
    assert run(put(quoted.encode())).out.read_bytes() == plain
    assert run(put(gzip.compress(text.encode()), "applicants.csv.gz")).out.read_bytes() == plain


def test_the_spellings_of_spreadsheets_offices_and_programs_change_nothing(run, few, put):
    text = text_of(few)
    plain = run(put(text.encode())).out.read_bytes()
    first = few[0]
    amount, day = float(first["amount_cny"]), first["applied_on"]
    for column, value in [
        ("amount_cny", f"{amount:,.2f}"),
        ("amount_cny", f"￥{amount:.0f}元"),
        ("amount_cny", f"{amount / 10_000}万元"),
        ("applied_on", day.replace("-", "/")),
        ("applied_on", day.replace("-", "")),
        ("applied_on", f"{day}T23:30:00+08:00"),
        ("applied_on", f"{day}T15:59:00Z"),
        ("firm_id", f'="{first["firm_id"]}"'),
        ("firm_id", f"'{first['firm_id']}"),
        ("firm_id", f"\u200b{first['firm_id']}\u3000"),
        ("firm_id", "".join(chr(ord(c) + 0xFEE0) for c in first["firm_id"])),
    ]:
        spelled = text_of([{**first, column: value}, *few[1:]])
        assert run(put(spelled.encode())).out.read_bytes() == plain, (column, value)
    for other in (
        text.replace("\n", "\r"),
        "sep=,\n" + text,
        "\n" + text,
        text.replace(",", ";"),
        text.replace(",", "\t"),
        text.replace("\n", ",\n"),
        "".join(f"{k},{line}\n" if k else f",{line}\n" for k, line in enumerate(text.splitlines())),
    ):
        assert run(put(other.encode())).out.read_bytes() == plain
    assert run(put(text.encode("utf-16"))).out.read_bytes() == plain


def test_a_stray_quotation_mark_costs_its_own_row_and_no_other(run, few, put):
    for column, last in (("purpose", 5), ("purpose", 0), ("firm_id", 2), ("consent_on", 1)):
        for k in range(6):
            hurt = [dict(row) for row in few]
            hurt[last]["purpose"] = "cash_gap"
            lines = text_of(hurt).replace("cash_gap", '"cash_gap"').splitlines()
            cells = lines[k + 1].split(",")
            place = list(few[0]).index(column)
            cells[place] = f'"{cells[place]}'.replace('""', '"')
            lines[k + 1] = ",".join(cells)
            summary, scored, rejects, _, _ = run(put("\n".join(lines).encode()))
            expected = 0 if lines[k + 1].count('"') % 2 == 0 else 1
            assert (summary.read, summary.scored, summary.rejected) == (6, 6 - expected, expected)
            assert rejects["line"].to_list() == [k + 2] * expected
            assert scored.height == 6 - expected


def test_a_quoted_line_break_in_a_further_column_is_one_row(run, few, put):
    text = text_of([{**row, "note": 'first\nsecond, "third"'} for row in few])
    summary = run(put(text.encode())).summary
    assert (summary.read, summary.scored, summary.rejected) == (6, 6, 0)


def test_times_in_utc_are_said(run, few):
    few[0]["applied_on"] += "T10:00:00Z"
    ran = run(few)
    assert any("1 times in UTC as days in Asia/Shanghai" in w for w in ran.summary.warnings)


def test_a_quoted_comma_stays_in_its_cell(run, few):
    few[0]["application_id"] = "A,1"
    assert run(few).scored["application_id"][0] == "A,1"


def test_an_id_spoiled_by_a_spreadsheet_is_rejected(run, few):
    few[0]["application_id"] = "1.23457E+11"
    ran = run(few)
    assert ran.summary.rejected == 1
    assert "spreadsheet" in rejected(ran)["1.23457E+11", "application_id"]


def test_leading_zeros_are_kept(run, few):
    few[0]["application_id"] = "000123"
    ran = run(few)
    assert ran.out.read_text("utf-8").splitlines()[1].startswith("000123,")


def test_a_row_given_twice_is_scored_once(run, few):
    ran = run([*few, few[2]])
    assert ran.summary.scored == 6
    assert ran.summary.rejected == 1
    assert ran.rejects["line"].to_list() == [8]
    assert ran.rejects["problem"].to_list() == ["repeats line 4"]


def test_contradicting_rows_of_one_id_are_all_rejected(run, few):
    ran = run([*few, {**few[2], "amount_cny": "1"}])
    assert ran.summary.scored == 5
    assert ran.rejects["line"].to_list() == [4, 8]
    assert set(ran.rejects["problem"]) == {"2 rows with this id contradict each other"}


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("applied_on", "2031-01-01", "is after today"),
        ("applied_on", "1899-12-30", "from 2000-01-01 to 2099-12-31"),
        ("applied_on", "0025-03-01", "from 2000-01-01 to 2099-12-31"),
        ("applied_on", "9999-12-31", "from 2000-01-01 to 2099-12-31"),
        ("applied_on", "-2024-02-03", "expected a date"),
        ("applied_on", "+10000-01-01", "expected a date"),
        ("applied_on", "0000-12-31", "expected a date"),
        ("consent_on", "0001-01-01", "expected a date"),
        ("applied_on", "2003-01-01", "is before the firm was founded"),
        ("applied_on", "1.3.2025", "expected a date"),
        ("applied_on", "3/1/2025", "expected a date"),
        ("applied_on", "", "is empty"),
        ("amount_cny", "-5", "expected a number > 0"),
        ("amount_cny", "0", "expected a number > 0"),
        ("amount_cny", "ten", "expected a number"),
        ("amount_cny", "150,00", "expected a number > 0"),
        ("amount_cny", "$150", "expected a number > 0"),
        ("amount_cny", "inf", "finite"),
        ("firm_id", "F9999", "no signal table names this firm"),
        ("firm_id", "", "is empty"),
        ("firm_id", "F\n1", "control character"),
        ("application_id", "x" * 101, "is longer than 100 characters"),
        ("application_id", "", "is empty"),
    ],
)
def test_a_bad_cell_rejects_its_row_and_no_other(run, few, column, value, problem):
    few[3][column] = value
    summary, scored, rejects, _, _ = run(few)
    assert (summary.read, summary.scored, summary.rejected) == (6, 5, 1)
    assert rejects["line"].to_list() == [5]
    assert rejects["column"].to_list() == [column]
    assert problem in rejects["problem"][0]
    assert few[3]["application_id"] not in scored["application_id"].to_list()


def test_ten_megabytes_in_one_field(run, few):
    few[3]["firm_id"] = "x" * 10_000_000
    ran = run(few)
    assert (ran.summary.scored, ran.summary.rejected) == (5, 1)
    assert ran.out.with_name("scored.rejects.csv").stat().st_size < 2_000


def test_an_unknown_category_is_scored_and_flagged(run, few):
    few[0] |= {"purpose": "speculation", "channel": "pigeon"}
    ran = run(few)
    assert ran.summary.scored == 6
    assert ran.scored["flags"][0] == "unknown_purpose;unknown_channel"
    assert ran.scored["flags"].null_count() == 5


def test_foreign_columns_are_warned_of_and_carried_nowhere(run, few):
    ran = run([{**row, "mother_in_law": "kind"} for row in few])
    assert any("mother_in_law" in warning for warning in ran.summary.warnings)
    assert "kind" not in ran.out.read_text("utf-8")


def test_consent_after_the_application_leaves_nothing_to_score_with(run, few):
    few[0]["consent_on"] = "2025-03-02"
    row = run(few).scored.row(0, named=True)
    assert row["status"] == "insufficient_data"
    assert row["flags"] == "consent_after_as_of"
    assert row["missing_sources"] == "tax;electricity;logistics;ecommerce"


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_formula_in_an_id_is_neutralised(run, few, start):
    few[0]["application_id"] = start + "cmd|calc"
    few[1]["application_id"] = "'" + few[1]["application_id"]
    ran = run(few)
    assert ran.scored["application_id"][0] == "'" + start + "cmd|calc"


def test_ids_with_path_characters_are_never_file_names(run, few, tmp_path):
    few[0]["application_id"] = "../../etc/passwd"
    ran = run(few)
    assert ran.scored["application_id"][0] == "../../etc/passwd"
    assert {p.suffix for p in tmp_path.iterdir()} == {".csv", ".json", ".html"}
    assert "../../etc/passwd" not in ran.out.with_suffix(".html").read_text("utf-8")


def test_markup_in_an_id_is_text_in_the_report(run, few):
    few[0] |= {"firm_id": "nobody", "application_id": "<script>alert(1)</script>"}
    few[1] |= {"applied_on": "<b>soon</b>", "application_id": "<i>x</i>"}
    page = run(few).out.with_suffix(".html").read_text("utf-8")
    assert "<script" not in page
    assert "<i>x" not in page
    assert "http" not in re.sub(r"https?://www\.w3\.org", "", page)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty file"),
        (b"\n\n", "empty file"),
        (b"a,b\n1,2\n", "missing: application_id"),
        ("a,b".encode("utf-16-le"), "got something else"),
        (b"\x80\xff\x00\x81", "got something else"),
        (gzip.compress(b"application_id," * 5_000)[:-20], "gzip"),
        (b"PK\x03\x04" + bytes(range(256)), "."),
    ],
)
def test_a_broken_file_stops_with_one_line_and_leaves_nothing(run, put, tmp_path, content, problem):
    path = put(content)
    with pytest.raises(ContractError, match=problem) as caught:
        run(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["applicants.csv"]


def test_a_file_that_is_not_there_and_a_folder(run, tmp_path):
    with pytest.raises(ContractError, match="no such file"):
        run(tmp_path / "none.csv")
    with pytest.raises(ContractError, match="got a folder"):
        run(tmp_path)


def test_a_file_that_grows_while_it_is_read_is_refused(run, few, put, monkeypatch):
    path = put(text_of(few).encode())
    real = applicants_module.read_csv

    def slow(file, table):
        reading = real(file, table)
        with file.open("a") as more:
            more.write("late\n")
        return reading

    monkeypatch.setattr(applicants_module, "read_csv", slow)
    with pytest.raises(ContractError, match="changed while it was read"):
        run(path)


def test_rows_with_too_few_or_too_many_cells_are_rejected(run, few, put):
    lines = text_of(few).splitlines()
    lines[2] = lines[2] + ",extra"
    lines[4] = "A1,F0001"
    ran = run(put("\n".join(lines).encode()))
    assert (ran.summary.read, ran.summary.scored, ran.summary.rejected) == (6, 4, 2)
    assert ran.rejects["line"].to_list() == [3, 5]


def test_bad_signal_rows_are_counted_and_flagged_and_the_firm_is_scored_without_them(
    run, few, frames, tmp_path
):
    folder = tmp_path / "signals"
    folder.mkdir()
    for table, frame in frames.items():
        frame.write_csv(folder / f"{table}.csv")
    lines = (folder / "electricity.csv").read_text("utf-8").splitlines()
    firm = next(r["firm_id"] for r in few if any(r["firm_id"] in line for line in lines))
    spoiled = [k for k, line in enumerate(lines) if firm in line][:3]
    for k in spoiled:
        lines[k] = re.sub(r",[^,]+,2\.0,", ",-1,2.0,", lines[k])
    (folder / "electricity.csv").write_text("\n".join(lines), encoding="utf-8")
    ran = run(few, signals=folder)
    assert (ran.summary.scored, ran.summary.rejected, ran.summary.bad_signals) == (6, 0, 1)
    flagged = ran.scored.filter(pl.col("flags").is_not_null())
    assert flagged["firm_id"].to_list() == [firm]
    assert flagged["flags"].to_list() == ["bad_rows_electricity"]
    entry = ran.rejects.row(0, named=True)
    assert entry["column"] == "electricity.kwh_peak"
    assert "3 such rows left out" in entry["problem"]
    with pytest.raises(ContractError, match=r"electricity\.kwh_peak"):
        run(few, signals=folder, strict=True)


def test_signals_as_csv_give_the_bytes_that_parquet_gives(run, few, frames, tmp_path):
    folder = tmp_path / "signals"
    folder.mkdir()
    for table, frame in frames.items():
        frame.write_csv(folder / f"{table}.csv")
    assert run(few, signals=folder).out.read_bytes() == run(few).out.read_bytes()


def test_every_case_of_the_document_names_a_test_that_exists():
    named = set(re.findall(r"`(test_\w+)`", DOC.read_text("utf-8")))
    here = {name for name in globals() if name.startswith("test_")}
    assert named <= here | {"test_tables_of_any_kind_add_up"}
    assert here - named == {"test_every_case_of_the_document_names_a_test_that_exists"}


@pytest.mark.parametrize("chunk_size", [1, 7, 1_000])
def test_the_share_of_bad_rows_is_that_of_the_table_whatever_the_chunk(
    run, rows, frames, tmp_path, chunk_size
):
    """Three bad rows of one firm are many of its own, and few of the table's."""
    folder = tmp_path / "unchecked"
    folder.mkdir()
    for table, frame in frames.items():
        frame.write_parquet(folder / f"{table}.parquet")
    power = frames["electricity"].with_row_index("n")
    hurt = power.filter(pl.col("firm_id") == power["firm_id"][0])["n"].head(3)
    spoiled = power.with_columns(
        kwh_peak=pl.when(pl.col("n").is_in(hurt.implode())).then(-1.0).otherwise("kwh_peak")
    )
    spoiled.drop("n").write_parquet(folder / "electricity.parquet")
    ran = run(rows, signals=folder, chunk_size=chunk_size)
    flagged = ran.scored.filter(pl.col("flags").str.contains("bad_rows_electricity"))
    assert flagged["firm_id"].to_list() == [power["firm_id"][0]]
    spoiled.drop("n").head(150).write_parquet(folder / "electricity.parquet")
    with pytest.raises(ContractError, match="3 of 150 rows are bad"):
        run(rows, signals=folder, chunk_size=chunk_size, out=tmp_path / "other.csv")
