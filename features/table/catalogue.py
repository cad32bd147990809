"""The feature table: every feature there is, its fingerprint, and its printed form."""

import hashlib
import re
from collections.abc import Sequence
from functools import cache

import polars as pl

from features.table.cross_source import COVERAGE, CROSS_SOURCE
from features.table.ecommerce import ECOMMERCE
from features.table.electricity import ELECTRICITY
from features.table.feature import Feature, check_table
from features.table.formula import Formula
from features.table.frames import FRAMES, HORIZON_DAYS, PERIODS
from features.table.logistics import LOGISTICS
from features.table.peers import PEERS
from features.table.register import REGISTER
from features.table.tax import TAX

FEATURES: tuple[Feature, ...] = check_table(
    (
        *REGISTER,
        *COVERAGE,
        *TAX,
        *ELECTRICITY,
        *LOGISTICS,
        *ECOMMERCE,
        *CROSS_SOURCE,
        *PEERS,
    )
)
"""Every feature, in the order of the feature matrix."""


@cache
def feature_names() -> tuple[str, ...]:
    """Columns of the feature matrix, in order."""
    return tuple(feature.name for feature in FEATURES)


_MARKS = tuple(
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"dyn (?:int|float): ", ""),
        (r'col\("(\w+)"\)', r"\1"),
        (r"\.strict_cast\(Float64\)", ""),
        (r"\.log\(\[2\.71\d+\]\)", ".log()"),
        (r"\(\[(-?[\w.]+)\]\)", r"(\1)"),
        (r"(?<!\w)\((-?[\w.]+)\)", r"\1"),
        (r"^\.when", "when"),
        (r"\.otherwise\(null\)", ""),
    )
)

ENGINE = 2
"""Raise it when a column of `features.table.frames` is computed in another way than before."""


@cache
def fingerprint() -> str:
    """Hash of names, windows, formulas and what they read: the same hash, the same figures."""
    return fingerprint_of(FEATURES)


def fingerprint_of(features: Sequence[Feature]) -> str:
    """Hash of a table of features and of the frames that it reads."""
    read = {feature.frame for feature in features}
    lines = [
        f"engine {ENGINE}",
        f"{HORIZON_DAYS} days, periods {dict(PERIODS)}",
        *(f"{f.name}\t{f.kind.name}\t{dict(f.derived)}" for f in FRAMES.values() if f.name in read),
        *(f"{f.name}\t{f.frame}\t{f.days}\t{f.formula.expression}" for f in features),
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def in_words(formula: Formula) -> str:
    """Write a formula for people: a ratio with its bar, nothing that only the engine needs."""
    parts = [formula.value] if formula.denominator is None else [formula.value, formula.denominator]
    return " / ".join(map(_plain, parts))


def _plain(expression: pl.Expr) -> str:
    text = str(expression)
    for pattern, plain in _MARKS:
        text = pattern.sub(plain, text)
    return text


def as_table() -> pl.DataFrame:
    """Build the catalogue for people.

    Returns
    -------
    polars.DataFrame
        name, source, window (days, empty if none), formula, unit, sign, meaning, meaning_zh,
        theme, reference, note; one row per feature.
    """
    return pl.DataFrame(
        {
            "name": [f.name for f in FEATURES],
            "source": [f.source for f in FEATURES],
            "window": pl.Series([f.days or None for f in FEATURES], dtype=pl.Int32),
            "formula": [in_words(f.formula) for f in FEATURES],
            "unit": [f.unit for f in FEATURES],
            "sign": pl.Series([f.sign for f in FEATURES], dtype=pl.Int8),
            "meaning": [f.meaning for f in FEATURES],
            "meaning_zh": [f.meaning_zh for f in FEATURES],
            "theme": [f.theme for f in FEATURES],
            "reference": [f.reference for f in FEATURES],
            "note": [f.note for f in FEATURES],
        }
    )
