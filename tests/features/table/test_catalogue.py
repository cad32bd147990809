import re
import subprocess
import sys
from pathlib import Path

import polars as pl
from rich.cells import cell_len

from features.contract.tables import SOURCES
from features.loan.catalogue import OPEN_LOAN_FEATURES
from features.table import catalogue
from features.table.catalogue import FEATURES, as_table, feature_names, fingerprint, in_words
from features.table.catalogue_page import listing, page
from features.table.feature import Feature
from features.table.formula import Formula
from features.table.themes import THEMES

ROOT = Path(__file__).parents[3]


def test_there_are_features_of_every_source_and_theme():
    assert len(FEATURES) >= 150
    for source in (*SOURCES, "register", "coverage", "cross_source", "peers"):
        assert any(f.source == source for f in FEATURES), source
    assert {f.theme for f in OPEN_LOAN_FEATURES} == set(THEMES)


def test_every_window_of_the_design_is_used():
    assert {30, 90, 180, 365} <= {f.days for f in FEATURES}


def test_scoring_finds_the_coverage_of_every_source():
    assert {f"coverage_{source}" for source in SOURCES} <= set(feature_names())


def test_nothing_reads_the_lender_or_the_decision():
    read = set().union(*(f.inputs for f in FEATURES))
    assert not read & {"lender_type", "channel", "approved", "first_time", "county"}


def test_meanings_are_short_and_distinct():
    for texts in ([f.meaning for f in FEATURES], [f.meaning_zh for f in FEATURES]):
        assert len(set(texts)) == len(texts)
        assert max(map(len, texts)) <= 90


def test_the_rules_of_the_report_have_their_features():
    cited = {row for f in FEATURES if f.reference for row in f.reference.split(", ")}
    assert {"R122", "R188", "R189", "R190", "S28", "C25"} <= cited


def test_the_table_for_people_has_a_row_per_feature():
    table = as_table()
    assert table["name"].to_list() == list(feature_names())
    assert table.null_count().sum_horizontal()[0] == table["window"].null_count()


def test_formulas_read_without_the_marks_of_the_engine():
    for text in (in_words(f.formula) for f in FEATURES):
        assert "dyn" not in text
        assert "col(" not in text
        assert "…" not in text


def test_a_changed_formula_changes_the_fingerprint(monkeypatch):
    before = fingerprint()
    assert before == fingerprint()
    first = FEATURES[0]
    changed = Feature(
        **{name: getattr(first, name) for name in first.__dataclass_fields__ if name != "formula"},
        formula=Formula.of(first.formula.expression * pl.lit(2)),
    )
    monkeypatch.setattr(catalogue, "FEATURES", (changed, *FEATURES[1:]))
    assert catalogue.fingerprint.__wrapped__() != before


def test_the_fingerprint_is_the_same_in_another_process():
    code = "from features.table.catalogue import fingerprint; print(fingerprint())"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == fingerprint()


def test_the_page_is_current():
    written = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    assert written == page(), "run `python docs/references.py`"


def test_the_listing_fits_a_terminal_and_loses_nothing():
    lines = list(listing())
    assert max(map(cell_len, lines)) <= 80
    text = re.sub(r"\s", "", "".join(lines))
    for f in FEATURES:
        for part in (f.name, f.meaning, f.meaning_zh, f.theme, f.reference, f.note):
            assert re.sub(r"\s", "", part) in text, f.name
        assert re.sub(r"\s", "", in_words(f.formula)) in text, f.name


def test_the_leak_switch_is_out_of_reach_of_scoring():
    for path in [*(ROOT / "firstloan").glob("*.py"), *(ROOT / "scoring").rglob("*.py")]:
        assert "by_event" not in path.read_text(encoding="utf-8"), path
