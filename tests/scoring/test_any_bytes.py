"""Whatever bytes a file of applicants has: every physical record ends in exactly one place."""

import os
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, event, example, given, settings

from features.contract.errors import ContractError
from features.contract.tables import TABLES
from scoring.input.applicants import read_applicants
from tests.scoring.conftest import AS_OF, application_rows

EXAMPLES = int(os.environ.get("FIRSTLOAN_EXAMPLES", "200"))
"""Examples of each test; 20,000 take an hour."""

COLUMNS = [name for name in TABLES["applications"].columns if name != "plan"]
PEOPLE = [{k: str(v) for k, v in row.items()} for row in application_rows()[:6]]

QUOTED = st.sampled_from(
    ["{}", '"{}"', '"{}', '{}"', '"{}""', '""{}', '"a""{}"', '{}"x', '"{}"x', "'{}'", '"{},{}"']
)
IDS = st.sampled_from(
    ["{}", '="{}"', "'{}", "`{}", "\u200b{}", "{}\u3000", " {} ", "\t{}", "={}", "9.136E17", ""]
)
DAYS = st.sampled_from(
    ["2025-03-01", "2025/3/1", "20250301", "2025年3月1日", "2025-03-01T23:30:00+08:00",
     "2025-02-28T16:00:00Z", "2025-03-01 00:00:00", "1899-12-30", "0001-01-01", "9999-12-31",
     "-2024-02-03", "+10000-01-01", "0000-12-31", "1.3.2025", "2025-02-30", "NULL", "", "45000",
     "2025-03-01T24:00Z", "99999999"]
)  # fmt: skip
AMOUNTS = st.sampled_from(
    ["50000", "50,000", "￥50,000.00元", "５００００", "(5)", "5-", "1e400", "nan", "inf", "-",
     "5万", "1.2.3", "0x10", "1_000", "TRUE", "", "−5", "9" * 400]
)  # fmt: skip
ANYTHING = st.text(st.characters(exclude_characters='\r\n\x00,;\t"'), max_size=6)
CELLS = {
    "application_id": IDS, "firm_id": IDS, "applied_on": DAYS, "consent_on": DAYS,
    "amount_cny": AMOUNTS, "term_months": AMOUNTS,
}  # fmt: skip


@st.composite
def files(draw):
    """Bytes of a file, and how many records it has."""
    lines = [",".join(COLUMNS)]
    for person in draw(st.lists(st.sampled_from(PEOPLE), max_size=6)):
        cells = [str(person[name]) for name in COLUMNS]
        for place in draw(st.lists(st.integers(0, len(COLUMNS) - 1), max_size=3, unique=True)):
            name = COLUMNS[place]
            cell = draw(CELLS.get(name, ANYTHING) | ANYTHING)
            cells[place] = cell.replace("{}", cells[place])
        for place in draw(st.lists(st.integers(0, len(COLUMNS) - 1), max_size=2, unique=True)):
            cells[place] = draw(QUOTED).replace("{}", cells[place])
        lines.append(",".join(cells))
    records = sum(any(cell.strip() for cell in line.split(",")) for line in lines[1:])
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = end.join(lines) + draw(st.sampled_from(["", end, end + end]))
    text = draw(st.sampled_from(["", "sep=," + end, end])) + text
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]))
    return text.encode(encoding, errors="replace"), records


def in_file(content, use):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "applicants.csv"
        path.write_bytes(content)
        try:
            return use(path)
        except ContractError as error:
            assert "\n" not in str(error)  # noqa: PT017 - refused whole, in one line
            event("refused")
            return None


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(given_file=files())
@example(given_file=(b"application_id,firm_id,applied_on,first_time\n", 0))
def test_every_record_is_read_once(given_file):
    content, records = given_file
    people = in_file(content, lambda path: read_applicants(path, today=AS_OF))
    if people is None:
        return
    assert people.read == records
    lines = set(people.rejects["line"]) | set(people.frame["line"])
    assert len(lines) == people.read
    assert not set(people.rejects["line"]) & set(people.frame["line"])


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(given_file=files())
def test_every_record_ends_in_one_place(run, given_file):
    content, records = given_file

    def score(path):
        return run(path, out=path.with_name("scored.csv"))

    ran = in_file(content, score)
    if ran is None:
        return
    summary = ran.summary
    assert summary.read == records == summary.scored + summary.insufficient + summary.rejected
    assert ran.scored.height == summary.scored + summary.insufficient
    assert ran.rejects["line"].drop_nulls().n_unique() == summary.rejected


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_line(content):
    header = b"application_id,firm_id,applied_on,first_time\n"
    for data in (content, header + content):
        people = in_file(data, lambda path: read_applicants(path, today=AS_OF))
        if people is not None:
            assert people.read == people.frame.height + people.rejected
