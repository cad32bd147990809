"""Exact SHAP values of LightGBM trees for large batches, from tables of decision patterns.

The game is that of path-dependent TreeSHAP (Lundberg et al. 2020, "From local explanations to
global understanding with explainable AI for trees", algorithm 2), which LightGBM's `pred_contrib`
plays too: a split on an unknown feature sends a row both ways, weighted by the training rows that
went there. For one leaf of value v with the features F on its path,

    w(S) = v * prod(o_f for f in S) * prod(z_f for f in F but not in S)

where o_f is 1 if the row passes every split on f, and z_f is the product of those splits' weights.
The Shapley values depend on the row only through the o_f, hence on the decisions at the nodes of
the path. So each tree is cut into groups of leaves whose paths together hold at most eight nodes;
for each pattern of decisions the values of all leaves of a group are added up beforehand, and a
row costs one look-up per group and feature. (woodelf tabulates patterns leaf by leaf: Nadel and
Wettenstein 2025, "From decision trees to Boolean logic: a fast and unified SHAP algorithm".)
"""

import importlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from features.arrays import Bools, Floats, Int64s
from scoring.shap_values.leaf_groups import Tree, UnsupportedTreesError
from scoring.shap_values.table_builder import Builder

_BLOCK = 512
"""Rows worked on at once."""


@dataclass(frozen=True, eq=False)
class TreeTables:
    """The look-up tables of one model.

    Attributes
    ----------
    n_features : int
    node_feature, node_nan_left : ndarrays of shape (n_nodes,), int64 and bool
    threshold : ndarray of shape (n_nodes,)
        A row goes left if its value is not above it, or is missing and `node_nan_left`.
    tree_nodes : ndarray of shape (n_trees + 1,)
        Where each tree's nodes begin.
    tree_groups : ndarray of shape (n_trees + 1,)
        Where each tree's groups begin.
    group_bits, bit_node : ndarrays
        Where each group's nodes begin in `bit_node`, which holds positions within the tree.
    group_slots, slot_feature, slot_table : ndarrays
        Where each group's features begin; their column, and where their table begins.
    table : ndarray of shape (sum over slots of 2**bits,)
    """

    n_features: int
    node_feature: Int64s
    threshold: Floats
    node_nan_left: Bools
    tree_nodes: Int64s
    tree_groups: Int64s
    group_bits: Int64s
    bit_node: Int64s
    group_slots: Int64s
    slot_feature: Int64s
    slot_table: Int64s
    table: Floats

    @classmethod
    def of(cls, booster: Any) -> "TreeTables":  # noqa: ANN401 - LightGBM ships no types
        """Tabulate a LightGBM booster.

        Raises
        ------
        UnsupportedTreesError
            If a tree has something that the tables cannot hold; use `pred_contrib` then.
        """
        dump = booster.dump_model()
        if dump.get("average_output"):
            raise UnsupportedTreesError("a random forest averages its trees")
        builder = Builder()
        for tree in dump["tree_info"]:
            builder.add(Tree.of(tree["tree_structure"]))
        return cls(n_features=booster.num_feature(), **builder.arrays())

    def contributions(self, X: Floats) -> Floats:
        """SHAP values of the margin.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), NaN where missing

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        out = np.zeros((self.n_features, len(X)))
        _kernel()(
            np.ascontiguousarray(X.T, dtype=np.float64),
            self.node_feature,
            self.threshold,
            self.node_nan_left,
            self.tree_nodes,
            self.tree_groups,
            self.group_bits,
            self.bit_node,
            self.group_slots,
            self.slot_feature,
            self.slot_table,
            self.table,
            out,
        )
        return np.ascontiguousarray(out.T)


@cache
def _kernel() -> Any:  # noqa: ANN401 - numba ships no types
    """Compile the loop over rows, once per installation: numba keeps the result on disk."""
    numba = importlib.import_module("numba")
    return numba.njit(cache=True, nogil=True, error_model="numpy")(_look_up)


def _look_up(  # noqa: C901, PLR0912, PLR0917 - one nest of loops, for the compiler
    XT: Floats,
    node_feature: Int64s,
    threshold: Floats,
    node_nan_left: Bools,
    tree_nodes: Int64s,
    tree_groups: Int64s,
    group_bits: Int64s,
    bit_node: Int64s,
    group_slots: Int64s,
    slot_feature: Int64s,
    slot_table: Int64s,
    table: Floats,
    out: Floats,
) -> None:
    """Add every tree's SHAP values to `out`, shape (n_features, n_samples)."""
    n = XT.shape[1]
    most = 1
    for t in range(len(tree_nodes) - 1):
        most = max(most, tree_nodes[t + 1] - tree_nodes[t])
    left = np.empty((most, _BLOCK), dtype=np.int32)
    pattern = np.empty(_BLOCK, dtype=np.int32)
    for start in range(0, n, _BLOCK):
        rows = min(_BLOCK, n - start)
        for t in range(len(tree_nodes) - 1):
            first = tree_nodes[t]
            for node in range(first, tree_nodes[t + 1]):
                x = XT[node_feature[node], start : start + rows]
                cut, nan_left, to = threshold[node], node_nan_left[node], left[node - first]
                if nan_left:
                    for r in range(rows):
                        to[r] = not (x[r] > cut)  # true of NaN as well
                else:
                    for r in range(rows):
                        to[r] = x[r] <= cut
            for g in range(tree_groups[t], tree_groups[t + 1]):
                for r in range(rows):
                    pattern[r] = 0
                for b in range(group_bits[g], group_bits[g + 1]):
                    bit, source = b - group_bits[g], left[bit_node[b]]
                    for r in range(rows):
                        pattern[r] |= source[r] << bit
                for s in range(group_slots[g], group_slots[g + 1]):
                    cell = table[slot_table[s] : slot_table[s + 1]]
                    target = out[slot_feature[s], start : start + rows]
                    for r in range(rows):
                        target[r] += cell[pattern[r]]
