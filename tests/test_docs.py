"""What the documentation says is true: references are current, every block and example runs."""

import doctest
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

import features
import firstloan
import models
import scoring
import synthetic
from benchmarks import record
from docs import demo, measured, references, report_page
from models.policy import Policy
from scoring.run.output import SCHEMA

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PUBLIC = (synthetic.simulate, features.build, models.fit, scoring.score, scoring.open_scorer)

ONCE = (
    "firstloan simulate --out world --firms 24000 --seed 7",
    "firstloan train --data world --trials 0",
)
"""Commands that many guides begin with, run once: every guide finds what they wrote."""

NOT_OURS = shutil.ignore_patterns(".*", "__pycache__", "mlartifacts", "mlflow.db", "demo")
A_FILE = re.compile(
    r"`((?:synthetic|features|models|scoring|laboratory|firstloan|tests|docs|benchmarks)/[\w./-]+)`"
)
A_TEST = re.compile(r"`(test_\w+)`")
A_COMMAND = re.compile(
    r"^[$%>]? *(firstloan|python|make|mlflow|pip|git|dask|cd|curl) ", re.MULTILINE
)


CODE = {".py", ".toml"}
ROOMS = ("features", "synthetic", "models", "scoring", "laboratory", "firstloan", "benchmarks")
COMMANDS = firstloan.app.registered_commands
PAGES = references.PAGES
WRITTEN = sorted(p for p in (*ROOT.glob("*.md"), *DOCS.glob("*.md")) if p.name not in PAGES)


def fences(path):
    tokens = MarkdownIt().parse(path.read_text(encoding="utf-8"))
    return [(token.info, token.content) for token in tokens if token.type == "fence"]


GUIDES = [path for path in WRITTEN if {"sh", "python", "diff"} & {kind for kind, _ in fences(path)}]


