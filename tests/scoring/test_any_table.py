"""Whatever stands in the file: one place for each row, and never a traceback."""

import csv
import io
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from features.tables import TABLES, ContractError

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


def as_csv(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
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
