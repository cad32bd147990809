import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from features.contract.errors import ContractError
from features.contract.validation import conform
from models.policy import Condition, Flag
from scoring.run import chunk_runner
from scoring.run.output import SCHEMA
from scoring.scorer import Scorer
from scoring.shap_values.explainer import ShapExplainer
from tests.scoring.conftest import application_rows


def test_columns_are_the_contract(run, rows):
    out = run(rows).out
    expected = """
        application_id firm_id as_of status score pd grade decision
        reason_1 reason_2 reason_3 reason_4 reason_5
        reason_1_text reason_2_text reason_3_text reason_4_text reason_5_text
        reason_1_zh reason_2_zh reason_3_zh reason_4_zh reason_5_zh
        coverage_tax coverage_electricity coverage_logistics coverage_ecommerce
        pd_low pd_high flags missing_sources model
        limit_cny rate_pct term_months plan expected_loss_cny expected_profit_cny
        limit_reason limit_reason_zh
    """
    assert out.read_text("utf-8").splitlines()[0] == ",".join(expected.split())


def test_rows_keep_the_order_of_the_input(run, rows):
    scored = run(rows).scored
    assert scored["application_id"].to_list() == [row["application_id"] for row in rows]
    assert scored["firm_id"].to_list() == [row["firm_id"] for row in rows]


def test_every_row_is_scored_insufficient_or_rejected(run, rows):
    rows[3]["amount_cny"] = "-5"
    rows[4]["firm_id"] = "nobody"
    summary, scored, rejects, manifest, _ = run(rows)
    assert summary.read == len(rows) == summary.scored + summary.insufficient + summary.rejected
    assert summary.rejected == rejects["line"].n_unique() == 2
    assert scored.height == summary.scored + summary.insufficient
    assert manifest["counts"]["read"] == len(rows)
    assert manifest["counts"]["rejected"] == 2


def test_a_scored_row_has_everything_and_a_thin_one_names_what_is_missing(run, rows):
    scored = run(rows).scored
    full = scored.filter(pl.col("status") == "scored")
    numbers = full.select("score", "pd", "grade", "decision", "pd_low", "pd_high")
    assert sum(numbers.null_count().row(0)) == 0
    assert full["score"].is_between(300, 850).all()
    assert (full["pd_low"] <= full["pd"]).all()
    assert (full["pd"] <= full["pd_high"]).all()
    thin = scored.filter(pl.col("status") == "insufficient_data")
    assert set(thin["firm_id"]) == {"F0000", "F0002"}
    assert thin.select("score", "pd", "grade", "pd_low", "pd_high").null_count().row(0) == (2,) * 5
    assert set(thin["decision"]) == {"refer"}
    nothing = thin.row(by_predicate=pl.col("firm_id") == "F0000", named=True)
    assert nothing["missing_sources"] == "tax;electricity;logistics;ecommerce"
    assert nothing["reason_1_text"] == "no tax and invoice record in the last 180 days"


def test_a_figure_of_a_model_card_approves_whom_score_approves(model, in_memory):
    """Thin files and flags refer; a cut-off on the PD alone would approve some of them."""
    flagged = Flag(
        name="big", text="x", text_zh="x", all=(Condition(feature="loan_amount", above=90_000),)
    )
    cuts = model.policy.decision.model_copy(update={"approve_below": 0.1, "decline_from": 0.2})
    policy = model.policy.model_copy(update={"flags": (flagged,), "decision": cuts})
    scorer = Scorer(model, "m", policy, ShapExplainer(model, rows=60))
    applications = pl.DataFrame(application_rows()).with_columns(
        pl.col("applied_on", "consent_on").str.to_date(), first_time=pl.lit(value=True)
    )
    features = scorer.features(conform(applications, "applications"), in_memory)
    scored = scorer.score_features(features)
    pd = model.pd(model.margin(features))
    approved = policy.approved(features, pd)
    assert approved.tolist() == (scored["decision"] == "approve").to_list()
    assert 0 < approved.sum() < (pd < cuts.approve_below).sum()


def test_one_source_is_enough(run, rows):
    scored = run(rows).scored.row(by_predicate=pl.col("firm_id") == "F0001", named=True)
    assert scored["status"] == "scored"
    assert scored["missing_sources"] == "tax;logistics;ecommerce"
    assert scored["coverage_electricity"] == 1.0
    assert scored["coverage_tax"] == 0.0


def test_reasons_are_distinct_themes_without_gaps(run, rows):
    scored = run(rows).scored.filter(pl.col("status") == "scored")
    for row in scored.iter_rows(named=True):
        codes = [row[f"reason_{k}"] for k in range(1, 6)]
        given = [code for code in codes if code is not None]
        assert len(set(given)) == len(given)
        assert codes == given + [None] * (5 - len(given))
        for k, code in enumerate(codes, start=1):
            assert (row[f"reason_{k}_text"] is None) == (code is None)
            assert (row[f"reason_{k}_zh"] is None) == (code is None)
    assert scored["reason_1"].null_count() < scored.height


def test_the_label_says_where_the_model_learnt(run, rows):
    scored = run(rows).scored
    assert set(scored["model"]) == {"hamlet v1 (trained on simulated firms)"}


@pytest.mark.parametrize("options", [{"chunk_size": 7}, {"chunk_size": 1}, {"chunk_size": 10_000}])
def test_chunk_size_never_changes_a_byte(run, rows, options):
    whole = run(rows).out.read_bytes()
    assert run(rows, **options).out.read_bytes() == whole


