"""A small world in figures: what a change to the simulator changes shows in golden.toml's diff.

A change that is meant is written down by `python tests/synthetic/test_golden.py`.
"""

import tomllib
from pathlib import Path

import polars as pl
import pytest

from features.contract.tables import SIGNALS
from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.world import bucket_world

GOLDEN = Path(__file__).with_name("golden.toml")
FIRMS, SEED = 300, 20_240_101
TABLES = (*SIGNALS, "applications", "outcomes", "truth", "faults")
MOST_NAMES = 30
SAME = 2e-4
"""Relative difference of figures that are the same; other processors round exp differently."""


def summary():
    """By table: its rows, and by column a few figures of what it holds."""
    tables = bucket_world(FIRMS, 0, backdrop(SEED, load_config()))
    assert set(TABLES) == set(tables)
    return {name: {"rows": {"all": tables[name].height}} | columns(tables[name]) for name in TABLES}


def columns(frame):
    described = {name: figures(frame[name]) for name in frame.columns}
    return {name: found for name, found in described.items() if found}


def figures(column):
    """Number of empty cells, mean and quantiles of numbers, counts of names."""
    found = {}
    if column.null_count():
        found["empty"] = column.null_count()
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        values = column.drop_nulls().cast(pl.Float64)
        found["mean"] = values.mean()
        if column.dtype != pl.Boolean:
            found |= {f"p{k}": values.quantile(k / 100) for k in (10, 50, 90)}
    elif column.dtype == pl.String and column.n_unique() <= MOST_NAMES:
        counts = column.drop_nulls().value_counts().sort(column.name)
        found |= dict(counts.iter_rows())
    return {
        key: value if isinstance(value, int) else float(f"{value:.6g}")
        for key, value in found.items()
        if value is not None
    }


def as_toml(figures_of):
    lines = ["# Written by `python tests/synthetic/test_golden.py`.", ""]
    for table, own in figures_of.items():
        lines.append(f"[{table}]")
        for name, found in own.items():
            cells = ", ".join(f'"{key}" = {value}' for key, value in found.items())
            lines.append(f"{name} = {{ {cells} }}")
        lines.append("")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def now():
    return summary()


@pytest.mark.parametrize("table", TABLES)
def test_a_small_world_is_what_it_was(now, table):
    golden = tomllib.loads(GOLDEN.read_text(encoding="utf-8"))[table]
    assert now[table].keys() == golden.keys()
    changed = [
        f"{table}.{name}: {found}, was {golden[name]}"
        for name, found in now[table].items()
        if found != pytest.approx(golden[name], rel=SAME, abs=1e-9)
    ]
    if changed:
        advice = "If this is meant: python tests/synthetic/test_golden.py"
        pytest.fail("\n".join([*changed, advice]), pytrace=False)


if __name__ == "__main__":
    GOLDEN.write_text(as_toml(summary()), encoding="utf-8")
