"""Lookup tables of a model: with them a few joins give margin and SHAP values of any row.

A tree is cut into groups of leaves (`scoring.shap_values.leaf_groups`), and each feature of a
scorecard is a group. The decisions of a row at the nodes of a group add up to its pattern, and a
pattern has one margin and one SHAP value of each feature.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from features.contract.errors import ContractError
from features.contract.tables import SOURCE_NAMES, SOURCES
from models.estimators.lightgbm_trees import Trees
from models.estimators.scorecard import Scorecard
from models.explanation.feature_themes import feature_themes
from models.explanation.reasons import ABSENT_THEMES
from scoring.shap_values.leaf_groups import Tree, UnsupportedTreesError
from scoring.shap_values.table_builder import tables_of
from scoring.text.reason_text import feature_texts, no_record_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from features.arrays import Array
    from models.estimators.model import Model

MOST_NODES = 6
"""Nodes of a group; fewer than for scoring in memory, where long tables cost nothing to load."""

INT, DOUBLE, TEXT = pl.Int64(), pl.Float64(), pl.String()
SCHEMAS: Mapping[str, Mapping[str, pl.DataType]] = {
    "feature": {
        "feature_no": INT,
        "feature": TEXT,
        "theme_no": INT,
        "theme": TEXT,
        "sign": INT,
        "typical": DOUBLE,
        "own_source": INT,
        "gone_with": INT,
    },
    "part": {"feature_no": INT, "part_no": INT},
    "node": {
        "group_no": INT,
        "feature_no": INT,
        "threshold": DOUBLE,
        "if_not_above": INT,
        "if_above": INT,
        "if_missing": INT,
        "if_typical": INT,
    },
    "margin": {"group_no": INT, "pattern": INT, "margin": DOUBLE},
    "shap": {"group_no": INT, "pattern": INT, "feature_no": INT, "contribution": DOUBLE},
    "reason_text": {
        "reason": TEXT,
        "feature": TEXT,
        "is_missing": INT,
        "reason_text": TEXT,
        "reason_zh": TEXT,
    },
}
"""Columns of each lookup table, in order of use.

feature      features of the model; `own_source` and `gone_with` are sources by number, from 0: that
             which a feature is made from, and that without which it is missing or says nothing
part         what each feature over others is made from, in the end
node         what a value adds to the pattern of its group
margin, shap log-odds of a pattern, and the part of each feature in it
reason_text  words of a reason, by the feature that stands for it
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class LookupTables:
    """Lookup tables of a model.

    Attributes
    ----------
    intercept : float
        Margin before any group is added, in log-odds.
    tables : mapping of str to DataFrame
        By the names of `SCHEMAS`.
    """

    intercept: float
    tables: Mapping[str, pl.DataFrame]

    @classmethod
    def of(cls, model: Model) -> LookupTables:
        """Tabulate a model.

        Raises
        ------
        ContractError
            If its trees have paths too long to be tabulated.
        """
        typical = np.array([model.typical.get(name, np.nan) for name in model.feature_names])
        intercept, groups = _groups(model, typical)
        rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in SCHEMAS}
        rows["feature"], rows["part"] = _features(model.feature_names, typical)
        rows["reason_text"] = _reason_texts(model.feature_names, rows["feature"], typical)
        for number, group in enumerate(groups):
            rows["node"] += [(number, *node) for node in group.nodes]
            patterns = range(len(group.margin))
            rows["margin"] += zip(
                [number] * len(patterns), patterns, group.margin.tolist(), strict=True
            )
            for feature, values in zip(group.features, group.contributions, strict=True):
                rows["shap"] += [(number, k, feature, v) for k, v in enumerate(values.tolist())]
        return cls(
            intercept=intercept,
            tables={
                name: pl.DataFrame(rows[name], schema=dict(schema), orient="row")
                for name, schema in SCHEMAS.items()
            },
        )


@dataclass(frozen=True, eq=False)
class _Group:
    """A group of leaves, or a feature of a scorecard; `nodes` without its number."""

    nodes: list[tuple[int, float, int, int, int, int]]
    features: list[int]
    margin: Array
    contributions: Array


def _groups(model: Model, typical: Array) -> tuple[float, list[_Group]]:
    """Intercept and groups of any estimator."""
    estimator = model.estimator
    if isinstance(estimator, Scorecard):
        return estimator.intercept, _of_scorecard(estimator, typical)
    if not isinstance(estimator, Trees):
        raise TypeError(f"no lookup tables for {type(estimator).__name__}")
    try:
        return _of_trees(estimator, typical)
    except UnsupportedTreesError as error:
        raise ContractError(
            f"model {model.label}: its trees cannot be written as SQL: {error}. Train with fewer "
            "leaves or a smaller max_depth."
        ) from None


