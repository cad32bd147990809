"""The generated references say what the code does."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def references():
    spec = importlib.util.spec_from_file_location("references", DOCS / "references.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = references().PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_current(page):
    written = (DOCS / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run `python docs/references.py`"
