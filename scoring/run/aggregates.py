"""Additive aggregates of scored chunks, for the batch report."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl

from features.arrays import Floats
from features.contract.tables import SOURCES
from models.evaluation.metrics import psi
from models.policy import DataSufficiency
from scoring.run.output import REASONS, SEPARATOR
from scoring.shadow.swap_set import SwapSet, swap_counts

SCORE_STEP = 25
"""Points per bar of the histogram."""

Counts = dict[str, int]

LIMIT_BANDS = (50_000, 100_000, 200_000, 500_000, 1_000_000)
"""Limits in CNY at which the bars of the report are parted."""


@dataclass(frozen=True)
class OfferSums:
    """Sums over the offers of a batch.

    Attributes
    ----------
    offers, without_offer : int
        Offers, and approved applicants to whom none could be made.
    limit_cny, expected_loss_cny, expected_profit_cny : float
        As if every offer were taken.
    mean_rate_pct : float
        Mean over the limits, % a year; NaN without offers.
    """

    offers: int
    without_offer: int
    limit_cny: float
    mean_rate_pct: float
    expected_loss_cny: float
    expected_profit_cny: float


@dataclass(frozen=True, eq=False)
class Aggregates:
    """Counts over rows of the scored CSV.

    Attributes
    ----------
    columns : dict of column name to counts by value
        status, decision, grade, model's `first_reason` and `reasons`, flags, missing_sources; the
        empty ones are left out.
    scores : counts by the lowest score of each bar
    coverage : dict of source to counts of none, some, enough
    expected_bads : dict of grade to sum of PD, in millionths
        Whole numbers, so that the order of adding never matters.
    pd_bins : counts by bin of the development sample's PD
    money : dict of figure to its sum over the offers
        Whole CNY of limits, hundredths of % times CNY of rates, fen of losses and profits: whole
        numbers for the same reason.
    features : dict of feature to counts by bin of the development sample, the missing last
    swap : dict of figure to counts
        As of `scoring.shadow.swap_set.swap_counts`.
    """

    columns: dict[str, Counts] = field(default_factory=dict)
    scores: Counts = field(default_factory=dict)
    coverage: dict[str, Counts] = field(default_factory=dict)
    expected_bads: Counts = field(default_factory=dict)
    pd_bins: Counts = field(default_factory=dict)
    money: Counts = field(default_factory=dict)
    features: dict[str, Counts] = field(default_factory=dict)
    swap: dict[str, Counts] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        rows: pl.DataFrame,
        features: pl.DataFrame,
        *,
        development: Mapping[str, Any],
        sufficiency: DataSufficiency,
    ) -> Self:
        """Count one chunk.

        Parameters
        ----------
        rows : polars.DataFrame
            Schema `scoring.run.output.SCHEMA`.
        features : polars.DataFrame
            Feature rows of the same applicants.
        development : mapping
            `Model.development`.
        sufficiency : DataSufficiency
        """
        reasons = [f"reason_{k}" for k in range(1, REASONS + 1)]
        scored = rows.filter(pl.col("status") == "scored")
        lists = {
            "reasons": scored.select(pl.concat_list(reasons).explode()).to_series(),
            "first_reason": scored["reason_1"],
            "flags": rows["flags"].str.split(SEPARATOR).explode(),
            "missing_sources": rows["missing_sources"].str.split(SEPARATOR).explode(),
            **{name: rows[name] for name in ("status", "decision", "grade", "plan")},
            "term_months": rows["term_months"].cast(pl.String),
            "limit_band": _limit_band(rows["limit_cny"]),
        }
        bar = (scored["score"] // SCORE_STEP * SCORE_STEP).cast(pl.String)
        enough = sufficiency.known_days / sufficiency.window_days
        millionths = scored.group_by("grade").agg((pl.col("pd") * 1e6).round().sum().cast(pl.Int64))
        frozen = development.get("features", {})
        return cls(
            columns={name: _counts(values) for name, values in lists.items()},
            scores=_counts(bar),
            coverage={
                source: _counts(
                    rows.select(
                        pl.when(pl.col(f"coverage_{source}") >= enough)
                        .then(pl.lit("enough"))
                        .when(pl.col(f"coverage_{source}") > 0)
                        .then(pl.lit("some"))
                        .otherwise(pl.lit("none"))
                    ).to_series()
                )
                for source in SOURCES
            },
            expected_bads=dict(millionths.iter_rows()),
            money=_money(rows),
            pd_bins=_pd_bins(scored["pd"].to_numpy(), development.get("pd_edges", [])),
            features=_feature_bins(features, {n: bins["edges"] for n, bins in frozen.items()}),
            swap=swap_counts(rows),
        )

    @classmethod
    def total(cls, parts: Iterable["Aggregates"]) -> "Aggregates":
        """Add up."""
        whole = cls()
        for part in parts:
            for mine, theirs in (
                (whole.columns, part.columns),
                (whole.coverage, part.coverage),
                (whole.features, part.features),
                (whole.swap, part.swap),
            ):
                for name, counts in theirs.items():
                    mine[name] = _added(mine.get(name, {}), counts)
            whole.scores.update(_added(whole.scores, part.scores))
            whole.expected_bads.update(_added(whole.expected_bads, part.expected_bads))
            whole.pd_bins.update(_added(whole.pd_bins, part.pd_bins))
            whole.money.update(_added(whole.money, part.money))
        return whole

    def most(self, column: str, n: int | None = None) -> list[tuple[str, int]]:
        """Values of a column by falling count, ties by name."""
        counts = self.columns.get(column, {})
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:n]

    @property
    def offers(self) -> OfferSums:
        """Sums over the offers."""
        money = self.money
        limit = money.get("limit_cny", 0)
        return OfferSums(
            offers=money.get("offers", 0),
            without_offer=money.get("without_offer", 0),
            limit_cny=float(limit),
            mean_rate_pct=money.get("rate_hundredths", 0) / 100 / limit if limit else float("nan"),
            expected_loss_cny=money.get("expected_loss_fen", 0) / 100,
            expected_profit_cny=money.get("expected_profit_fen", 0) / 100,
        )

    @property
    def swap_set(self) -> SwapSet | None:
        """Decisions of champion and challenger side by side; None without a challenger."""
        return SwapSet.of(self.swap)

    def stability(self, development: Mapping[str, Any]) -> tuple[float | None, dict[str, float]]:
        """Population stability index of the PD, and of each feature by falling index.

        None where the model keeps no bins, or nobody was scored.
        """
        frozen = development.get("features", {})
        by_feature = {
            name: psi(frozen[name]["share"], _shares(counts, len(frozen[name]["share"])))
            for name, counts in self.features.items()
            if counts
        }
        expected = development.get("pd_share")
        of_pd = (
            psi(expected, _shares(self.pd_bins, len(expected)))
            if expected and self.pd_bins
            else None
        )
        return of_pd, dict(sorted(by_feature.items(), key=lambda item: (-item[1], item[0])))

    def vanished(self, development: Mapping[str, Any]) -> list[str]:
        """Features missing for the whole batch but not in the development sample."""
        frozen = development.get("features", {})
        return [
            name
            for name, counts in self.features.items()
            if counts
            and frozen[name]["share"][-1] < 1
            and _shares(counts, len(frozen[name]["share"]))[-1] == 1
        ]


def _money(rows: pl.DataFrame) -> Counts:
    """Sums over the offers, in whole numbers."""
    made = rows.filter(pl.col("limit_cny").is_not_null())
    refused = rows.filter(pl.col("limit_reason").is_not_null()).height - made.height
    sums = made.select(
        offers=pl.len(),
        without_offer=pl.lit(refused),
        limit_cny=pl.col("limit_cny").sum(),
        rate_hundredths=(
            (pl.col("rate_pct") * 100).round().cast(pl.Int64) * pl.col("limit_cny")
        ).sum(),
        expected_loss_fen=(pl.col("expected_loss_cny") * 100).round().cast(pl.Int64).sum(),
        expected_profit_fen=(pl.col("expected_profit_cny") * 100).round().cast(pl.Int64).sum(),
    )
    return {name: int(value) for name, value in sums.row(0, named=True).items()}


def _limit_band(limits: pl.Series) -> pl.Series:
    """Place of each limit among the bands, as text."""
    places = limits.drop_nulls().to_numpy()
    return pl.Series(np.searchsorted(LIMIT_BANDS, places, side="right").astype(str))


def _counts(values: pl.Series) -> Counts:
    kept = values.drop_nulls()
    return dict(sorted(Counter(kept.to_list()).items()))


def _pd_bins(pd: Floats, edges: list[float]) -> Counts:
    if not len(pd):
        return {}
    bins = np.bincount(np.searchsorted(edges, pd, side="right"), minlength=len(edges) + 1)
    return {str(k): int(count) for k, count in enumerate(bins)}


def _feature_bins(features: pl.DataFrame, edges: Mapping[str, list[float]]) -> dict[str, Counts]:
    """Count each feature's values by bin, the missing last; all features at once."""
    names = [name for name in features.columns if name in edges]
    if features.is_empty() or not names:
        return {name: {} for name in names}
    values = features.select(pl.col(names).cast(pl.Float64)).to_numpy()
    inner = np.array([len(edges[name]) for name in names])
    bins = np.zeros(values.shape, dtype=np.int64)
    for level in range(inner.max()):
        # no value lies above NaN, so that short lists of edges end there
        cut = [edges[name][level] if level < len(edges[name]) else np.nan for name in names]
        bins += values >= np.array(cut)
    bins = np.where(np.isnan(values), inner + 1, bins)
    width = int(inner.max()) + 2
    counts = np.bincount(
        (bins + width * np.arange(len(names))).ravel(), minlength=width * len(names)
    ).reshape(-1, width)
    return {
        name: {str(k): int(count) for k, count in enumerate(row[: n + 2])}
        for name, n, row in zip(names, inner, counts, strict=True)
    }


def _shares(counts: Counts, bins: int) -> list[float]:
    total = sum(counts.values())
    return [counts.get(str(k), 0) / total for k in range(bins)]


def _added(mine: Counts, theirs: Counts) -> Counts:
    return {key: mine.get(key, 0) + theirs.get(key, 0) for key in sorted({*mine, *theirs})}
