"""Page of a watched book: balance at risk, the queue, migrations, vintages, roll rates."""

import datetime as dt
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

from features.arrays import Floats
from models.policy import Policy
from scoring.pages.render import bar, render
from scoring.run.output import REASONS, beside
from scoring.watch.book import BUCKETS, VINTAGE_MONTHS, Book
from scoring.watch.columns import DEFAULT_GRADE
from scoring.watch.policy import COLLECT, NOTHING, WatchPolicy
from scoring.watch.sparklines import HEIGHT, WIDTH, polylines

_TEMPLATES = Path(str(resources.files("scoring.watch") / "templates"))
_MONTHS_SHOWN = (3, 6, 9, 12)
_FEW = 30
"""Loans below which a rate is not shown."""

_SHOWN = 12
_REASONS_SHOWN = 2


def watch_page(
    book: Book,
    *,
    rows: pl.DataFrame,
    queue: pl.DataFrame,
    series: Mapping[str, Floats],
    counts: Mapping[str, int],
    manifest: Mapping[str, Any],
    policy: WatchPolicy,
    scoring: Policy,
    rejects: pl.DataFrame,
    out: Path,
) -> str:
    """Write the page of one run.

    Parameters
    ----------
    book : Book
    rows : polars.DataFrame
        The watch list.
    queue : polars.DataFrame
        Loans that ask for an action, the most urgent first.
    series : mapping of loan_id to ndarray
        See `scoring.watch.sparklines.activity_by_week`.
    counts : mapping of str to int
    manifest : mapping
    policy : WatchPolicy
    scoring : Policy
        Grades of the model.
    rejects : polars.DataFrame, schema `scoring.watch.columns.REJECTS`
    out : pathlib.Path
        The watch list's path.
    """
    grades = [*(grade.name for grade in scoring.grades), DEFAULT_GRADE]
    totals = _sums(book.grades)
    return render(
        "watch.html",
        folder=_TEMPLATES,
        title=f"Early warning of {counts['watched']:,} open loans: {out.name}",
        model=manifest["model"],
        as_of=manifest["as_of"],
        counts={name: f"{count:,}" for name, count in counts.items()},
        any_rejected=counts["rejected"] > 0,
        balance=_millions(totals["balance_fen"]),
        expected=_millions(totals["expected_fen"]),
        warnings=manifest["warnings"],
        actions=_actions(book, policy),
        rules=_rules(book, policy, counts),
        grades=_grades(book, grades),
        grade_names=grades,
        queue=[_queued(row, series, policy) for row in queue.iter_rows(named=True)],
        asking=f"{rows.filter(~pl.col('action').is_in([NOTHING, COLLECT])).height:,}",
        spark={"width": WIDTH, "height": HEIGHT},
        migration=_migration(book, grades),
        vintages=_vintages(book),
        vintage_months=_MONTHS_SHOWN,
        rolls=_rolls(book),
        buckets=BUCKETS,
        problems=_problems(rejects),
        rejects_name=beside(out, ".rejects.csv").name,
        manifest_name=beside(out, ".manifest.json").name,
        month_days=policy.pd.month_days,
        version=manifest["firstloan"],
    )


def _sums(grades: pl.DataFrame) -> dict[str, int]:
    if grades.is_empty():
        return {"balance_fen": 0, "expected_fen": 0}
    return grades.select(pl.col("balance_fen", "expected_fen").sum()).row(0, named=True)


def _actions(book: Book, policy: WatchPolicy) -> list[dict[str, Any]]:
    whole = max(1, book.actions["loans"].sum() if book.actions.height else 0)
    known = {row["action"]: row for row in book.actions.iter_rows(named=True)}
    return [
        bar(
            action.text,
            row["loans"] / whole,
            f"{row['loans']:,} · {_millions(row['balance_fen'])}",
            chinese=action.text_zh,
            tone="" if action.name == NOTHING else "middle",
        )
        for action in policy.actions
        if (row := known.get(action.name))
    ]


