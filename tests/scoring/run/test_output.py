import csv
import io

import polars as pl
import pytest

from scoring.run.output import SCHEMA, SCORED_REJECTS, beside, csv_bytes, rejects_bytes


def one(**cells):
    return pl.DataFrame([{**dict.fromkeys(SCHEMA), **cells}], schema=SCHEMA)


def read(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_formula_is_never_written_as_one(start):
    cell = start + "cmd|' /C calc'!A0"
    row = read(csv_bytes(one(application_id=cell, firm_id="F1"), header=True))[0]
    assert row["application_id"] == "'" + cell
    assert row["firm_id"] == "F1"


def test_numbers_keep_their_digits():
    row = read(csv_bytes(one(score=600, pd=0.0123456789, coverage_tax=2 / 3), header=True))[0]
    assert (row["score"], row["pd"], row["coverage_tax"]) == ("600", "0.012346", "0.667")


def test_quotes_commas_and_line_ends_survive():
    text = 'a "b", c'
    content = csv_bytes(one(reason_1_text=text), header=True)
    assert read(content)[0]["reason_1_text"] == text
    assert b"\r" not in content


def test_a_long_cell_is_cut_in_the_rejects():
    frame = pl.DataFrame(
        [[2, "A1", "firm_id", "x" * 10_000_000, "is too long"]], SCORED_REJECTS, orient="row"
    )
    content = rejects_bytes(frame)
    assert len(content) < 400
    assert read(content)[0]["problem"] == "is too long"


def test_names_of_the_neighbours(tmp_path):
    assert beside(tmp_path / "scored.csv", ".rejects.csv") == tmp_path / "scored.rejects.csv"
    assert beside(tmp_path / "out", ".parts") == tmp_path / "out.parts"
