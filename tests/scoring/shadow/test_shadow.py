"""What would the challenger have said? It scores along, and decides nothing."""

import re
from dataclasses import replace

import polars as pl
import pytest
from typer.testing import CliRunner

import firstloan
from features.contract.errors import ContractError
from features.parallel.executor import connect
from models.estimators.calibration import Calibration
from models.estimators.model import save
from scoring.run.output import SCHEMA, SHADOW


@pytest.fixture(scope="module")
def challenger(card_model, tmp_path_factory):
    """The hamlet's scorecard, which promises more defaults."""
    folder = tmp_path_factory.mktemp("challenger")
    save(replace(card_model, version="2", calibration=Calibration(c=0.3)), folder)
    return str(folder)


def test_the_champion_is_not_disturbed(run, rows, challenger):
    alone = run(rows)
    columns = alone.scored.columns
    along = run(rows, shadow=challenger)
    assert along.scored.columns == [*columns, *SHADOW]
    assert along.scored.select(columns).equals(alone.scored)
    assert alone.summary.swap_set is None
    assert alone.scored.columns == list(SCHEMA)


def test_the_challenger_says_what_it_says_alone(run, rows, challenger):
    along = run(rows, shadow=challenger).scored
    alone = run(rows, model=challenger).scored
    for name in ("score", "pd", "grade", "decision", "model"):
        assert along[f"shadow_{name}"].equals(alone[name], null_equal=True), name
    for row, other in zip(along.iter_rows(named=True), alone.iter_rows(named=True), strict=True):
        theirs = [other[f"reason_{k}"] for k in range(1, 6) if other[f"reason_{k}"]]
        ours = {row[f"reason_{k}"] for k in range(1, 6)}
        assert (row["shadow_reasons"] or "").split(";") == (theirs or [""])
        shared = len(ours & set(theirs)) if row["status"] == "scored" else None
        assert row["shared_reasons"] == shared


def test_the_swap_set_adds_up(run, rows, challenger):
    found = run(rows, shadow=challenger, chunk_size=7)
    swap_set, scored = found.summary.swap_set, found.scored
    assert swap_set.applicants == scored.height
    changed = scored.filter(pl.col("decision") != pl.col("shadow_decision"))
    assert swap_set.changed == changed.height > 0
    for swap in swap_set.swaps:
        inside = scored.filter(
            (pl.col("decision") == swap.champion) & (pl.col("shadow_decision") == swap.shadow)
        )
        assert swap.applicants == inside.height
        assert swap.shadow_pd == pytest.approx(inside["shadow_pd"].mean(), abs=1e-5)
        assert swap.pd == pytest.approx(inside["pd"].mean(), abs=1e-5)
    assert [swap.changes_side for swap in swap_set.swaps] == sorted(
        (swap.changes_side for swap in swap_set.swaps), reverse=True
    )
    graded = scored.drop_nulls(["grade", "shadow_grade"])
    assert sum(swap_set.grades.values()) == graded.height
    named = sum(
        scored.filter(pl.col("status") == "scored")[f"reason_{k}"].count() for k in range(1, 6)
    )
    assert swap_set.agreement == pytest.approx(scored["shared_reasons"].sum() / named)
    assert (
        found.manifest["shadow"]["model"] == found.summary.shadow == "hamlet v2 (trained on "
        "simulated firms)"
    )


def test_the_same_bytes_at_any_number_of_workers(run, rows, challenger, tmp_path):
    (tmp_path / "two").mkdir()
    one = run(rows, shadow=challenger).out.read_bytes()
    page = (tmp_path / "scored.html").read_text("utf-8")
    two = run(rows, shadow=challenger, workers=2, chunk_size=9, out=tmp_path / "two" / "scored.csv")
    assert two.out.read_bytes() == one
    part = re.compile(r"Champion and challenger.*?<h2>Flags", re.DOTALL)
    again = (tmp_path / "two" / "scored.html").read_text("utf-8")
    assert part.search(page).group() == part.search(again).group()


def test_a_challenger_that_is_the_champion_changes_nobody(run, rows, model_folder):
    found = run(rows, shadow=str(model_folder))
    assert found.summary.swap_set.changed == 0
    assert found.summary.swap_set.agreement == 1.0


def test_nobody_fits(run, rows, challenger):
    for row in rows:
        row["firm_id"] = "nobody"
    found = run(rows, shadow=challenger)
    assert found.scored.height == 0
    assert found.scored.columns == [*SCHEMA, *SHADOW]


def test_a_challenger_that_is_not_there(run, rows, tmp_path):
    with pytest.raises(ContractError, match="no such folder"):
        run(rows, shadow=str(tmp_path / "none"))
    assert not (tmp_path / "scored.csv").exists()


def test_the_page_and_the_command_show_who_changes_sides(
    run, rows, model_folder, challenger, tmp_path
):
    run(rows)
    applicants = tmp_path / "applicants.csv"
    result = CliRunner().invoke(
        firstloan.app,
        [
            *("score", str(applicants), "--signals", str(run.signals)),
            *("--model", str(model_folder), "--shadow", challenger),
            *("--out", str(tmp_path / "s.csv"), "--workers", "1"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "Shadow: hamlet v2" in result.output
    assert "decides otherwise for" in result.output
    page = (tmp_path / "s.html").read_text("utf-8")
    assert "Champion and challenger" in page
    assert "Swap set" in page


def test_a_cluster_gives_the_bytes_of_one_machine(run, rows, challenger, dask_workers, tmp_path):
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    here = run(rows, shadow=challenger, out=tmp_path / "here" / "scored.csv")
    with connect(dask_workers.address) as cluster:
        there = run(
            rows,
            shadow=challenger,
            out=tmp_path / "there" / "scored.csv",
            chunk_size=16,
            cluster=cluster,
        )
    assert there.out.read_bytes() == here.out.read_bytes()