def _rules(book: Book, policy: WatchPolicy, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    fired = dict(book.rules.iter_rows()) if book.rules.height else {}
    whole = max(1, counts["watched"] + counts["insufficient"])
    return [
        bar(
            rule.text,
            fired.get(rule.name, 0) / whole,
            f"{fired.get(rule.name, 0):,}",
            chinese=rule.text_zh,
            tone="middle",
        )
        for rule in policy.rules
    ]


def _grades(book: Book, grades: list[str]) -> list[dict[str, Any]]:
    whole = max(_sums(book.grades)["balance_fen"], 1)
    known = {row["grade"]: row for row in book.grades.iter_rows(named=True)}
    return [
        bar(
            grade,
            row["balance_fen"] / whole,
            f"{row['loans']:,} · {_millions(row['balance_fen'])}",
            tone="bad" if grade == DEFAULT_GRADE else "",
        )
        for grade in grades
        if (row := known.get(grade))
    ]


def _queued(
    row: Mapping[str, Any], series: Mapping[str, Floats], policy: WatchPolicy
) -> dict[str, Any]:
    words = {action.name: (action.text, action.text_zh) for action in policy.actions}
    reasons = [
        (row[f"reason_{k}_text"], row[f"reason_{k}_zh"])
        for k in range(1, REASONS + 1)
        if row[f"reason_{k}_text"]
    ]
    rules = [(row["rules_text"], row["rules_zh"])] if row["rules_text"] else []
    return {
        "loan": row["loan_id"],
        "firm": row["firm_id"],
        "balance": _thousands(row["balance_cny"]),
        "pd": _percent(row["pd"]),
        "before": _percent(row["pd_before"]),
        "grade": row["grade"] or "–",
        "action": words[row["action"]],
        "words": [*rules, *reasons][: 1 + _REASONS_SHOWN],
        "lines": polylines(series[row["loan_id"]]) if row["loan_id"] in series else [],
    }


def _migration(book: Book, grades: list[str]) -> list[dict[str, Any]]:
    counts = {
        (row["grade_before"], row["grade"]): row["loans"]
        for row in book.migration.iter_rows(named=True)
    }
    return [
        {
            "grade": before,
            "cells": [
                {
                    "text": f"{counts[before, now]:,}" if (before, now) in counts else "",
                    "same": before == now,
                }
                for now in grades
            ],
        }
        for before in grades[:-1]
    ]


def _vintages(book: Book) -> list[dict[str, Any]]:
    """Share of each quarter's loans that had defaulted by some months on book."""
    if book.vintages.is_empty():
        return []
    table = []
    for quarter in book.vintages["vintage"].unique().sort():
        part = book.vintages.filter(vintage=quarter)
        rates = {
            row["month"]: f"{row['defaults'] / row['loans']:.2%}"
            for row in part.iter_rows(named=True)
            if row["loans"] >= _FEW and row["month"] <= VINTAGE_MONTHS
        }
        table.append(
            {
                "quarter": _quarter(quarter),
                "loans": f"{max(part['loans'].to_list()):,}",
                "rates": [rates.get(month, "") for month in _MONTHS_SHOWN],
            }
        )
    return table[-_SHOWN:]


def _quarter(day: dt.date) -> str:
    return f"{day.year} Q{(day.month + 2) // 3}"


def _rolls(book: Book) -> list[dict[str, Any]]:
    """Share of each bucket's balance that moved to each bucket within a month."""
    if book.rolls.is_empty():
        return []
    balance = {
        (row["before"], row["now"]): row["balance_fen"] for row in book.rolls.iter_rows(named=True)
    }
    table = []
    for before in BUCKETS[:-1]:
        whole = sum(balance.get((before, now), 0) for now in BUCKETS)
        if whole:
            shares = [balance.get((before, now), 0) / whole for now in BUCKETS]
            table.append(
                {
                    "before": before,
                    "cells": [
                        {"text": f"{share:.1%}" if share else "", "same": before == now}
                        for now, share in zip(BUCKETS, shares, strict=True)
                    ],
                }
            )
    return table


def _problems(rejects: pl.DataFrame) -> list[dict[str, Any]]:
    grouped = (
        rejects.group_by("column", "problem", maintain_order=True)
        .agg(pl.len().alias("entries"), pl.col("line").first())
        .sort("entries", descending=True, maintain_order=True)
        .head(_SHOWN)
    )
    return [
        {
            "entries": f"{row['entries']:,}",
            "column": row["column"] or "the row",
            "problem": row["problem"],
            "first": f"line {row['line']}",
        }
        for row in grouped.iter_rows(named=True)
    ]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _millions(fen: int) -> str:
    return f"{fen / 1e8:,.1f} m"


def _thousands(amount: float | None) -> str:
    return "–" if amount is None else f"{amount:,.0f}"
