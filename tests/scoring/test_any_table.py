"""Whatever stands in the file: one place for each row, and never a traceback."""

import csv
import io
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, event, given, settings

from features.contract.errors import ContractError
from features.contract.tables import SIGNALS, TABLES

pytestmark = pytest.mark.slow

COLUMNS = TABLES["applications"].columns
CELLS = {
    "application_id": st.sampled_from(["A1", "A2", "007", "=1+1", "1E+5", ""]),
    "firm_id": st.sampled_from(["F0003", "F0004", "F0000", "F9999", ""]),
    "applied_on": st.sampled_from(["2025-03-01", "2025-02-30", "2024-12-01", "1900-01-01", ""]),
    "amount_cny": st.sampled_from(["1", "-1", "1e400", "nan", "1,5", ""]),
    "first_time": st.sampled_from(["true", "FALSE", "1", "perhaps", ""]),
    "consent_on": st.sampled_from(["2025-03-01", "2026-01-01", ""]),
}
ANYTHING = st.text(max_size=6)
ROWS = st.lists(
    st.fixed_dictionaries({c: CELLS.get(c, ANYTHING) | ANYTHING for c in COLUMNS}), max_size=6
)


FIRMS = st.sampled_from(["F0003", "F0004", "F0005", "F9999", ""])
DATES = st.sampled_from(
    ["2025-03-01", "2024-11-05", "2025-02-30", "2099-01-01", "1899-12-30", "1.3.2025", ""]
)
NUMBERS = st.sampled_from(["0", "1", "-1", "12.5", "1e400", "nan", "inf", "1,5", "much", ""])
WORDS = st.sampled_from(
    ["tax", "electricity", "output", "input", "valid", "void", "micro", "retail", "moon", ""]
)


def signal_cells(column):
    """Cells of one column of a signal table: right, wrong, and anything at all."""
    if column == "firm_id":
        return FIRMS
    usual = DATES if column.endswith(("_on", "date", "_end", "_from", "_to")) else NUMBERS | WORDS
    return usual | st.text(max_size=4)


def signal_rows(table):
    cells = {column: signal_cells(column) for column in TABLES[table].columns}
    return st.lists(st.fixed_dictionaries(cells), max_size=4)


def as_csv(rows, columns=COLUMNS):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
def test_tables_of_any_kind_add_up(run, rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "applicants.csv"
        path.write_text(as_csv(rows), encoding="utf-8", newline="")
        try:
            ran = run(path, out=Path(folder) / "scored.csv")
        except ContractError as error:
            assert "\n" not in str(error)  # noqa: PT017 - refused whole, in one line
            return
    summary = ran.summary
    assert summary.read == summary.scored + summary.insufficient + summary.rejected
    assert ran.scored.height == summary.scored + summary.insufficient
    assert ran.rejects["line"].n_unique() == summary.rejected


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), share=st.sampled_from([0.01, 1.0]))
def test_signal_tables_of_any_kind_add_up(run, rows, frames, data, share):
    """Beside a good register, tables of anything; also where bad rows are no reason to stop."""
    chosen = data.draw(st.sets(st.sampled_from(SIGNALS), min_size=1))
    firms = ["F0003", "F0004", "F0005", "F0009"]
    people = [row for row in rows if row["firm_id"] in firms]
    good = {t: f.filter(f["firm_id"].is_in(firms)).write_csv() for t, f in frames.items()}
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("features.io.signal_reader.MOST_BAD_ROWS", share)
        folder = Path(name)
        for table in sorted({*frames, *chosen}):
            text = good.get(table, "")
            if table in chosen:
                drawn = as_csv(data.draw(signal_rows(table)), TABLES[table].columns)
                # beside the good rows, or alone
                alone = not text or data.draw(st.booleans())
                text = drawn if alone else text + drawn.split("\n", 1)[1]
            (folder / f"{table}.csv").write_text(text, encoding="utf-8", newline="")
        try:
            ran = run(people, signals=folder)
        except ContractError as error:
            event("refused whole")
            assert "\n" not in str(error)  # noqa: PT017 - refused whole, in one line
            return
    summary = ran.summary
    event(f"{summary.scored} scored, {summary.bad_signals} entries of bad rows")
    assert summary.read == len(people)
    assert summary.read == summary.scored + summary.insufficient + summary.rejected
    assert ran.scored.height == summary.scored + summary.insufficient


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300))
def test_bytes_of_any_kind_are_refused_or_add_up(run, content):
    header = ",".join(COLUMNS).encode() + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "applicants.csv"
        path.write_bytes(header + content)
        try:
            summary = run(path, out=Path(folder) / "scored.csv").summary
        except ContractError as error:
            assert "\n" not in str(error)  # noqa: PT017 - refused whole, in one line
            return
    assert summary.read == summary.scored + summary.insufficient + summary.rejected
