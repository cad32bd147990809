import datetime as dt
from dataclasses import replace

import mlflow
import numpy as np
import polars as pl
import pytest

from features.contract.errors import ContractError
from models.evaluation.backtest import backtest
from models.policy import Policy
from models.reporting.summary import backtest_lines

ROWS = 800


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A scored file and outcomes: PDs right, every fifth refused, some rows not scored."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    rng = np.random.default_rng(7)
    pd = rng.beta(1, 12, ROWS).clip(0.001)
    bad = rng.random(ROWS) < pd
    ids = [f"A{i:04}" for i in range(ROWS)]
    status = ["insufficient_data" if i % 20 == 0 else "scored" for i in range(ROWS)]
    pl.DataFrame(
        {
            "application_id": ids,
            "as_of": [dt.date(2025, 1, 1) + dt.timedelta(days=i // 9) for i in range(ROWS)],
            "status": status,
            "pd": [p if s == "scored" else None for p, s in zip(pd, status, strict=True)],
            "grade": "A",
            "model": "first-time-borrower v1 (trained on simulated firms)",
        }
    ).write_csv(tmp_path / "scored.csv")
    approved = [i % 5 != 0 for i in range(ROWS)]
    pl.DataFrame(
        {
            "application_id": ids,
            "approved": approved,
            "disbursed_on": [dt.date(2025, 6, 1) if a else None for a in approved],
            "defaulted": [bool(b) if a else None for b, a in zip(bad, approved, strict=True)],
            "defaulted_on": [
                dt.date(2026, 1, 1) if b and a else None for b, a in zip(bad, approved, strict=True)
            ],
            "observed_until": [dt.date(2026, 6, 1)] * ROWS,
        }
    ).head(ROWS - 10).write_csv(tmp_path / "outcomes.csv")
    return tmp_path, pd, bad


def test_every_scored_row_is_accounted_for(files):
    folder, _, _ = files
    counts = backtest(folder / "scored.csv", folder / "outcomes.csv").counts
    assert counts["read"] == ROWS
    assert counts["scored"] == ROWS * 19 // 20
    parts = ("observed", "without_outcome_row", "refused", "not_yet_observed")
    assert sum(counts[part] for part in parts) == counts["scored"]
    assert counts["refused"] == sum(i % 5 == 0 and i % 20 != 0 for i in range(ROWS - 10))


def test_ids_that_score_neutralised_are_found_again(files):
    folder, _, _ = files
    scored = pl.read_csv(folder / "scored.csv")
    outcomes = pl.read_csv(folder / "outcomes.csv")
    before = backtest(folder / "scored.csv", folder / "outcomes.csv").counts
    scored.with_columns(application_id="'-" + pl.col("application_id")).write_csv(
        folder / "scored.csv"
    )
    outcomes.with_columns(application_id="-" + pl.col("application_id")).write_csv(
        folder / "outcomes.csv"
    )
    assert backtest(folder / "scored.csv", folder / "outcomes.csv").counts == before


def test_a_flag_is_no_approval(files):
    folder, _, _ = files
    plain = backtest(folder / "scored.csv", folder / "outcomes.csv").figures
    scored = pl.read_csv(folder / "scored.csv")
    name = Policy.load().flags[0].name
    scored.with_columns(flags=pl.lit(f"bad_rows_tax;{name}")).write_csv(folder / "scored.csv")
    flagged = backtest(folder / "scored.csv", folder / "outcomes.csv").figures
    assert plain["approval_rate"] > 0
    assert flagged["approval_rate"] == 0


def test_grades_show_what_was_promised_and_what_came(files):
    folder, pd, bad = files
    found = backtest(folder / "scored.csv", folder / "outcomes.csv")
    used = np.array([i % 5 != 0 and i < ROWS - 10 for i in range(ROWS)])
    assert found.grades["rows"].sum() == used.sum() == found.counts["observed"]
    assert found.grades["bads"].sum() == bad[used].sum()
    last = found.grades.row(-1, named=True)
    inside = used & (pd >= 0.12)
    assert last["mean_pd"] == pytest.approx(pd[inside].mean())
    assert last["default_rate"] == pytest.approx(bad[inside].mean())
    assert found.tests["spiegelhalter"]["p"] > 0.01


def test_the_run_holds_it_all(files):
    folder, _, _ = files
    found = backtest(folder / "scored.csv", folder / "outcomes.csv")
    client = mlflow.MlflowClient(found.store)
    run = client.get_run(found.run_id)
    assert run.data.metrics["auc"] == pytest.approx(found.figures["auc"])
    assert run.data.tags["model"].startswith("first-time-borrower v1")
    held = {item.path for item in client.list_artifacts(found.run_id, "validation")}
    assert held == {f"validation/{name}" for name in ("tests.json", "grades.csv", "months.csv")}


def test_scores_without_outcomes_are_said(files):
    folder, _, _ = files
    outcomes = pl.read_csv(folder / "outcomes.csv", infer_schema=False)
    outcomes.with_columns(application_id="B" + pl.col("application_id")).write_csv(
        folder / "other.csv"
    )
    with pytest.raises(ContractError, match=r"of 760 scored applications .*, 0 have a known"):
        backtest(folder / "scored.csv", folder / "other.csv")


def test_a_file_that_is_no_scored_file_is_said(files):
    folder, _, _ = files
    with pytest.raises(ContractError, match="missing: as_of, status, pd, grade"):
        backtest(folder / "outcomes.csv", folder / "outcomes.csv")
    with pytest.raises(ContractError, match="no such file"):
        backtest(folder / "none.csv", folder / "outcomes.csv")
    with pytest.raises(ContractError, match="expected a CSV file, got a folder"):
        backtest(folder, folder / "outcomes.csv")


def test_an_application_scored_twice_would_count_twice_and_is_said(files):
    folder, _, _ = files
    table = pl.read_csv(folder / "scored.csv", infer_schema=False)
    pl.concat([table, table.head(3)]).write_csv(folder / "twice.csv")
    with pytest.raises(ContractError, match="each application_id once, got 3 twice, first A0000"):
        backtest(folder / "twice.csv", folder / "outcomes.csv")
    assert not (folder / "m.db").exists()


def test_outcomes_of_another_world_with_the_same_ids_are_said(files):
    """Ids of two worlds are alike; loans paid out before they were asked for give it away."""
    folder, _, _ = files
    outcomes = pl.read_csv(folder / "outcomes.csv", infer_schema=False)
    early = pl.when(pl.col("disbursed_on").is_not_null()).then(pl.lit("2024-06-01"))
    outcomes.with_columns(disbursed_on=early).write_csv(folder / "other.csv")
    with pytest.raises(ContractError, match=r"632 of 632 scored loans were .* other data"):
        backtest(folder / "scored.csv", folder / "other.csv")


def test_what_it_says_fits_80_columns(files):
    folder, _, _ = files
    found = replace(
        backtest(folder / "scored.csv", folder / "outcomes.csv"), store="sqlite:///mlflow.db"
    )
    lines = backtest_lines(found)
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("Calibration slope ") and "1 is right" in line for line in lines)


def test_a_broken_pd_is_said(files):
    folder, _, _ = files
    table = pl.read_csv(folder / "scored.csv", infer_schema=False)
    first = pl.col("application_id") == "A0001"
    broken = table.with_columns(pd=pl.when(first).then(pl.lit("x")).otherwise("pd"))
    broken.write_csv(folder / "bad.csv")
    with pytest.raises(ContractError, match="got none in 1 rows, first application_id=A0001"):
        backtest(folder / "bad.csv", folder / "outcomes.csv")


def cut(column):
    return pl.when(pl.col(column) < 0.04).then(pl.lit("approve")).otherwise(pl.lit("refer"))


@pytest.fixture
def with_shadow(files):
    """The scored file with a challenger that knows less, and decisions of both."""
    folder, pd, bad = files
    worse = np.clip(pd * np.random.default_rng(1).lognormal(0, 1.5, ROWS), 1e-4, 0.9)
    known = pl.col("pd").is_not_null()
    scored = pl.read_csv(folder / "scored.csv")
    scored = scored.with_columns(
        shadow_pd=pl.when(known).then(pl.Series(worse)), shadow_model=pl.lit("mine v2")
    )
    scored.with_columns(decision=cut("pd"), shadow_decision=cut("shadow_pd")).write_csv(
        folder / "scored.csv"
    )
    return folder, pd, worse, bad


def test_a_challenger_is_judged_on_the_same_loans(with_shadow):
    folder, pd, worse, bad = with_shadow
    found = backtest(folder / "scored.csv", folder / "outcomes.csv")
    shadow = found.shadow
    assert shadow.model == "mine v2"
    gain = shadow.figures["auc"] - found.figures["auc"]
    assert shadow.auc_gain.value == pytest.approx(gain)
    assert shadow.auc_gain.high < 0
    assert shadow.swaps["applicants"].sum() == found.counts["scored"]
    assert shadow.swaps["observed"].sum() == found.counts["observed"]
    swapped = shadow.swaps.row(
        by_predicate=(pl.col("decision") == "approve") & (pl.col("shadow_decision") == "refer"),
        named=True,
    )
    observed = np.array([i % 20 != 0 and i % 5 != 0 and i < ROWS - 10 for i in range(ROWS)])
    inside = observed & (pd < 0.04) & (worse >= 0.04)
    assert (swapped["observed"], swapped["bads"]) == (inside.sum(), bad[inside].sum())
    lines = backtest_lines(found)
    assert any(line.startswith("AUC less the champion's -") for line in lines)
    assert all(len(line) <= 80 for line in lines if "sqlite" not in line)


def test_without_a_challenger_nothing_is_said_of_one(files):
    folder, _, _ = files
    found = backtest(folder / "scored.csv", folder / "outcomes.csv")
    assert found.shadow is None
    assert not any("Shadow" in line for line in backtest_lines(found))


def test_overrides_are_joined_and_logged(with_shadow):
    folder, _, _, _ = with_shadow
    scored = pl.read_csv(folder / "scored.csv")
    decided = scored.filter(pl.col("pd").is_not_null()).select(
        "application_id", decision=pl.lit("decline"), reason=pl.lit("site visit"), by=pl.lit("Li")
    )
    decided.write_csv(folder / "over.csv")
    found = backtest(folder / "scored.csv", folder / "outcomes.csv", overridden=folder / "over.csv")
    assert found.overrides.rate == 1.0
    assert set(found.overrides.kinds["kind"]) == {"high-side override", "declined on referral"}
    run = mlflow.get_run(found.run_id)
    assert run.data.metrics["override_rate"] == 1.0
    assert "shadow_auc" in run.data.metrics
    lines = backtest_lines(found)
    assert any("Override rate 100.0%" in line for line in lines)
    assert all(len(line) <= 80 for line in lines if "sqlite" not in line)


def test_overrides_need_decisions(files):
    folder, _, _ = files
    (folder / "over.csv").write_text("application_id,decision,reason,by\nA0001,approve,,\n")
    with pytest.raises(ContractError, match="expected the column decision"):
        backtest(folder / "scored.csv", folder / "outcomes.csv", overridden=folder / "over.csv")