def test_workers_never_change_a_byte(run, rows):
    whole = run(rows).out.read_bytes()
    assert run(rows, workers=2, chunk_size=20).out.read_bytes() == whole


def test_nothing_is_left_but_the_outputs(run, rows, tmp_path):
    outputs = run(rows).summary.outputs
    assert {p.name for p in tmp_path.iterdir()} == {"applicants.csv", *(p.name for p in outputs)}


def test_a_failed_run_leaves_its_parts_and_the_next_one_goes_on(run, rows, tmp_path, monkeypatch):
    whole = run(rows, chunk_size=10).out.read_bytes()
    (tmp_path / "scored.csv").unlink()
    done = []
    real = chunk_runner.score_chunk

    def breaks(chunk, *args, **kwargs):
        if chunk.number == 3:
            raise OSError("the lights went out")
        done.append(chunk.number)
        return real(chunk, *args, **kwargs)

    monkeypatch.setattr(chunk_runner, "score_chunk", breaks)
    with pytest.raises(OSError, match="lights"):
        run(rows, chunk_size=10)
    assert not (tmp_path / "scored.csv").exists()
    assert done == [0, 1, 2]

    def counts(chunk, *args, **kwargs):
        done.append(chunk.number)
        return real(chunk, *args, **kwargs)

    monkeypatch.setattr(chunk_runner, "score_chunk", counts)
    assert run(rows, chunk_size=10).out.read_bytes() == whole
    assert done == [0, 1, 2, 3, 4, 5]
    assert not (tmp_path / "scored.parts").exists()


def test_an_earlier_file_never_stands_beside_the_report_of_a_later_one(
    run, rows, tmp_path, monkeypatch
):
    run(rows)
    rows[0]["amount_cny"] = "777000"
    real = Path.replace

    def breaks(self, target):
        if self.name == "staged.rejects.csv":
            raise OSError("the lights went out")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", breaks)
        with pytest.raises(OSError, match="lights"):
            run(rows)
    assert not (tmp_path / "scored.csv").exists()
    assert run(rows).scored.height == len(rows)


def test_parts_of_other_inputs_are_not_used(run, rows, tmp_path, monkeypatch):
    real = chunk_runner.score_chunk

    def breaks(chunk, *args, **kwargs):
        if chunk.number == 3:
            raise OSError("the lights went out")
        return real(chunk, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(chunk_runner, "score_chunk", breaks)
        with pytest.raises(OSError, match="lights"):
            run(rows, chunk_size=10)
    rows[0]["amount_cny"] = "777000"
    after = run(rows, chunk_size=10).out.read_bytes()
    assert run(rows).out.read_bytes() == after


def test_strict_stops_at_the_first_rejected_row_and_writes_nothing(run, rows, tmp_path):
    rows[3]["applied_on"] = "soon"
    with pytest.raises(ContractError, match=r"line 5.*applied_on.*'soon'"):
        run(rows, strict=True)
    rows[3]["applied_on"] = rows[4]["applied_on"]
    rows[3]["firm_id"] = "nobody"
    with pytest.raises(ContractError, match=r"line 5.*firm_id.*'nobody'"):
        run(rows, strict=True)
    assert {p.name for p in tmp_path.iterdir()} == {"applicants.csv"}


def test_the_applicants_file_is_never_overwritten(run, rows, write):
    path = write(rows, "people.csv")
    with pytest.raises(ContractError, match="would overwrite an input"):
        run(path, out=path)


def test_out_must_be_a_file_in_a_folder_that_exists(run, rows, tmp_path):
    with pytest.raises(ContractError, match="got a folder"):
        run(rows, out=tmp_path)
    with pytest.raises(ContractError, match="no such folder"):
        run(rows, out=tmp_path / "nowhere" / "scored.csv")


def test_no_applicants_give_a_header_and_no_rows(run, write, rows):
    path = write(rows)
    path.write_text(path.read_text("utf-8").splitlines()[0] + "\n", encoding="utf-8")
    summary, scored, _, _, out = run(path)
    assert summary.read == 0
    assert scored.height == 0
    assert out.read_text("utf-8") == ",".join(SCHEMA) + "\n"


def test_progress_reaches_the_end(run, rows):
    seen = []
    run(rows, chunk_size=25, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 60), (25, 60), (50, 60), (60, 60)]


_SCORE = """
import datetime as dt, sys
from pathlib import Path
from scoring.batch import score_file
applicants, signals, out, model = sys.argv[1:]
score_file(applicants=Path(applicants), signals=Path(signals), out=Path(out), model=model,
           chunk_size=3, today=dt.date(2025, 3, 31))
"""


def test_a_killed_run_goes_on_to_the_same_bytes(run, rows, tmp_path, signals_folder, model_folder):
    """SIGKILL in the middle, no clean-up of any kind, then the same command again."""
    whole = run(rows, chunk_size=3).out.read_bytes()
    (tmp_path / "scored.csv").unlink()
    arguments = (tmp_path / "applicants.csv", signals_folder, tmp_path / "scored.csv", model_folder)
    parts = tmp_path / "scored.parts"
    process = subprocess.Popen([sys.executable, "-c", _SCORE, *map(str, arguments)])
    try:
        deadline = time.monotonic() + 60
        while len(list(parts.glob("0*.json"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert len(list(parts.glob("0*.json"))) >= 3
    assert not (tmp_path / "scored.csv").exists()
    seen = []
    assert run(rows, chunk_size=3, progress=lambda *at: seen.append(at)).out.read_bytes() == whole
    assert seen[0][0] >= 3 * 3
