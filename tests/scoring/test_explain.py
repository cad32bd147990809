import re

import pytest

from features.contract.errors import ContractError
from models.policy import Policy
from scoring.explain import explain_file


@pytest.fixture
def explain(write, tmp_path, signals_folder, model_folder):
    def page(rows, application, **options):
        out = tmp_path / "page.html"
        arguments = {
            "applicants": write(rows),
            "signals": signals_folder,
            "application": application,
            "out": out,
            "model": str(model_folder),
            **options,
        }
        explain_file(**arguments)
        return out.read_text("utf-8")

    return page


def test_the_page_says_what_the_scored_file_says(explain, run, rows):
    scored = run(rows).scored.filter(status="scored").row(3, named=True)
    page = explain(rows, scored["application_id"])
    assert f"<b>{scored['score']}</b>" in page
    assert f"{scored['pd']:.2%}" in page
    for k in range(1, 6):
        if scored[f"reason_{k}"] is not None:
            assert scored[f"reason_{k}_text"].replace("'", "&#39;") in page
            assert scored[f"reason_{k}_zh"] in page
    assert "simulated firms" in page
    decision = Policy.load().decision
    for rule in decision.in_words():
        assert rule in page
        assert f"{100 * decision.approve_below:g}" in rule
        assert f"{100 * decision.decline_from:g}" in rule


def test_the_waterfall_ends_where_the_applicant_is(explain, rows):
    page = explain(rows, "A0005")
    figures = re.findall(r'class="figure">([−+]?[\d.]+)</span>', page)
    numbers = [float(text.replace("−", "-")) for text in figures]
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=0.01 * len(numbers))


def test_a_thin_applicant_is_told_what_is_missing(explain, rows):
    page = explain(rows, "A0000")
    assert "insufficient data" in page
    assert "no tax and invoice record in the last 180 days" in page
    assert page.count("No record.") == 4


def test_the_page_needs_no_network_and_runs_nothing(explain, rows):
    page = explain(rows, "A0005")
    assert not re.search(r"<script|<link|<img|@import|url\(|https?://", page)


def test_an_unknown_or_rejected_application_is_one_line(explain, rows, tmp_path):
    with pytest.raises(ContractError, match="Did you mean A00"):
        explain(rows, "A000")
    rows[2] |= {"application_id": "A9", "amount_cny": "-1"}
    with pytest.raises(ContractError, match="line 4: amount_cny expected a number > 0"):
        explain(rows, "A9")
    rows[3] |= {"application_id": "A8", "firm_id": "nobody"}
    with pytest.raises(ContractError, match="no signal table names this firm"):
        explain(rows, "A8")
    assert not (tmp_path / "page.html").exists()
