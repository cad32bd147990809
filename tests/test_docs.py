"""What the documentation says is true: references are current, and every command runs."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDES = sorted(path for path in DOCS.glob("*.md") if "```sh" in path.read_text(encoding="utf-8"))


def references():
    sys.path.insert(0, str(DOCS))  # as if run as a script, which imports its neighbour
    spec = importlib.util.spec_from_file_location("references", DOCS / "references.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = references().PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_current(page):
    written = (DOCS / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run `python docs/references.py`"


def shell_blocks(path):
    tokens = MarkdownIt().parse(path.read_text(encoding="utf-8"))
    return [token.content for token in tokens if token.type == "fence" and token.info == "sh"]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_command_of_a_guide_runs(guide, tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for block in shell_blocks(guide):
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{block}\n{result.stderr}"
        assert "Warning" not in result.stderr, result.stderr


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *DOCS.glob("*.md")], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(path):
    tokens = MarkdownIt().parse(path.read_text(encoding="utf-8"))
    links = [
        child.attrs["href"]
        for token in tokens
        for child in token.children or []
        if child.type == "link_open"
    ]
    for link in links:
        if "://" not in link and not link.startswith("#"):
            assert (path.parent / link.split("#")[0]).exists(), link
