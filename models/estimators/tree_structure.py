"""Structure of a LightGBM model's text, checked before LightGBM reads it.

LightGBM trusts its own text: an index out of range ends the process, a node that is its own
descendant never ends, and a leaf that is no number becomes a score.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.arrays import Array

_START, _END = "tree\n", "\nend of trees\n"
_TREE = re.compile(r"Tree=(\d+)\n")
_ONE = ("num_class", "num_tree_per_iteration")


def check_trees(text: str, *, features: int) -> None:
    """Raise ValueError unless a text is one whole LightGBM model that can be evaluated.

    Parameters
    ----------
    text : str
        As `Booster.model_to_string` writes it.
    features : int
        Columns of the model's matrix.
    """
    if not text.startswith(_START) or _END not in text:
        raise ValueError("no whole LightGBM model")
    head, _, _ = text.partition("\nTree=")
    card = _fields(head)
    for name in _ONE:
        _expect(card.get(name) == "1", f"{name} is {card.get(name)!r}, not 1")
    columns = int(card["max_feature_idx"]) + 1
    _expect(columns == features, f"its trees know {columns} features, the model has {features}")
    _expect(len(card["feature_names"].split()) == columns, "its feature names are incomplete")
    sizes = [int(size) for size in card["tree_sizes"].split()]
    content = text.encode()
    place = content.find(b"Tree=", len(head.encode()))
    for number, size in enumerate(sizes):
        block = content[place : place + size].decode()
        start = _TREE.match(block)
        _expect(start is not None and int(start.group(1)) == number, f"tree {number} is misplaced")
        _check_tree(_fields(block), columns, where=f"tree {number}")
        place += size
    rest = content[place:].lstrip()
    _expect(rest.startswith(b"end of trees"), "it has more trees than it says")


def _check_tree(tree: Mapping[str, str], columns: int, *, where: str) -> None:
    leaves = int(tree["num_leaves"])
    _expect(leaves >= 1, f"{where} has no leaf")
    _expect(tree["num_cat"] == "0", f"{where} splits categories")
    _expect(tree.get("is_linear", "0") == "0", f"{where} is linear")
    values = _numbers(tree, "leaf_value", leaves, where)
    _expect(bool(np.isfinite(values).all()), f"{where} has a leaf that is no number")
    if leaves == 1:
        return
    nodes = leaves - 1
    split = _numbers(tree, "split_feature", nodes, where)
    inside = (split >= 0) & (split < columns) & (split == np.round(split))
    _expect(bool(inside.all()), f"{where} splits a feature that is not there")
    threshold = _numbers(tree, "threshold", nodes, where)
    _expect(not np.isnan(threshold).any(), f"{where} has a threshold that is no number")
    kinds = _numbers(tree, "decision_type", nodes, where).astype(np.int64)
    _expect(bool(((kinds & 1) == 0).all()), f"{where} splits categories")
    children = np.concatenate(
        [_numbers(tree, side, nodes, where) for side in ("left_child", "right_child")]
    )
    # nodes count from 0, leaf k is written as -k - 1; each but the root has one parent
    expected = np.concatenate([np.arange(1, nodes), -np.arange(1, leaves + 1)])
    _expect(
        np.array_equal(np.sort(children), np.sort(expected)), f"{where} has a node without parent"
    )
    parents = np.tile(np.arange(nodes), 2)
    # LightGBM numbers a node after its parent, so that no path comes back
    _expect(bool((children[children >= 0] > parents[children >= 0]).all()), f"{where} has a circle")


def _numbers(tree: Mapping[str, str], name: str, length: int, where: str) -> Array:
    found = np.array(tree[name].split(), dtype=np.float64)
    _expect(len(found) == length, f"{where} has {len(found)} of {length} numbers in {name}")
    return found


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _expect(holds: bool, problem: str) -> None:  # noqa: FBT001 - a condition and its words
    if not holds:
        raise ValueError(problem)