def _of_trees(trees: Trees, typical: Array) -> tuple[float, list[_Group]]:
    intercept, groups = 0.0, []
    for plain in trees.booster.dump_model()["tree_info"]:
        structure = plain["tree_structure"]
        tree = Tree.of(structure)
        if tree.root is None:
            intercept += float(structure["leaf_value"])
        for table in tables_of(tree, most_nodes=MOST_NODES):
            nodes = []
            for bit, node in enumerate(table.nodes):
                left, missing = 1 << bit, int(node.nan_left) << bit
                nodes.append(
                    _node(node.feature, node.threshold, (left, 0, missing), typical[node.feature])
                )
            groups.append(_Group(nodes, table.features, table.margin, table.contributions))
    return intercept, groups


def _of_scorecard(card: Scorecard, typical: Array) -> list[_Group]:
    """One group a feature: the pattern is the number of edges reached, or one more if missing."""
    groups = []
    for binned in card.features:
        missing = len(binned.edges) + 1
        woe = np.array([*binned.woe, binned.woe_missing])
        # an edge belongs to the bin above it, a threshold to the side below
        edges = [math.nextafter(edge, -math.inf) for edge in binned.edges]
        steps = [(edge, (0, 1, 0 if k else missing)) for k, edge in enumerate(edges)]
        nodes = [
            _node(binned.column, edge, adds, typical[binned.column])
            for edge, adds in steps or [(0.0, (0, 0, missing))]
        ]
        groups.append(
            _Group(
                nodes,
                [binned.column],
                binned.coefficient * woe,
                (binned.coefficient * (woe - binned.woe_mean))[None],
            )
        )
    return groups


def _node(
    feature: int, threshold: float, adds: tuple[int, int, int], typical: float
) -> tuple[int, float, int, int, int, int]:
    """Make a row of the table `node`; `adds` if not above the threshold, above, and missing.

    No dialect shares a literal of infinity: where nothing is above the threshold, both sides add
    the same, and the lowest double stands for minus infinity.
    """
    below, above, missing = adds
    if threshold == math.inf:
        threshold, above = 0.0, below
    threshold = max(threshold, -sys.float_info.max)
    at_typical = missing if math.isnan(typical) else below if typical <= threshold else above
    return feature, threshold, below, above, missing, at_typical


def _features(
    names: tuple[str, ...], typical: Array
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Rows of the tables `feature` and `part`."""
    known = feature_themes(names)
    own: dict[int, int] = {}
    gone_with: dict[int, int] = {}
    for number, source in enumerate(known.sources):
        own |= dict.fromkeys(source.own_columns.tolist(), number)
        if len(source.own_columns):
            gone_with |= dict.fromkeys(source.with_coverage.tolist(), number)
    features: list[tuple[object, ...]] = [
        (
            column,
            name,
            int(known.theme_of[column]),
            known.themes[known.theme_of[column]],
            int(known.sign[column]),
            None if math.isnan(typical[column]) else float(typical[column]),
            own.get(column),
            gone_with.get(column),
        )
        for column, name in enumerate(names)
    ]
    over, made_from = known.over
    parts: list[tuple[object, ...]] = [
        (int(column), int(part))
        for place, column in enumerate(over)
        for part in np.flatnonzero(made_from[:, place])
    ]
    return features, parts


def _reason_texts(
    names: Sequence[str], features: Sequence[tuple[object, ...]], typical: Array
) -> list[tuple[object, ...]]:
    """Rows of the table `reason_text`: of each feature, known or missing, and of whole sources."""
    rows: list[tuple[object, ...]] = []
    for column, name in enumerate(names):
        theme = features[column][3]
        usual = None if math.isnan(typical[column]) else float(typical[column])
        rows += [
            (theme, name, int(missing), *feature_texts(name, usual, is_missing=missing))
            for missing in (False, True)
        ]
    for theme, sources in ABSENT_THEMES.items():
        rows.append((theme, "", 0, *no_record_texts(sources)))
    for source in SOURCES:
        english, chinese = SOURCE_NAMES[source]
        rows.append(
            (f"thin_{source}", "", 0, f"{english} record: too short", f"{chinese}数据：时间过短")
        )
    return rows
