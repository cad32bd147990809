"""Tables of SHAP values for every pattern of decisions of a group of leaves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from features.arrays import Array, Floats, Int64s
from scoring.shap_values.leaf_groups import (
    MOST_NODES,
    Group,
    Leaf,
    Node,
    Tree,
    UnsupportedTreesError,
    groups,
)

_MOST_BITS = 12


@dataclass(frozen=True, eq=False)
class GroupTable:
    """Margin and SHAP values of a group of leaves for every pattern of decisions.

    Bit k of a pattern is set where a row goes left at node k.

    Attributes
    ----------
    nodes : list of Node
    features : list of int
        Columns that the paths ask for, ascending.
    margin : ndarray of shape (2**n_nodes,)
        Value of the leaf that a row with this pattern reaches; 0 where it is in another group.
    contributions : ndarray of shape (n_features, 2**n_nodes)
    """

    nodes: list[Node]
    features: list[int]
    margin: Floats
    contributions: Floats


def tables_of(tree: Tree, *, most_nodes: int = MOST_NODES) -> Iterator[GroupTable]:
    """Tabulate the groups of one tree.

    Parameters
    ----------
    tree : Tree
    most_nodes : int
        Nodes on the paths of a group. More make fewer groups and longer tables.

    Raises
    ------
    UnsupportedTreesError
        If a path is too long.
    """
    if tree.root is None:
        return
    leaf_groups = list(groups(tree.root, most_nodes=most_nodes))
    unit = _unit_values([leaf for group in leaf_groups for leaf in group.leaves])
    for group in leaf_groups:
        yield _table_of(group, unit)


def _table_of(group: Group, unit: dict[int, Floats]) -> GroupTable:
    bits = len(group.nodes)
    if bits > _MOST_BITS:
        raise UnsupportedTreesError(f"a path of {bits} nodes")
    features = sorted({node.feature for leaf in group.leaves for node, _ in leaf.path})
    slot = {feature: k for k, feature in enumerate(features)}
    margin = np.zeros(2**bits)
    contributions = np.zeros((len(features), 2**bits))
    bit = {node.position: k for k, node in enumerate(group.nodes)}
    decided = _decisions(bits)
    for leaf in group.leaves:
        code = np.zeros(2**bits, dtype=np.int64)
        for k, steps in enumerate(leaf.by_feature.values()):
            passed = decided[bit[steps[0][0].position], int(steps[0][1])]
            for node, left in steps[1:]:
                passed = passed & decided[bit[node.position], int(left)]
            code |= passed << k
        values = unit[id(leaf)]
        for k, feature in enumerate(leaf.by_feature):
            contributions[slot[feature]] += leaf.value * values[k, code]
        margin[code == 2 ** len(leaf.by_feature) - 1] += leaf.value
    return GroupTable(group.nodes, features, margin, contributions)


class Builder:
    """Collects the arrays of `TreeTables` tree by tree."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tree_nodes, self.tree_groups = [0], [0]
        self.group_bits, self.bit_node = [0], list[int]()
        self.group_slots, self.slot_feature, self.slot_table = [0], list[int](), [0]
        self.pieces: list[Floats] = []

    def add(self, tree: Tree) -> None:
        """Tabulate one tree.

        Raises
        ------
        UnsupportedTreesError
            If a path is too long.
        """
        if tree.root is not None:
            self.nodes += tree.nodes
            for group in tables_of(tree):
                self._add_group(group)
        self.tree_nodes.append(len(self.nodes))
        self.tree_groups.append(len(self.group_bits) - 1)

    def _add_group(self, group: GroupTable) -> None:
        self.bit_node += [node.position for node in group.nodes]
        self.group_bits.append(len(self.bit_node))
        self.slot_feature += group.features
        self.group_slots.append(len(self.slot_feature))
        for row in group.contributions:
            self.pieces.append(row)
            self.slot_table.append(self.slot_table[-1] + len(row))

    def arrays(self) -> dict[str, Array]:
        """Give the arrays of `scoring.shap_values.tree_tables.TreeTables`, by name."""
        positions = {
            "node_feature": [node.feature for node in self.nodes],
            "tree_nodes": self.tree_nodes,
            "tree_groups": self.tree_groups,
            "group_bits": self.group_bits,
            "bit_node": self.bit_node,
            "group_slots": self.group_slots,
            "slot_feature": self.slot_feature,
            "slot_table": self.slot_table,
        }
        return {
            **{name: np.array(values, dtype=np.int64) for name, values in positions.items()},
            "threshold": np.array([node.threshold for node in self.nodes], dtype=np.float64),
            "node_nan_left": np.array([node.nan_left for node in self.nodes], dtype=np.bool_),
            "table": np.concatenate([np.empty(0), *self.pieces]),
        }


@cache
def _subset_weights(d: int) -> Floats:
    """Weigh a subset of k among d - 1 others: k! (d - 1 - k)! / d!, for k = 0 ... d - 1."""
    weights = [1.0 / d]
    for k in range(1, d):
        weights.append(weights[-1] * k / (d - k))
    return np.array(weights)


def _unit_values(leaves: Sequence[Leaf]) -> dict[int, Floats]:
    """`_unit_shap` of each leaf, by the leaf's id."""
    by_length: dict[int, list[Leaf]] = {}
    for leaf in leaves:
        by_length.setdefault(len(leaf.by_feature), []).append(leaf)
    return {
        id(leaf): values
        for alike in by_length.values()
        for leaf, values in zip(
            alike, _unit_shap(np.array([leaf.weights for leaf in alike])), strict=True
        )
    }


def _unit_shap(z: Floats) -> Floats:
    """SHAP values of leaves of value 1, for every pattern of passed features.

    Parameters
    ----------
    z : ndarray of shape (n_leaves, d)
        Share of training rows that pass each feature's splits.

    Returns
    -------
    ndarray of shape (n_leaves, d, 2**d)
        In pattern p the splits of feature i are passed if bit i of p is set.
    """
    n, d = z.shape
    passed = ((np.arange(2**d) >> np.arange(d)[:, None]) & 1).astype(np.float64)
    weights = _subset_weights(d)
    out = np.empty((n, d, 2**d))
    for j in range(d):
        # coefficients in t of prod over i != j of (z_i + o_i t): subsets by size
        sizes = np.zeros((d, n, 2**d))
        sizes[0] = 1.0
        for k, i in enumerate(i for i in range(d) if i != j):
            sizes[1 : k + 2] = sizes[1 : k + 2] * z[:, i, None] + sizes[: k + 1] * passed[i]
            sizes[0] *= z[:, i, None]
        out[:, j] = (passed[j] - z[:, j, None]) * np.tensordot(weights, sizes, axes=1)
    return out


@cache
def _decisions(bits: int) -> Int64s:
    """For each bit whether it is 0 and whether it is 1 in each pattern: (bits, 2, 2**bits)."""
    ones = (np.arange(2**bits) >> np.arange(bits)[:, None]) & 1
    return np.stack([1 - ones, ones], axis=1)
