"""Suggestions which features to drop, each with its reason; thresholds are usual practice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

MOST_MISSING = 0.95
"""Share of missing values above which a feature says too little."""

LEAST_IV = 0.02
"""Information value below which a feature is commonly called useless."""

MOST_PSI = 0.25
"""Population stability index from which a quarter is commonly called another population."""

MOST_SEPARATED = 5
"""Bads beyond the values of all goods from which it is no accident (assumed)."""


def suggestions(features: pl.DataFrame) -> pl.DataFrame:
    """Why each feature might be dropped, null where nothing speaks against it.

    Parameters
    ----------
    features : DataFrame
        Columns of `models.inspection.inspect.FEATURES` but for those of this function.

    Returns
    -------
    DataFrame with columns drop and drop_because
        Name of the first rule that holds, and its words.
    """
    best = _best_of_groups(features)
    found = [
        next(
            ((name, text) for name, rule in RULES.items() if (text := rule(row, best)) is not None),
            (None, None),
        )
        for row in features.iter_rows(named=True)
    ]
    schema = {"drop": pl.String, "drop_because": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row")


def _best_of_groups(features: pl.DataFrame) -> dict[int, str]:
    """The feature of each group with the largest information value, or else the fewest missing."""
    ranked = features.sort(
        pl.col("iv").fill_null(0.0), -pl.col("missing_share"), descending=True, maintain_order=True
    )
    firsts = ranked.unique("group", keep="first", maintain_order=True)
    return dict(firsts.select("group", "feature").iter_rows())


def _constant(row: Mapping[str, Any], _: Mapping[int, str]) -> str | None:
    return "constant" if row["distinct"] <= 1 else None


def _missing(row: Mapping[str, Any], _: Mapping[int, str]) -> str | None:
    share = row["missing_share"]
    return f"missing in {share:.0%} of the rows" if share >= MOST_MISSING else None


def _separates(row: Mapping[str, Any], _: Mapping[int, str]) -> str | None:
    bads = row["separated_bads"] or 0
    if bads < MOST_SEPARATED:
        return None
    return f"{bads:,} bads lie beyond all goods: may it know the outcome?"


def _weak(row: Mapping[str, Any], _: Mapping[int, str]) -> str | None:
    if row["iv"] is None or row["iv"] >= max(LEAST_IV, row["chance_iv"]):
        return None
    return f"IV {row['iv']:.3f}, and chance alone gives up to {row['chance_iv']:.3f}"


def _against_sign(row: Mapping[str, Any], _: Mapping[int, str]) -> str | None:
    if not row["against_sign"]:
        return None
    expected = "raise" if row["sign"] > 0 else "lower"
    return f"should {expected} the risk, its AUC of {row['auc']:.3f} says the opposite"


def _unstable(row: Mapping[str, Any], _: Mapping[int, str]) -> str | None:
    if row["psi_max"] is None or row["psi_max"] < MOST_PSI:
        return None
    return f"PSI {row['psi_max']:.2f} in {row['psi_quarter']}"


def _redundant(row: Mapping[str, Any], best: Mapping[int, str]) -> str | None:
    kept = best[row["group"]]
    return None if kept == row["feature"] else f"repeats {kept}"


RULES: Mapping[str, Callable[[Mapping[str, Any], Mapping[int, str]], str | None]] = {
    "constant": _constant,
    "missing": _missing,
    "against_sign": _against_sign,
    "separates": _separates,
    "weak": _weak,
    "unstable": _unstable,
    "redundant": _redundant,
}
"""Rules in the order in which they are asked."""
