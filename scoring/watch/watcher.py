"""Watch open loans whose signals are in memory: behaviour PD, rules, action and reasons."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from features.arrays import Bools, Floats, Int64s
from features.contract.tables import SOURCES, TABLES, empty
from features.io.loan_outcomes import DAYS_PAST_DUE, ENDED
from features.io.signal_reader import Signals
from features.loan.build import build_loan_features
from scoring.run.output import SEPARATOR
from scoring.scorer import Scorer
from scoring.watch.book import Book
from scoring.watch.columns import CLOSED, DEFAULT_GRADE, INSUFFICIENT, SCHEMA, WATCHED
from scoring.watch.policy import WatchPolicy

_LAG = pl.duration(days=TABLES["loan_months"].lag_days)
_AFTER_TERM = 90
"""Days after its term from which a loan without months is taken for closed."""


@dataclass(frozen=True, eq=False)
class Watched:
    """Watched loans and the sums of the book.

    Attributes
    ----------
    rows : polars.DataFrame, schema `scoring.watch.columns.SCHEMA`
        In the order of the loans given.
    book : Book
    """

    rows: pl.DataFrame
    book: Book


@dataclass(frozen=True, eq=False)
class Watcher:
    """Watches open loans by a behaviour model.

    Attributes
    ----------
    scorer : Scorer
        Of a model of open loans; makes no offers.
    policy : WatchPolicy
    """

    scorer: Scorer
    policy: WatchPolicy

    def watch(self, loans: pl.DataFrame, signals: Signals, *, as_of: dt.date) -> Watched:
        """Watch loans on a day, by what was known then.

        Parameters
        ----------
        loans : polars.DataFrame
            Rows of the contract's table `loans`, each disbursed on that day or before.
        signals : Signals
            Tables of their firms; `loan_months` and `bureau` may be absent.
        as_of : datetime.date
        """
        months = _known_months(signals, loans, as_of)
        state = _states(loans, months, as_of)
        running = ~state["ended"].to_numpy()
        defaulted = state["defaulted"].to_numpy()[running]
        features = self._features(loans.filter(running), signals, as_of)
        enough = self.scorer.policy.sufficiency.met(features)
        scored = enough & ~defaulted
        matrix = self.scorer.model.matrix(features)
        margin = self.scorer.model.estimator.margin(matrix)
        pd = np.where(scored, self.scorer.model.pd(margin), np.nan)
        before = self._pd_before(loans.filter(running), signals, as_of)
        fired = self.policy.fired(features)
        actions = self.policy.actions_of(fired, pd, before, default=defaulted)
        known = self.scorer.policy.sufficiency.days_known(features)
        watched = {
            "pd": pd,
            "pd_before": before,
            "pd_change": pd - before,
            "grade": self._grades(pd, scored, defaulted),
            "grade_before": self._grades(before, ~np.isnan(before), np.zeros_like(defaulted)),
            "action": actions,
            **self._rules(fired),
            **_unless(
                defaulted, self.scorer.reason_columns(features, matrix, margin, known, enough)
            ),
            **self._coverage(known),
            "months_on_book": features["months_on_book"].to_numpy(),
            "status": [WATCHED if yes else INSUFFICIENT for yes in enough | defaulted],
        }
        rows = _rows(loans, running, watched, as_of, self.scorer.label)
        rows = rows.with_columns(
            limit_cny=loans["limit_cny"],
            balance_cny=state["balance_cny"],
            days_past_due=state["dpd"],
        )
        return Watched(rows, Book.of(rows, loans, months, as_of=as_of))

    def _features(self, loans: pl.DataFrame, signals: Signals, as_of: dt.date) -> pl.DataFrame:
        model = self.scorer.model
        snapshots = loans.select("loan_id", "firm_id", as_of=pl.lit(as_of))
        return build_loan_features(
            signals, snapshots, loans, season=model.season, reference=model.reference
        )

    def _pd_before(self, loans: pl.DataFrame, signals: Signals, as_of: dt.date) -> Floats:
        """Behaviour PD as it was known a month before; NaN where there was none."""
        day = as_of - dt.timedelta(days=self.policy.pd.month_days)
        state = _states(loans, _known_months(signals, loans, day), day)
        there = (loans["disbursed_on"] <= day).to_numpy() & ~state["defaulted"].to_numpy()
        before = np.full(loans.height, np.nan)
        features = self._features(loans.filter(there), signals, day)
        model = self.scorer.model
        pd = model.pd(model.margin(features))
        before[there] = np.where(self.scorer.policy.sufficiency.met(features), pd, np.nan)
        return before

    def _grades(self, pd: Floats, scored: Bools, defaulted: Bools) -> list[str | None]:
        """Grades of the scoring policy, by the PD of a year at the same hazard."""
        # two halves of a year
        of_year = 1 - (1 - pd) ** (12 / self.scorer.model.target.months)
        grades = self.scorer.policy.grade(of_year)
        return [
            DEFAULT_GRADE if late else grade if yes else None
            for grade, yes, late in zip(grades, scored, defaulted, strict=True)
        ]

    def _rules(self, fired: Bools) -> dict[str, list[str | None]]:
        texts: dict[str, list[str | None]] = {"rules": [], "rules_text": [], "rules_zh": []}
        for row in fired:
            rules = [rule for rule, hit in zip(self.policy.rules, row, strict=True) if hit]
            texts["rules"].append(SEPARATOR.join(rule.name for rule in rules) or None)
            texts["rules_text"].append("; ".join(rule.text for rule in rules) or None)
            texts["rules_zh"].append("；".join(rule.text_zh for rule in rules) or None)
        return texts

    def _coverage(self, known: Int64s) -> dict[str, Floats | list[str | None]]:
        share = np.minimum(known / self.scorer.policy.sufficiency.window_days, 1.0)
        missing = [
            SEPARATOR.join(s for s, days in zip(SOURCES, row, strict=True) if days == 0) or None
            for row in known
        ]
        return {
            **{f"coverage_{source}": share[:, j] for j, source in enumerate(SOURCES)},
            "missing_sources": missing,
        }


def _unless(defaulted: Bools, texts: dict[str, list[str | None]]) -> dict[str, list[str | None]]:
    """Reasons of a PD, none where the loan is in default already."""
    return {
        name: [None if late else text for text, late in zip(column, defaulted, strict=True)]
        for name, column in texts.items()
    }


def _known_months(signals: Signals, loans: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Months of the loans that are known on the day, by loan and month."""
    months = (
        signals.read("loan_months", bucket=signals.buckets[0])
        if "loan_months" in signals.tables
        else empty("loan_months")
    )
    return (
        months.join(loans.select("loan_id", "firm_id"), on=["loan_id", "firm_id"], how="semi")
        .filter(pl.col("month_end") + _LAG <= as_of)
        .sort("loan_id", "month_end")
    )


