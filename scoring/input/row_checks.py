"""Checks of rows that name an id: rules, repeated ids, and the problems they find.

A problem is a row of line, id, column, value and problem; several may lie on one line.
"""

from collections.abc import Mapping, Sequence

import polars as pl

Schema = Mapping[str, pl.DataType | type[pl.DataType]]

Rule = tuple[str, pl.Expr | pl.Series, str]
"""Column, rows that break the rule, and what is wrong with them."""

UNKNOWN_FIRM = "no signal table names this firm; check the id and that its signals were delivered"

_LONGEST_ID = 100
_CONTROLS = r"[\x00-\x1f\x7f]"


def id_rules(columns: Sequence[str]) -> list[Rule]:
    """Rules that hold for every id: no longer than 100 characters, no control character."""
    rules: list[Rule] = []
    for name in columns:
        text = pl.col(name)
        long = text.str.len_chars() > _LONGEST_ID
        rules.append((name, long, f"is longer than {_LONGEST_ID} characters"))
        control = text.str.contains(_CONTROLS)
        rules.append((name, control, "holds a line break or another control character"))
    return rules


def broken(frame: pl.DataFrame, rules: Sequence[Rule], schema: Schema) -> list[pl.DataFrame]:
    """Problems of each rule that any row breaks.

    Parameters
    ----------
    frame : polars.DataFrame
        With `line` and the id that `schema` names.
    """
    if not rules:
        return []
    hits = frame.select(bad.alias(str(k)) for k, (_, bad, _) in enumerate(rules))
    some = hits.select(pl.all().any()).row(0)
    return [
        frame.filter(hits[str(k)])
        .with_columns(
            column=pl.lit(column), value=pl.col(column).cast(pl.String), problem=pl.lit(text)
        )
        .select(*schema)
        for k, (column, _, text) in enumerate(rules)
        if some[k]
    ]


def repeated(
    frame: pl.DataFrame, key: str, schema: Schema, *, besides: Sequence[str] = ("line",)
) -> list[pl.DataFrame]:
    """Problems of exact duplicates, and of all rows of an id that contradict each other.

    Parameters
    ----------
    besides : sequence of str
        Columns that may differ between duplicates.
    """
    if not frame[key].is_duplicated().any():
        return []
    content = [name for name in frame.columns if name not in besides]
    marked = frame.with_columns(
        copies=pl.len().over(key),
        same=pl.struct(content).n_unique().over(key),
        first=pl.col("line").min().over(key),
    ).filter(pl.col("copies") > 1)
    again = (pl.col("same") == 1) & (pl.col("line") > pl.col("first"))
    return [
        marked.filter(again | (pl.col("same") > 1))
        .with_columns(
            problem=pl.when(again)
            .then(pl.format("repeats line {}", pl.col("first")))
            .otherwise(pl.format("{} rows with this id contradict each other", pl.col("copies"))),
            column=pl.lit(key),
            value=pl.col(key),
        )
        .select(*schema)
    ]


def in_file_order(problems: Sequence[pl.DataFrame], schema: Schema) -> pl.DataFrame:
    """All problems by line."""
    if not problems:
        return pl.DataFrame(schema=schema)
    return pl.concat(problems).sort("line", maintain_order=True, nulls_last=True)
