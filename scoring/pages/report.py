"""Batch report: applicants, decisions, reasons, and drift against the development sample."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from features.contract.tables import SOURCE_NAMES, SOURCES
from models.evaluation.metrics import psi_by_chance
from models.policy import Policy
from scoring.pages.render import DECISIONS, bar, render
from scoring.run.aggregates import LIMIT_BANDS, SCORE_STEP
from scoring.run.output import beside
from scoring.run.publish import RunResult
from scoring.text.offer_text import PLAN_NAMES
from scoring.text.reason_text import flag_texts, label_texts, theme_texts

_MOVED, _OTHER = 0.10, 0.25
"""Usual reading of a population stability index; it is a convention, not a test."""

_TICKS = 6
_NAMED = 3
_SHOWN = 12


def report_html(
    result: RunResult,
    *,
    manifest: Mapping[str, Any],
    development: Mapping[str, Any],
    policy: Policy,
    out: Path,
) -> str:
    """Write the report of one batch.

    Parameters
    ----------
    result : RunResult
    manifest : mapping
        As `scoring.run.manifest.Run.manifest` gives it.
    development : mapping
        `Model.development`.
    policy : Policy
    out : pathlib.Path
        The scored CSV.
    """
    aggregates = result.aggregates
    scored, rows = max(result.scored, 1), max(result.scored + result.insufficient, 1)
    bads = sum(aggregates.expected_bads.values()) / 1e6
    return render(
        "report.html",
        title=_title(result, out),
        offers=_offers(result),
        shadow=_shadow(result, manifest, policy),
        model=manifest["model"],
        finished=manifest["finished"].replace("T", " ").replace("+00:00", " UTC"),
        counts={
            "read": f"{result.read:,}",
            "scored": f"{result.scored:,}",
            "insufficient": f"{result.insufficient:,}",
            "rejected": f"{result.rejected:,}",
            "any_rejected": result.rejected > 0,
        },
        expected=f"{bads / scored:.1%}" if result.scored else "–",
        warnings=manifest["warnings"],
        scores=_histogram(aggregates.scores),
        score_ticks=_score_ticks(aggregates.scores),
        most=f"{max(aggregates.scores.values(), default=0):,}",
        decisions=[
            bar(
                decision,
                count / rows,
                f"{count:,} · {count / rows:.0%}",
                chinese=chinese,
                tone=tone,
            )
            for decision, (chinese, tone) in DECISIONS.items()
            if (count := aggregates.columns.get("decision", {}).get(decision, 0))
        ],
        grades=_grades(result, policy),
        coverage=[
            bar(
                SOURCE_NAMES[source][0],
                (count := aggregates.coverage.get(source, {}).get("enough", 0)) / rows,
                f"{count:,} · {count / rows:.0%}",
                chinese=SOURCE_NAMES[source][1],
            )
            for source in SOURCES
        ],
        rule=policy.decision.in_words(),
        sufficiency=policy.sufficiency,
        flags=_flags(result, policy),
        reasons=[
            bar(
                theme_texts(theme)[0],
                count / scored,
                f"{count / scored:.0%}",
                chinese=theme_texts(theme)[1],
            )
            for theme, count in aggregates.most("reasons", _SHOWN)
        ],
        stability=_stability(result, development),
        problems=_problems(result.rejects),
        rejects_name=beside(out, ".rejects.csv").name,
        manifest_name=beside(out, ".manifest.json").name,
        applicants=manifest["settings"]["applicants"],
        told_by={
            "applicants": manifest["applicants_sha256"][:12],
            "signals": manifest["signals_fingerprint"][:12],
            "model": manifest["model_sha256"][:12],
        },
        version=manifest["firstloan"],
    )


def _title(result: RunResult, out: Path) -> str:
    """What the page is: "Credit scores and loan offers of 500 applicants: scored.csv"."""
    what = "Credit scores and loan offers" if result.aggregates.offers.offers else "Credit scores"
    return f"{what} of {result.read:,} applicants: {out.name}"


def _offers(result: RunResult) -> dict[str, Any] | None:
    """Sums over the offers and how they spread; None without offers."""
    sums, columns = result.aggregates.offers, result.aggregates.columns
    if not (sums.offers or sums.without_offer):
        return None
    bounds = [0, *LIMIT_BANDS]
    bands = [
        f"from {low:,}" if high is None else f"{low:,} to {high:,}"
        for low, high in zip(bounds, [*LIMIT_BANDS, None], strict=True)
    ]

    def bars(column: str, names: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
        return [
            bar(name, count / max(sums.offers, 1), f"{count:,}", chinese=chinese)
            for key, (name, chinese) in names.items()
            if (count := columns.get(column, {}).get(key, 0))
        ]

    terms = sorted(columns.get("term_months", {}), key=int)
    return {
        "count": f"{sums.offers:,}",
        "without": f"{sums.without_offer:,}" if sums.without_offer else "",
        "limit": f"{sums.limit_cny / 1e6:,.1f} m",
        "rate": f"{sums.mean_rate_pct:.2f} %" if sums.offers else "–",
        "loss": f"{sums.expected_loss_cny / 1e6:,.2f} m",
        "profit": f"{sums.expected_profit_cny / 1e6:,.2f} m",
        "limits": bars("limit_band", {str(k): (name, "") for k, name in enumerate(bands)}),
        "plans": bars("plan", PLAN_NAMES),
        "terms": bars("term_months", {term: (f"{term} months", f"{term}个月") for term in terms}),
    }


def _shadow(
    result: RunResult, manifest: Mapping[str, Any], policy: Policy
) -> dict[str, Any] | None:
    """Decisions and grades of champion and challenger side by side; None without one."""
    swap_set = result.aggregates.swap_set
    if swap_set is None:
        return None
    names = [grade.name for grade in policy.grades]
    theirs = [grade["name"] for grade in manifest["shadow"]["policy"]["grades"]]
    return {
        "model": manifest["shadow"]["model"],
        "changed": f"{swap_set.changed:,}",
        "share": f"{swap_set.changed / max(swap_set.applicants, 1):.1%}",
        "agreement": f"{swap_set.agreement:.0%}" if result.scored else "–",
        "swaps": [
            {
                "champion": swap.champion,
                "shadow": swap.shadow,
                "applicants": f"{swap.applicants:,}",
                "pd": _percent(swap.pd),
                "shadow_pd": _percent(swap.shadow_pd),
                "changes": swap.changes_side,
            }
            for swap in swap_set.swaps
        ],
        "grades": theirs,
        "migration": [
            {
                "grade": name,
                "cells": [
                    {"text": f"{count:,}" if count else "", "same": name == other}
                    for other in theirs
                    for count in (swap_set.grades.get((name, other), 0),)
                ],
            }
            for name in names
        ],
    }


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.2%}"


def _histogram(scores: Mapping[str, int]) -> list[dict[str, Any]]:
    if not scores:
        return []
    lowest, highest = min(map(int, scores)), max(map(int, scores))
    bars = {k: scores.get(str(k), 0) for k in range(lowest, highest + 1, SCORE_STEP)}
    most = max(bars.values())
    return [bar(str(low), count / most, f"{count:,}") for low, count in bars.items()]


def _score_ticks(scores: Mapping[str, int]) -> list[dict[str, Any]]:
    """Round scores below the histogram, and its two ends, as percent of its width."""
    if not scores:
        return []
    low, high = min(map(int, scores)), max(map(int, scores)) + SCORE_STEP
    step = SCORE_STEP * math.ceil((high - low) / SCORE_STEP / _TICKS)
    inner = range(low + step, high - step + 1, step)
    return [
        {"name": str(score), "left": round(100 * (score - low) / (high - low), 1)}
        for score in (low, *inner, high)
    ]


def _grades(result: RunResult, policy: Policy) -> list[dict[str, Any]]:
    counts, bars = result.aggregates.columns.get("grade", {}), []
    for grade in policy.grades:
        count = counts.get(grade.name, 0)
        share = count / max(result.scored, 1)
        mean = result.aggregates.expected_bads.get(grade.name, 0) / 1e6 / count if count else 0.0
        figure = f"{count:,} · PD {mean:.1%}" if count else "0"
        bars.append(bar(grade.name, share, figure))
    return bars


def _flags(result: RunResult, policy: Policy) -> list[dict[str, Any]]:
    rows = max(result.scored + result.insufficient, 1)
    return [
        bar(
            flag_texts(name, policy.flags)[0],
            count / rows,
            f"{count:,}",
            chinese=flag_texts(name, policy.flags)[1],
        )
        for name, count in result.aggregates.most("flags")
    ]


def _stability(result: RunResult, development: Mapping[str, Any]) -> dict[str, Any] | None:
    of_pd, features = result.aggregates.stability(development)
    if of_pd is None:
        return None
    vanished = result.aggregates.vanished(development)
    shown = [item for item in features.items() if item[0] not in vanished][:_SHOWN]
    most = max([_OTHER, *(value for _, value in shown)])
    return {
        "pd": f"{of_pd:.3f}",
        "tone": _tone(of_pd),
        "chance": f"{psi_by_chance(len(development['pd_share']), result.scored):.3f}",
        "vanished": [label_texts(name) for name in vanished[:_NAMED]],
        "vanished_count": len(vanished),
        "compared": len(features),
        "features": [
            bar(
                label_texts(name)[0],
                value / most,
                f"{value:.2f}",
                chinese=label_texts(name)[1],
                tone=_tone(value),
            )
            for name, value in shown
        ],
    }


def _tone(index: float) -> str:
    return "good" if index < _MOVED else "middle" if index < _OTHER else "bad"


def _problems(rejects: pl.DataFrame) -> list[dict[str, Any]]:
    grouped = (
        rejects.group_by("column", "problem", maintain_order=True)
        .agg(pl.len().alias("entries"), pl.all().first())
        .sort("entries", descending=True, maintain_order=True)
        .head(_SHOWN)
    )
    return [
        {
            "entries": f"{row['entries']:,}",
            "column": row["column"] or "the row",
            "problem": row["problem"],
            "first": f"line {row['line']}" if row["line"] else row["application_id"],
        }
        for row in grouped.iter_rows(named=True)
    ]