def _states(loans: pl.DataFrame, months: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Balance, days past due, and whether each loan ended or is in default."""
    last = months.group_by("loan_id").agg(
        pl.col("balance_cny", "dpd").last(),
        ended=pl.col("status").last().is_in(ENDED),
        defaulted=(pl.col("dpd").last() >= DAYS_PAST_DUE) | (pl.col("status").last() == "default"),
    )
    over = pl.col("disbursed_on").dt.offset_by(pl.format("{}mo", "term_months")) + pl.duration(
        days=_AFTER_TERM
    )
    return loans.join(last, on="loan_id", how="left", maintain_order="left").select(
        "balance_cny",
        "dpd",
        ended=pl.coalesce("ended", over < as_of, pl.lit(value=False)),
        defaulted=pl.col("defaulted").fill_null(value=False),
    )


def _rows(
    loans: pl.DataFrame, running: Bools, watched: Mapping[str, Any], as_of: dt.date, label: str
) -> pl.DataFrame:
    """Rows of the watch list: the running loans' columns, and closed ones without."""
    columns = {
        name: pl.Series(name, values, dtype=SCHEMA[name], strict=False)
        for name, values in watched.items()
    }
    place = np.full(loans.height, -1)
    place[running] = np.arange(int(running.sum()))
    index = pl.Series(place).replace(-1, None).cast(pl.UInt32)
    table = pl.DataFrame(
        [
            series.fill_nan(None) if series.dtype.is_float() else series
            for series in columns.values()
        ]
    )
    table = table.select(pl.all().gather(index)) if table.height else table.clear(loans.height)
    return (
        pl.DataFrame(
            {
                "loan_id": loans["loan_id"],
                "firm_id": loans["firm_id"],
                "as_of": [as_of] * loans.height,
                "model": [label] * loans.height,
            },
            schema_overrides={"as_of": pl.Date},
        )
        .hstack(table)
        .with_columns(pl.col("status").fill_null(CLOSED))
        .with_columns(
            pl.lit(None, dtype).alias(name)
            for name, dtype in SCHEMA.items()
            if name in ("balance_cny", "limit_cny", "days_past_due")
        )
        .select(*SCHEMA)
    )
