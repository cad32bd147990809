"""Swap set: applicants whom champion and challenger decide differently, added up over chunks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import polars as pl

from scoring.run.output import REASONS

Counts = dict[str, int]

_TO = "\x1f"  # unit separator: no name of a grade holds it
_CHAMPION, _SHADOW = "pd", "shadow_pd"


def swap_counts(rows: pl.DataFrame) -> dict[str, Counts]:
    """Counts of one chunk, to be added up; nothing without a challenger.

    Parameters
    ----------
    rows : polars.DataFrame
        Schemas `scoring.run.output.SCHEMA` and, with a challenger, `SHADOW`.

    Returns
    -------
    dict of str to counts
        `decision` and `grade` by those of champion and challenger; sums of both PDs
        by those decisions, in millionths; `shared_reasons`; `reasons` in all by champion.
    """
    if "shadow_decision" not in rows.columns:
        return {}
    sums = _pairs(rows, "decision")
    scored = rows.filter(pl.col("shared_reasons").is_not_null())
    shared = scored.group_by("shared_reasons").len().sort("shared_reasons")
    named = scored.select(
        pl.sum_horizontal(pl.col(f"reason_{k}").is_not_null() for k in range(1, REASONS + 1)).sum()
    ).item()
    return {
        "decision": dict(sums.select("pair", "len").iter_rows()),
        _CHAMPION: dict(sums.select("pair", _CHAMPION).iter_rows()),
        _SHADOW: dict(sums.select("pair", _SHADOW).iter_rows()),
        "scored": dict(sums.select("pair", "scored").iter_rows()),
        "grade": dict(_pairs(scored, "grade").select("pair", "len").iter_rows()),
        "shared_reasons": {str(number): count for number, count in shared.iter_rows()},
        "reasons": {"champion": int(named or 0)},
    }


def _pairs(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    pair = pl.format("{}" + _TO + "{}", column, f"shadow_{column}")
    return (
        rows.group_by(pair.alias("pair"))
        .agg(
            pl.len(),
            # whole numbers, so that the order of adding never matters
            pl.col(_CHAMPION, _SHADOW).mul(1e6).round().sum().cast(pl.Int64),
            scored=pl.col("shared_reasons").count(),
        )
        .sort("pair")
    )


@dataclass(frozen=True)
class Swap:
    """Applicants with one pair of decisions.

    Attributes
    ----------
    champion, shadow : str
        Decisions.
    applicants : int
    pd, shadow_pd : float
        Mean PD by each; NaN where nobody is scored.
    """

    champion: str
    shadow: str
    applicants: int
    pd: float
    shadow_pd: float

    @property
    def changes_side(self) -> bool:
        """Whether the two decide differently."""
        return self.champion != self.shadow


@dataclass(frozen=True)
class SwapSet:
    """Decisions of champion and challenger side by side.

    Attributes
    ----------
    swaps : tuple of Swap
        Every pair of decisions that occurs; those that change sides first, the largest first.
    grades : mapping of (str, str) to int
        Applicants by both grades.
    agreement : float
        Share of the champion's reasons that the challenger names too; NaN without reasons.
    applicants, changed : int
        All, and those whose decision changes.
    """

    swaps: tuple[Swap, ...]
    grades: Mapping[tuple[str, str], int]
    agreement: float
    applicants: int
    changed: int

    @classmethod
    def of(cls, counts: Mapping[str, Counts]) -> Self | None:
        """Read what `swap_counts` gave, added up; None without a challenger."""
        if "decision" not in counts:
            return None
        swaps = [
            Swap(
                *_two(pair),
                applicants=number,
                pd=_mean(counts, _CHAMPION, pair),
                shadow_pd=_mean(counts, _SHADOW, pair),
            )
            for pair, number in counts["decision"].items()
        ]
        named = counts["reasons"].get("champion", 0)
        shared = sum(int(k) * count for k, count in counts["shared_reasons"].items())
        return cls(
            swaps=tuple(
                sorted(
                    swaps,
                    key=lambda swap: (not swap.changes_side, -swap.applicants, swap.champion),
                )
            ),
            grades={_two(pair): count for pair, count in counts["grade"].items()},
            agreement=shared / named if named else float("nan"),
            applicants=sum(swap.applicants for swap in swaps),
            changed=sum(swap.applicants for swap in swaps if swap.changes_side),
        )


def _mean(counts: Mapping[str, Counts], column: str, pair: str) -> float:
    scored = counts["scored"].get(pair, 0)
    return counts[column][pair] / 1e6 / scored if scored else float("nan")


def _two(pair: str) -> tuple[str, str]:
    first, second = pair.split(_TO)
    return first, second