def run(arguments, clone):
    """Run as a person at the root of a clone would, the clone's own code before any other."""
    tools = [clone / ".tools", Path(sys.executable).parent, os.environ["PATH"]]
    result = subprocess.run(
        arguments,
        cwd=clone,
        env=os.environ | {"PATH": os.pathsep.join(map(str, tools)), "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{arguments[-1]}\n{result.stdout}\n{result.stderr}"
    assert "Warning" not in result.stderr, f"{arguments[-1]}\n{result.stderr}"
    return result.stdout


def shell(block, clone):
    lines = [line for line in block.splitlines() if line not in ONCE]
    return run(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], clone)


@pytest.fixture(scope="session")
def trained_clone(tmp_path_factory):
    """A clone in which somebody has simulated a world and trained on it."""
    clone = tmp_path_factory.mktemp("docs") / "clone"
    shutil.copytree(ROOT, clone, ignore=NOT_OURS)
    make = clone / ".tools" / "make"  # says what it would do: the real one installs and tests
    make.parent.mkdir()
    make.write_text(f'#!/bin/sh\nexec "{shutil.which("make")}" --dry-run "$@"\n')
    make.chmod(0o755)
    for command in ONCE:
        run(["bash", "-c", command], clone)
    return clone


@pytest.fixture
def clone(trained_clone, tmp_path):
    own = tmp_path / "clone"
    shutil.copytree(trained_clone, own)
    return own


@pytest.mark.parametrize(
    ("path", "cited"),
    list(report_page.citing_files()),
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_every_cited_fact_of_the_report_is_in_the_repository(path, cited):
    assert cited - report_page.facts().keys() == set(), path


def test_every_fact_of_the_report_is_cited_somewhere():
    cited = set().union(*(ids for _, ids in report_page.citing_files()))
    assert report_page.facts().keys() - cited == set()


def test_every_cited_section_of_the_design_exists():
    text = (DOCS / "design.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^## (.+)$", text, re.MULTILINE))
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in CODE]
    cited = {
        (path, name)
        for path in files
        for name in re.findall(r"design\.md,\s+([A-Z][a-zA-Z ]+)\)", path.read_text("utf-8"))
    }
    assert len({name for _, name in cited}) >= 5
    assert {(path, name) for path, name in cited if name not in headings} == set()
    unresolved = re.compile(r"design\.md section|\bissue \d")
    assert [path for path in files if unresolved.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("command", [c.name or c.callback.__name__ for c in COMMANDS])
def test_every_command_answers_a_question_and_has_a_how_to(command):
    """A how-to whose blocks the tests run."""
    for readme in demo.READMES:
        asked = re.split(r"^## ", readme.read_text("utf-8"), flags=re.MULTILINE)
        (questions,) = [part for part in asked if part.startswith(("How do I", "常见问题"))]
        assert re.search(rf"`firstloan {command}\b", questions), readme.name
    blocks = [text for path in GUIDES for kind, text in fences(path) if kind == "sh"]
    assert any(re.search(rf"^firstloan {command}\b", text, re.MULTILINE) for text in blocks)


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_current(page):
    written = (DOCS / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run `python docs/references.py`"


@pytest.mark.parametrize("path", references.WRITTEN, ids=lambda path: path.name)
def test_figures_and_the_demo_are_shown_as_measured(path):
    text = path.read_text(encoding="utf-8")
    assert text == references.filled(text), "run `python docs/references.py`"


def test_the_demo_was_run_since_what_it_rests_on_changed():
    kept = demo.read()
    assert kept["rests_on"] == demo.rests_on(), "run `python docs/demo.py`"
    row, policy = kept["applicant"], Policy.load()
    assert policy.grade(np.array([row["pd"]])) == [row["grade"]]
    assert policy.score.score(np.array([row["pd"]])) == [row["score"]]
    assert list(row) == list(SCHEMA)


def test_what_a_readme_shows_of_the_demo_comes_from_its_run():
    for path in demo.READMES:
        text = path.read_text(encoding="utf-8")
        kept = demo.read()
        other = kept | {"applicant": kept["applicant"] | {"application_id": "A0000000"}}
        assert kept["applicant"]["application_id"] in text
        assert "A0000000" in demo.show(text, other)


def test_a_cited_figure_that_differs_or_was_not_measured_is_noticed():
    entry = {"name": "build/9", "seconds": 34.2, "count": 9}
    results = {"features": {"entries": [entry]}}
    text = "built in 33 s<!-- measured: features build/9 seconds -->, it says"
    assert measured.cite(text, results) == text.replace("33", "34")
    with pytest.raises(KeyError, match="features build/9 ratio"):
        measured.cite(text.replace("seconds", "ratio"), results)


def test_the_limits_follow_from_what_was_measured():
    entries = [
        {
            "name": f"{step}/{workers}/{n}", "count": n, "seconds": 6 + n * cost / workers,
            "value": 2 + n * 1e-4, "peak_mb": 200 + n * 0.002,
        }
        for step, cost in (("simulate", 0.01), ("features", 0.001), ("score", 0.002))
        for workers in (1, 2)
        for n in (4_000, 12_000)
    ]  # fmt: skip
    entries += [
        {"name": f"train/{place}/{n}", "seconds": 9.0, "peak_mb": 300 + n * 0.01, "value": auc}
        for place, auc in (("here", 0.8801), ("seed", 0.8812), ("cluster", 0.8799))
        for n in (4_000, 12_000)
    ]
    entries += [{"name": f"bytes/{what}", "value": 2.0} for what in ("world", "matrix", "scored")]
    entries += [{"name": "worker", "peak_mb": 750.0}]
    run = {"date": "today", "machine": "one", "load_before": 0.0, "entries": entries}
    page = " ".join(references.scaling({"scaling": run}).split())
    assert "| simulate | 2 | 26 | 66 | 6.0 | 500 |" in page
    assert "| simulate | 2.0 × | 10.0 | 200 |" in page
    assert "| features: hours of one worker | 0.53 | 13.9 | 139 |" in page
    assert "| score: workers for one night | 1 | 4 | 35 |" in page
    assert "| score: hours in the command itself | 0.05 | 1.4 | **13.9** |" in page
    assert "| score: memory of the command | 4.0 GB | **100 GB** | **1,000 GB** |" in page
    assert "| records on disk | 0.00 TB | 0.10 TB | 1.0 TB |" in page
    assert "**One feature matrix, at about 7.9 million.**" in page
    assert "0.8801 when fitted on one machine, 0.8799 on two workers" in page
    assert "A worker held 0.75 GB at most." in page
    assert "Nothing has been measured yet." in references.scaling({})


def test_what_a_benchmark_keeps_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results.json")
    entries = [
        record.Entry(
            name=f"{step}/{n}", what=f"{step}, {n} applicants", seconds=n / 1000, peak_mb=500.0,
            rival="nothing", ratio=12.3, bar="10 times", met=n < 2000, count=n,
        )
        for step in ("simulate", "features", "score") for n in (1000, 2000)
    ]  # fmt: skip
    record.keep("growth", entries, load=0.5)
    record.keep("growth", entries, load=0.5)
    results = record.read()
    assert len(results["growth"]["entries"]) == 6
    page = references.benchmarks(results)
    assert (
        "| score, 2000 applicants | 2.0 | 500 |  | nothing | 12.3 × | 10 times | **missed** |"
        in page
    )
    assert record.machine() in page
    assert references.growth(results) != references.growth({})


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_block_of_a_guide_runs_in_order(guide, clone):
    for kind, block in fences(guide):
        if kind == "sh":
            shell(block, clone)
        elif kind == "python":
            run([sys.executable, "-c", block], clone)
        elif kind == "diff":
            patch = clone / "page.diff"
            patch.write_text(block, encoding="utf-8")
            run(["git", "apply", "-C1", "page.diff"], clone)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_no_block_escapes_the_tests(path):
    for kind, block in fences(path):
        assert kind in {"sh", "python", "diff", "toml", "text"}, block
        if kind == "toml":
            tomllib.loads(block)
        if kind == "text":
            assert not A_COMMAND.search(block), f"a command belongs into a block of sh:\n{block}"


@pytest.mark.parametrize("function", PUBLIC, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_the_example_of_a_public_function_runs(function, clone, monkeypatch):
    monkeypatch.chdir(clone)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{clone}/mlflow.db")
    (example,) = doctest.DocTestFinder(recurse=False).find(function, globs={})
    assert example.examples
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert not runner.run(example, out=said.append).failed, "".join(said)


@pytest.mark.parametrize("room", [synthetic, features, models, scoring], ids=lambda m: m.__name__)
def test_the_help_of_a_room_shows_its_functions_at_work(room):
    assert all(f"{room.__name__}.{name}(" in room.__doc__ for name in room.__all__)


def test_the_demo_and_its_commands_are_as_they_are_typed(trained_clone):
    said = run(["make", "demo"], trained_clone)
    typed = re.findall(r"^\S*firstloan (\w+) ", said.replace("; .venv", "\n.venv"), re.MULTILINE)
    assert typed == ["simulate", "features", "train", "simulate", "score"], said


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *DOCS.glob("*.md")], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(path):
    tokens = MarkdownIt().parse(path.read_text(encoding="utf-8"))
    children = [child for token in tokens for child in token.children or []]
    links = [c.attrs.get("href") or c.attrs.get("src") for c in children]
    for link in filter(None, links):
        if "://" not in link and not link.startswith("#"):
            assert (path.parent / link.split("#")[0]).exists(), link


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *DOCS.glob("*.md")], ids=lambda p: p.name)
def test_files_and_tests_that_a_page_names_exist(path):
    text = path.read_text(encoding="utf-8")
    assert [name for name in A_FILE.findall(text) if not (ROOT / name).exists()] == []
    if named := set(A_TEST.findall(text)):
        tests = "".join(file.read_text(encoding="utf-8") for file in ROOT.glob("tests/**/*.py"))
        assert [name for name in named if f"def {name}(" not in tests] == []


def test_the_index_links_every_page():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()
