"""LightGBM trees as decision paths, in groups of leaves with few nodes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

MOST_NODES = 8
"""Nodes on the paths of a group: a table of 2**8 doubles stays in the processor's first cache."""


_INFINITE = 1e300


class UnsupportedTreesError(ValueError):
    """Categorical splits, zeros read as missing, linear leaves, or paths of more than 12 nodes."""


@dataclass(frozen=True)
class Node:
    """A split: left if `feature` is not above `threshold`, or missing and `nan_left`.

    Attributes
    ----------
    position : int
        Within the tree.
    feature : int
        Column.
    threshold : float
    nan_left : bool
    left, right : Node or float
        A float is the value of a leaf.
    weights : tuple of float
        Share of the training rows that went left and right.
    """

    position: int
    feature: int
    threshold: float
    nan_left: bool
    left: "Node | float"
    right: "Node | float"
    weights: tuple[float, float]

    @cached_property
    def inner(self) -> int:
        """Nodes of this subtree."""
        return 1 + sum(c.inner for c in (self.left, self.right) if isinstance(c, Node))


@dataclass
class Tree:
    """The splits of one tree; `root` is None if it has none."""

    root: Node | None
    nodes: list[Node] = field(default_factory=list)

    @classmethod
    def of(cls, structure: dict[str, Any]) -> "Tree":
        """Read a `tree_structure` of LightGBM's `dump_model`.

        Raises
        ------
        UnsupportedTreesError
            If it has other than numerical splits.
        """
        tree = cls(None)
        root = tree._grow(structure)
        tree.root = root if isinstance(root, Node) else None
        tree.nodes.sort(key=lambda node: node.position)
        return tree

    def _grow(self, plain: dict[str, Any]) -> "Node | float":
        if "split_feature" not in plain:
            if "leaf_coeff" in plain:
                raise UnsupportedTreesError("linear leaves")
            return float(plain["leaf_value"])
        if plain["decision_type"] != "<=" or plain["missing_type"] == "Zero":
            raise UnsupportedTreesError("a categorical split, or zeros read as missing")
        children = (plain["left_child"], plain["right_child"])
        count = plain["internal_count"]
        node = Node(
            position=plain["split_index"],
            feature=plain["split_feature"],
            threshold=_threshold(plain["threshold"]),
            # without missing values in training LightGBM reads NaN as 0
            nan_left=plain["default_left"]
            if plain["missing_type"] == "NaN"
            else plain["threshold"] >= 0,
            left=self._grow(children[0]),
            right=self._grow(children[1]),
            weights=(_count(children[0]) / count, _count(children[1]) / count),
        )
        self.nodes.append(node)
        return node


def _threshold(written: float) -> float:
    """Threshold as LightGBM compares with it: the dump writes what is infinite as 1e300."""
    return math.copysign(math.inf, written) if abs(written) >= _INFINITE else float(written)


def _count(plain: dict[str, Any]) -> int:
    count: int = plain["internal_count" if "split_feature" in plain else "leaf_count"]
    return count


Step = tuple[Node, bool]
"""A node and whether the path goes left there."""


@dataclass
class Leaf:
    """A leaf and the way to it."""

    value: float
    path: tuple[Step, ...]

    @cached_property
    def by_feature(self) -> dict[int, list[Step]]:
        """Steps of the path by the feature they ask for."""
        steps: dict[int, list[Step]] = {}
        for step in self.path:
            steps.setdefault(step[0].feature, []).append(step)
        return steps

    @property
    def weights(self) -> list[float]:
        """Share of training rows that pass each feature's splits, in the order of `by_feature`."""
        return [
            math.prod(node.weights[0 if left else 1] for node, left in steps)
            for steps in self.by_feature.values()
        ]


@dataclass
class Group:
    """Leaves of one tree, and the nodes on their paths."""

    nodes: list[Node]
    leaves: list[Leaf]


def groups(
    node: Node, path: tuple[Step, ...] = (), *, most_nodes: int = MOST_NODES
) -> Iterator[Group]:
    """Cut a subtree into groups of leaves whose paths hold at most `most_nodes` nodes together.

    A single path that is longer is a group all the same.
    """
    if len(path) + node.inner <= most_nodes:
        yield Group(
            [n for n, _ in path] + list(_nodes_below(node)), list(_leaves_below(node, path))
        )
        return
    waiting, below = [], []
    for child, left in ((node.left, True), (node.right, False)):
        steps = (*path, (node, left))
        if isinstance(child, Node):
            below += list(groups(child, steps, most_nodes=most_nodes))
        else:
            waiting.append(Leaf(child, steps))
    if not below:
        below = [Group([n for n, _ in path] + [node], [])]
    # the paths of all groups below hold this node too, so its own leaf costs nothing more there
    min(below, key=lambda group: len(group.leaves)).leaves.extend(waiting)
    yield from below


def _nodes_below(node: Node) -> Iterator[Node]:
    yield node
    for child in (node.left, node.right):
        if isinstance(child, Node):
            yield from _nodes_below(child)


def _leaves_below(node: Node, path: tuple[Step, ...]) -> Iterator[Leaf]:
    for child, left in ((node.left, True), (node.right, False)):
        steps = (*path, (node, left))
        if isinstance(child, Node):
            yield from _leaves_below(child, steps)
        else:
            yield Leaf(child, steps)
