"""Does the comparison with the report see what a world shows, and say so where it does not?"""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import firstloan
from features.io.storage import location
from laboratory.targets.compare import compare_figure
from laboratory.targets.measures import MEASURES, expected_auc
from laboratory.targets.replay import PAIRS
from laboratory.targets.target import Target, read_targets
from laboratory.targets.world import World
from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.simulation import simulate_world

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FIRMS = 1_500
TARGETS = read_targets()
NAMES = [f"{target.row} {target.what}" for target in TARGETS]


def simulated(out, scenario=None):
    simulate_world(out=out, firms=FIRMS, seed=3, config=load_config(scenario), workers=2)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("calibrate") / "world")


@pytest.fixture(scope="module")
def world(folder):
    return World(folder, 2, None)


@pytest.fixture(scope="module")
def shown(folder):
    return CliRunner().invoke(firstloan.app, ["calibrate", "--data", str(folder)])


def target(**changes):
    usual = {
        "row": "R002", "what": "individual businesses", "value": 68.3, "unit": "%",
        "rounding": 0.05, "population": "all", "measure": "share", "of": "individual",
    }  # fmt: skip
    return Target(**usual | changes)


def test_there_are_at_least_45_figures_each_named_once():
    assert len(TARGETS) >= 45
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("one", TARGETS, ids=NAMES)
def test_every_figure_can_be_measured(world, one):
    rows = world.people(one.population)
    if not rows.height:  # some shown figures rest on a few loans in a thousand
        assert one.kind == "shown"
        return
    seen = MEASURES[one.measure](world, rows, one)
    assert np.isfinite(seen.value) or not seen.firms
    assert seen.error >= 0 or not seen.firms


def test_an_honest_small_world_agrees_and_says_too_few(folder, shown):
    assert shown.exit_code == 0, shown.output
    lines = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
    assert [line["row"] for line in lines] == [one.row for one in TARGETS]
    verdicts = [line["verdict"] for line in lines]
    assert "too few" in verdicts
    assert verdicts.count("ok") > 30
    assert f"{verdicts.count('ok')} figures agree" in shown.stdout


def test_the_table_fits_80_columns_and_cuts_nothing(shown):
    lines = [line for line in shown.stdout.splitlines() if not line.startswith("  wrote")]
    assert max(map(len, lines)) <= 80
    assert "…" not in shown.stdout
    for one in TARGETS:
        assert re.search(rf"{one.row} +{re.escape(one.what)}[* ]", shown.stdout), one.what


def test_a_world_that_is_off_ends_with_exit_1(tmp_path):
    thin = simulated(tmp_path / "thin", "thin-data")
    result = CliRunner().invoke(firstloan.app, ["calibrate", "--data", str(thin)])
    assert result.exit_code == 1
    assert re.search(r"R107 .*OFF", result.stdout)


@pytest.mark.parametrize("kind", ["equals", "ceiling", "floor"])
@pytest.mark.parametrize("away", [-30.0, 0.0, 30.0])
def test_off_is_what_lies_on_the_wrong_side(world, kind, away):
    held = 100 * world.replays.select((pl.col("legal_form") == "individual").mean()).item()
    line = compare_figure(target(value=held - away, kind=kind), world)
    wrong = away != 0 if kind == "equals" else away > 0 if kind == "ceiling" else away < 0
    assert line.verdict == ("OFF" if wrong else "ok")


def test_a_tolerance_is_four_errors_or_the_rounding(world):
    line = compare_figure(target(), world)
    between = (
        world.replayed("all").group_by("pair").agg((pl.col("legal_form") == "individual").mean())
    )
    error = 100 * between["legal_form"].std() / np.sqrt(PAIRS)
    sampling = 100 * np.sqrt(0.683 * 0.317 / line.firms)
    assert line.tolerance == pytest.approx(4 * max(error, sampling))
    assert compare_figure(target(rounding=9.0), world).tolerance == 9.0


def test_a_figure_is_expected_over_all_paths_and_the_own_one_stands_beside(world):
    line = compare_figure(target(measure="mean", of="true_pd"), world)
    assert line.expected == pytest.approx(100 * world.replays["true_pd"].mean())
    assert line.own == pytest.approx(100 * world.rows["true_pd"].mean())
    assert line.firms == 2 * PAIRS * FIRMS


def test_the_paths_of_a_pair_are_antithetic_and_have_the_same_candidates(world):
    config = world.source.config
    one, two = (backdrop(world.source.seed, config, paths=path) for path in (4, 5))
    assert one.common_seed == two.common_seed
    for name in ("macro", "core", "payment"):
        assert np.allclose(getattr(one.common, name), -getattr(two.common, name)), name
    means = world.replays.group_by("pair", "path").agg(pl.col("true_pd_world").mean())
    spread = means["true_pd_world"].std()
    pairs = means.group_by("pair").agg(pl.col("true_pd_world").mean())
    assert pairs["true_pd_world"].std() < spread


def test_records_of_a_large_world_are_judged_as_those_of_60_000_firms(world, monkeypatch):
    known = target(measure="auc_register", population="first", value=0.7, rounding=1e-6)
    small = compare_figure(known, world).tolerance
    monkeypatch.setattr(world, "firms", 240_000)
    assert compare_figure(known, world).tolerance == pytest.approx(2 * small)


def test_expected_auc_is_the_mean_over_outcomes():
    pd = np.array([0.1, 0.5, 0.5, 0.9])
    assert expected_auc(np.ones(4), pd) == pytest.approx(0.5, abs=0.02)
    certain = np.array([0.0, 0.0, 1.0, 1.0])
    assert expected_auc(np.array([1.0, 2.0, 3.0, 4.0]), certain) == 1.0
    assert expected_auc(np.array([1.0, 3.0, 2.0, 4.0]), certain) == 0.75
    assert expected_auc(np.array([1.0, 2.0, 2.0, 4.0]), certain) == 0.875


def test_few_firms_decide_nothing(world):
    line = compare_figure(
        target(population="bad_actor", measure="mean", of="true_pd", value=1e-6), world
    )
    assert line.verdict == "too few"


def test_a_world_on_other_storage_is_the_same_world(folder, world):
    there = location("memory://calibrated/world")
    there.fs.put(str(folder), there.path, recursive=True)
    rows = World(there, 2, None).rows
    there.fs.store.clear()
    assert rows.equals(world.rows)


def test_a_folder_without_truth_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["firstloan", "calibrate", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        raise SystemExit(firstloan.main())
    assert stop.value.code == 2
    assert "expected a simulated data folder with truth/" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_no_row_is_a_target_and_left_out_too():
    path = ROOT / "laboratory" / "targets" / "targets.toml"
    left = " ".join(row["row"] for row in tomllib.loads(path.read_text("utf-8"))["left_out"])
    assert not {target.row for target in TARGETS} & set(re.findall(r"R\d{3}", left))
