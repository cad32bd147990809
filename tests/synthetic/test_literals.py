"""Numbers that describe the world stand in TOML with unit and source, not in functions."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("firm", "loan", "book", "signals", "setting")
FILES = sorted(p for folder in FOLDERS for p in (ROOT / "synthetic" / folder).glob("*.py"))

MATHEMATICS = {0, 1, 2, 3, -1, 0.5, 4, 7, 12, 100, 365, 365.25}
"""Counts, halves, squares, quarters of a year, days of a week and of a year, cents."""

ALLOWED = {
    "calendar.py": "dates of the lunar calendar and of public holidays, with their source",
    "true_pd.py": "nodes of the numerical integration",
    "months.py": "days of the longest and of the shortest month",
}

STRUCTURE = {
    ("horizon.py", 65): "weeks of signals, calendar.history_days / 7",
    ("horizon.py", 52): "weeks of a year, and of the latent past before the signals",
    ("horizon.py", 90): "days past due of the definition of default",
    ("horizon.py", 24): "months of the longest loan",
    ("horizon.py", 11): "month-ends that decide the 12-month label",
    ("population.py", 365_000): "CNY a year of 1,000 CNY a day",
    ("population.py", 7919): "a prime that makes a second uniform number of one",
    ("shocks.py", 30): "years of flood seasons that are listed",
    ("work.py", 5): "Saturday",
    ("invoices.py", 99_000): "first number of a friendly firm",
    ("invoices.py", 100_000): "first number of a partner met once",
    ("invoices.py", 0.618033988749895): "golden ratio",
    ("invoices.py", 7_919): "a prime",
    ("invoices.py", 31): "days of the longest month",
    ("invoices.py", 1_000): "CNY, a unit of rounding",
    ("invoices.py", 0.01): "CNY, a unit of rounding",
    ("invoices.py", 1e-4): "tail of a quantile that is cut off",
    ("line_draws.py", 60): "turns of a line that are drawn at once",
    ("bureau.py", 6): "months of the count of enquiries",
    ("lending.py", 1e6): "CNY, unit of sales",
    ("population.py", 1_000): "CNY, unit of sales",
    ("lending.py", -3): "thousands",
    ("population.py", -4): "ten thousands",
}

DRAWS = {"beta", "gamma", "exponential", "uniform", "integers", "poisson", "laplace", "geometric"}
"""Draws whose arguments are parameters of a distribution."""


def literals(path):
    """Numeric literals of a file outside of docstrings, with their lines; a minus sign counts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    negative = {
        id(node.operand): -node.operand.value
        for node in ast.walk(tree)
        if isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node.lineno, node.value, negative.get(id(node), node.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_function_holds_a_number_that_describes_the_world(path):
    if path.name in ALLOWED:
        return
    unknown = [
        (line, value)
        for line, value, signed in literals(path)
        if value not in MATHEMATICS
        and (path.name, value) not in STRUCTURE
        and (path.name, signed) not in STRUCTURE
    ]
    assert not unknown


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_distribution_is_drawn_with_a_literal(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    literal = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in DRAWS
        and any(
            isinstance(a, ast.Constant) and type(a.value) is float and a.value for a in node.args
        )
    ]
    assert not literal


def test_every_exception_is_needed():
    held = {(path.name, v) for path in FILES for _, *both in literals(path) for v in both}
    assert set(STRUCTURE) <= held
