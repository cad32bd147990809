"""The command line as its user meets it: what she types, what she sees, what goes wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import firstloan

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SIGNALS = ["--signals", ".", "--out", "o.html"]
OWN = ["--features", "x.csv", "--labels", "y.csv"]
COMMANDS = sorted(
    command.name or command.callback.__name__ for command in firstloan.app.registered_commands
)


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "firstloan", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


def test_the_commands_are_those_of_the_design():
    assert set(COMMANDS) >= {
        "simulate",
        "import",
        "features",
        "catalogue",
        "train",
        "score",
        "backtest",
    }


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]])
def test_help_fits_80_columns(command):
    result = CliRunner().invoke(firstloan.app, [*command, "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    after_usage = result.stdout.split("\n", 1)[1]
    assert "..." not in after_usage, "a summary is cut short"


def test_help_waits_for_no_engine():
    code = (
        "import sys, firstloan; "
        "print(sorted({'numpy', 'pandas', 'pandera', 'polars', 'pyarrow'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["score", "none.csv", "--signals", ".", "--out", "o.csv"], "none.csv: no such file"),
        (["score", ".", "--signals", ".", "--out", "o.csv"], "expected a CSV file, got a folder"),
        (["score", "empty.csv", "--signals", ".", "--out", "o.csv"], "got an empty file"),
        (["score", "short.csv", "--signals", ".", "--out", "o.csv"], "missing: firm_id"),
        (["import", "--mapping", "no.toml", "--source", ".", "--out", "o"], "no.toml"),
        (["features", "--data", "none", "--out", "f.parquet"], "none"),
        (["train", "--data", "none"], "none"),
        (["train"], "expected either --data, or --features"),
        (["train", "--data", ".", "--name", "x"], "--name is for a matrix of your own"),
        (["train", "--labels", "y.csv"], "needs --features, --labels and --name"),
        (["train", *OWN, "--name", "first-time-borrower"], "Choose another name"),
        (["train", *OWN, "--name", "mine"], "x.csv: no such file"),
        (["backtest", "none.csv", "--outcomes", "o.csv"], "none.csv: no such file"),
        (["simulate", "--out", "w", "--config", "no.toml"], "no.toml"),
        (["explain", "none.csv", *SIGNALS, "--application", "A1"], "none.csv: no such file"),
        (["simulate", "--out", "letters"], "letters: expected a new folder"),
        (["simulate", "--out", "nowhere://w"], "nowhere://w: the storage cannot be used"),
        (["import", "--mapping", "m.toml", "--source", ".", "--out", "s3://b/w"], "got a URL"),
        (["score", "a.csv", "--signals", ".", "--out", "s3://b/s.csv"], "got a URL"),
        (["backtest", "s3://b/s.csv", "--outcomes", "o.csv"], "got a URL"),
        (["backtest", "s.csv", "--outcomes", "s3://b/o.csv"], "got a URL"),
        (["train", "--data", ".", "--config", "s3://b/c.toml"], "got a URL"),
        (["train", "--features", "memory://x", *OWN[2:], "--name", "mine"], "got a URL"),
    ],
)
def test_wrong_input_is_one_line_exit_2_and_nothing_written(tmp_path, arguments, words):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "short.csv").write_text("application_id,applied_on,first_time\n")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    before = sorted(tmp_path.rglob("*"))
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_mistyped_option_is_told_at_once(tmp_path):
    result = run("simulate", "--out", tmp_path / "w", "--firm", "10")
    assert result.returncode == 2
    assert "--firms" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[health]\nown_sdd = 1\n", "health.own_sdd"),
        ("[health]\nown_sd = 'much'\n", "health.own_sd"),
        ("[health]\nflood_probability = 2\n", "flood_probability"),
        ("[health\n", "expected one of baseline, "),
    ],
)
def test_wrong_settings_of_a_world_are_one_line_and_exit_2(tmp_path, text, words):
    (tmp_path / "wrong.toml").write_text(text)
    result = run("simulate", "--out", "w", "--config", "wrong.toml", cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "w").exists()


def test_simulating_again_into_a_folder_replaces_it_whole(tmp_path):
    wide = run("simulate", "--out", "w", "--firms", "1010", "--workers", "2", cwd=tmp_path)
    assert wide.returncode == 0, wide.stderr
    again = run("simulate", "--out", "w", "--firms", "10", "--seed", "2", cwd=tmp_path)
    fresh = run("simulate", "--out", "v", "--firms", "10", "--seed", "2", cwd=tmp_path)
    assert again.returncode == fresh.returncode == 0
    old, new = (
        {
            p.relative_to(tmp_path / d): p.read_bytes()
            for p in (tmp_path / d).rglob("*")
            if p.is_file()
        }
        for d in ("w", "v")
    )
    assert old == new


@pytest.mark.parametrize("name", ["models.py", "features/__init__.py"])
def test_a_file_that_hides_a_package_of_ours_is_named(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("x = 1")
    found = run("--version", cwd=tmp_path)
    assert found.returncode == 2
    assert found.stdout == ""
    assert f"{tmp_path / name}: hides the package" in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_the_version_is_said():
    assert run("--version").stdout.startswith("firstloan 0.")
