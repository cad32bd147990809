import gzip

import polars as pl
import pytest

from features.contract.errors import ContractError
from features.io.csv_reader import read_csv, read_text

HEADER = "application_id,firm_id,applied_on,amount_cny,term_months,purpose,first_time\n"
ROW = "A1,F1,2025-03-04,120000,12,equipment,true\n"


def write(tmp_path, content, name="applicants.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("encode", "encoding"),
    [
        (lambda text: text.encode(), "utf-8"),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), "utf-8"),
        (lambda text: text.encode("gb18030"), "gb18030"),
        (lambda text: gzip.compress(text.encode("gb18030")), "gb18030"),
        (lambda text: text.replace("\n", "\r\n").encode(), "utf-8"),
        (lambda text: text.replace("\n", "\r").encode(), "utf-8"),
        (lambda text: text.encode("utf-16"), "utf-16"),
        (lambda text: text.replace(",", ";").encode(), "utf-8"),
        (lambda text: text.replace(",", "\t").encode(), "utf-8"),
        (lambda text: ("sep=;\n" + text.replace(",", ";")).encode(), "utf-8"),
        (lambda text: ("\n\n" + text).encode(), "utf-8"),
        (lambda text: ("applicants of May,,\n" + text).encode(), "utf-8"),
        (lambda text: text.replace("\n", ",\n").encode(), "utf-8"),
        (lambda text: text.replace("first_time\n", "first_time,\n").encode(), "utf-8"),
        (lambda text: text.replace("true\n", "true,,\n").encode(), "utf-8"),
    ],
)
def test_every_usual_encoding_gives_the_same_rows(tmp_path, encode, encoding):
    text = HEADER + "A1,企业一,2025-03-04,120000,12,设备,true\n"
    reading = read_csv(write(tmp_path, encode(text)), "applications")
    assert reading.encoding == encoding
    assert reading.frame["firm_id"].to_list() == ["企业一"]
    assert reading.frame["purpose"].to_list() == ["设备"]
    assert reading.rejected == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"\xff\xfea\x00\x00", "UTF-16"),
        (b"\x80\xff\xff\xff", "something else"),
        (gzip.compress((HEADER + ROW).encode())[:-12], "cut off"),
        (b"a,b\n1,2\n", "missing: application_id, firm_id, applied_on, first_time"),
        ((HEADER.strip() + ",firm_id\n").encode(), "firm_id more than once"),
    ],
)
def test_a_broken_file_is_one_clear_line(tmp_path, content, words):
    path = write(tmp_path, content)
    with pytest.raises(ContractError, match=words) as caught:
        read_csv(path, "applications")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_and_an_absent_file_are_named(tmp_path):
    with pytest.raises(ContractError, match="got a folder"):
        read_csv(tmp_path, "applications")
    with pytest.raises(ContractError, match="no such file"):
        read_csv(tmp_path / "none.csv", "applications")


def test_bad_rows_are_kept_with_their_line_and_cell(tmp_path):
    rows = [
        ROW,  # line 2
        "A2,F2,2025-13-04,1,12,equipment,true\n",  # line 3: no such month
        "A3,F3,2025-03-04,-5,12,equipment,true\n",  # line 4: amount
        'A4,F4,2025-03-04,1,12,"two\nlines",true\n',  # lines 5 and 6
        "A5,F5,2025-03-04,1,12,equipment\n",  # line 7: a cell short
        "1.2E+05,F6,2025-03-04,many,12,equipment,true\n",  # line 8: two problems
        "A7,,2025-03-04,1,12.0,equipment,true\n",  # line 9: no firm
        "A8,F8,2025-03-04,1,12.5,equipment,yes\n",  # line 10: half a month
    ]
    reading = read_csv(write(tmp_path, HEADER + "".join(rows)), "applications")
    assert reading.frame.select("application_id", "file_line").rows() == [("A1", 2), ("A4", 5)]
    assert reading.rows == 8
    assert reading.rejected == 6
    assert reading.rejects.select("line", "column", "value").rows() == [
        (3, "applied_on", "2025-13-04"),
        (4, "amount_cny", "-5.0"),
        (7, None, None),
        (8, "amount_cny", "many"),
        (8, "application_id", "1.2E+05"),
        (9, "firm_id", ""),
        (10, "term_months", "12.5"),
    ]
    assert "cells" in reading.rejects["problem"][2]
    assert reading.rejects["problem"][1] == "expected a number > 0"


def test_leading_zeros_order_of_columns_and_foreign_columns(tmp_path):
    text = "first_time,note,applied_on,firm_id,application_id\n1,=x,2025-03-04,007,0001\n"
    reading = read_csv(write(tmp_path, text), "applications")
    assert reading.frame["firm_id"].to_list() == ["007"]
    assert reading.frame["application_id"].to_list() == ["0001"]
    assert reading.frame["amount_cny"].to_list() == [None]
    assert any("note" in warning for warning in reading.warnings)
    assert "note" not in reading.frame.columns


def test_a_header_without_rows_is_no_error_and_empty_lines_are_told(tmp_path):
    assert read_csv(write(tmp_path, HEADER), "applications").rows == 0
    reading = read_csv(write(tmp_path, HEADER + "\n" + ROW + ",,,,,,\n\n"), "applications")
    assert reading.frame["file_line"].to_list() == [3]
    assert any("3 empty lines" in warning for warning in reading.warnings)


def test_ten_megabytes_in_one_cell_are_read(tmp_path):
    text = HEADER + "A1,F1,2025-03-04,1,12," + "x" * 10_000_000 + ",true\n"
    assert read_csv(write(tmp_path, text), "applications").frame["file_line"].to_list() == [2]


def test_text_that_is_no_number_shows_a_short_piece(tmp_path):
    text = HEADER + "A1,F1,2025-03-04," + "x" * 1000 + ",12,equipment,true\n"
    rejects = read_csv(write(tmp_path, text), "applications").rejects
    assert rejects["value"].str.len_chars().to_list() == [60]


def test_known_on_is_read_where_a_table_may_carry_it(tmp_path):
    text = "firm_id,date,kwh_peak,kwh_flat,kwh_valley,known_on\nF1,2025-01-01,1,1,1,2025-02-01\n"
    frame = read_csv(write(tmp_path, text), "electricity").frame
    assert frame.schema["known_on"] == pl.Date


def test_text_keeps_cells_as_they_are(tmp_path):
    text = read_text(write(tmp_path, "企业代号,金额\nE1, 1.50 \n"))
    assert text.frame.rows() == [("E1", "1.50", 2)]
    assert text.columns == ["企业代号", "金额"]
