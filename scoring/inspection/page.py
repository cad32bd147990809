"""Page of an inspection: every feature with its bins, stability, redundancy and importance."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from models.inspection.redundancy import SHOWN_FROM
from models.inspection.suggestions import MOST_PSI
from scoring.pages.render import bar, render
from scoring.run.output import beside
from scoring.text.reason_text import label_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.inspection.inspect import Inspection

_TEMPLATES = Path(__file__).with_name("templates")
_SHOWN = 15

DROP_TITLES = {
    "constant": ("constant", "恒定不变"),
    "missing": ("almost always missing", "几乎全部缺失"),
    "against_sign": ("against their sign", "方向与预期相反"),
    "separates": ("part bads from goods without an error: a leak?", "完全区分，或已知结果"),
    "weak": ("IV no larger than chance gives, or below 0.02", "信息值不高于偶然水平"),
    "unstable": ("unstable over quarters", "各季度不稳定"),
    "redundant": ("repeat another feature", "与其他指标重复"),
}
"""What the rules of `models.inspection.suggestions` say, in English and Chinese."""


def inspection_html(found: Inspection, *, origin: str, out: Path) -> str:
    """Write the page.

    Parameters
    ----------
    found : Inspection
    origin : str
        Data folder or file that was inspected.
    out : pathlib.Path
        The table of features; the page names the files beside it.
    """
    ordered = found.features.sort(
        pl.col("iv").fill_null(-1.0), descending=True, maintain_order=True
    )
    counts = Counter(found.features["drop"].drop_nulls().to_list())
    return render(
        "inspection.html",
        folder=_TEMPLATES,
        title=f"Features of {Path(origin).name}",
        origin=origin,
        sample=found.sample,
        model=found.model,
        counts={
            "features": f"{found.features.height:,}",
            "rows": f"{found.rows:,}",
            "labelled": f"{found.labelled:,}",
            "bads": f"{found.bads:,}",
            "drop": f"{counts.total():,}",
        },
        strongest=_strongest(ordered) if found.labelled else [],
        importance=_importance(found.features) if found.model else [],
        drops=[
            bar(english, counts[rule] / found.features.height, f"{counts[rule]:,}", chinese=chinese)
            for rule, (english, chinese) in DROP_TITLES.items()
            if counts[rule]
        ],
        moved=_moved(found),
        groups=_groups(found.features),
        group_from=SHOWN_FROM,
        features=_details(ordered, found),
        labelled=found.labelled > 0,
        files=[beside(out, ending).name for ending in (".bins.csv", ".quarters.csv")],
        table=out.name,
    )


def _strongest(ordered: pl.DataFrame) -> list[dict[str, Any]]:
    top = ordered.head(_SHOWN)
    most = max(*top["iv"].fill_null(0.0).to_list(), 1e-9)
    return [
        bar(
            row["feature"],
            row["iv"] / most,
            f"{row['iv']:.3f}",
            chinese=_chinese(row["feature"]),
            tone="" if row["drop"] is None else "middle",
        )
        for row in top.iter_rows(named=True)
    ]


def _importance(features: pl.DataFrame) -> list[dict[str, Any]]:
    top = features.drop_nulls("shap_share").sort("shap_share", descending=True).head(_SHOWN)
    return [
        {
            "feature": row["feature"],
            "chinese": _chinese(row["feature"]),
            "shap": f"{row['shap_share']:.1%}",
            "gain": "–" if row["gain_share"] is None else f"{row['gain_share']:.1%}",
            "permutation": "–"
            if row["permutation_auc"] is None
            else f"{row['permutation_auc']:.4f} ± {row['permutation_sd']:.4f}",
        }
        for row in top.iter_rows(named=True)
    ]


def _moved(found: Inspection) -> dict[str, Any]:
    """Stability index by quarter of the features that moved most."""
    quarters = found.by_quarter["quarter"].unique().sort().to_list()
    moved = found.features.drop_nulls("psi_max").sort("psi_max", descending=True).head(_SHOWN)
    by_cell = {
        (row["feature"], row["quarter"]): row["psi"]
        for row in found.by_quarter.iter_rows(named=True)
    }
    return {
        "quarters": quarters,
        "limit": MOST_PSI,
        "rows": [
            {"feature": name, "cells": [_psi(by_cell[name, quarter]) for quarter in quarters]}
            for name in moved["feature"]
        ],
    }


def _psi(value: float) -> dict[str, str]:
    tone = "bad" if value >= MOST_PSI else "middle" if value >= 0.1 else ""  # noqa: PLR2004 - usual
    return {"text": f"{value:.2f}", "tone": tone}


def _groups(features: pl.DataFrame) -> list[Sequence[str]]:
    grouped = features.group_by("group", maintain_order=True).agg("feature")
    several = grouped.filter(pl.col("feature").list.len() > 1)
    largest = several.sort(pl.col("feature").list.len(), descending=True, maintain_order=True)
    return largest["feature"].head(_SHOWN).to_list()


def _details(ordered: pl.DataFrame, found: Inspection) -> list[dict[str, Any]]:
    bins = found.bins.partition_by("feature", as_dict=True, maintain_order=True)
    quarters = found.by_quarter_and_bin.partition_by("feature", as_dict=True, maintain_order=True)
    return [
        {
            "name": row["feature"],
            "texts": label_texts(row["feature"]),
            "head": _head(row),
            "drop": row["drop_because"],
            "bins": _bins(bins[row["feature"],]),
            **_rates(quarters.get((row["feature"],))),
        }
        for row in ordered.iter_rows(named=True)
    ]


def _head(row: dict[str, Any]) -> str:
    """Figures of a feature on one line."""
    parts = []
    if row["iv"] is not None:
        parts += [f"IV {row['iv']:.3f} (chance up to {row['chance_iv']:.3f})", row["trend"]]
    if row["auc"] is not None:
        parts.append(f"AUC {row['auc']:.3f}")
    parts.append(f"missing {row['missing_share']:.0%}")
    if row["psi_max"] is not None:
        parts.append(f"PSI up to {row['psi_max']:.2f}")
    parts.append(f"VIF {row['vif']:.1f}")
    return " · ".join(parts)


def _bins(table: pl.DataFrame) -> list[dict[str, Any]]:
    most = max((rate for rate in table["default_rate"] if rate is not None), default=0.0)
    last = table.height - 1
    return [
        {
            "name": "missing" if row["bin"] == last else _interval(row["from"], row["below"]),
            "rows": f"{row['rows']:,}",
            "share": f"{row['share']:.1%}",
            "bads": "–" if row["bads"] is None else f"{row['bads']:,}",
            "rate": "–" if row["default_rate"] is None else f"{row['default_rate']:.2%}",
            "width": round(100 * (row["default_rate"] or 0.0) / most, 1) if most else 0.0,
            "woe": "–" if row["woe"] is None else f"{row['woe']:+.3f}",
            "iv": "–" if row["iv"] is None else f"{row['iv']:.4f}",
        }
        for row in table.iter_rows(named=True)
        if row["rows"]
    ]


def _interval(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "any value"
    if low is None:
        return f"below {high:.6g}"
    return f"{low:.6g} or more" if high is None else f"{low:.6g} to {high:.6g}"


def _rates(table: pl.DataFrame | None) -> dict[str, Any]:
    """Default rates by quarter (down) and bin (across)."""
    if table is None or not table["labelled"].sum():
        return {"rate_bins": [], "rates": []}
    numbers = table["bin"].unique().sort().to_list()
    cells = {
        (row["quarter"], row["bin"]): f"{row['default_rate']:.1%}"
        for row in table.iter_rows(named=True)
        if row["labelled"]
    }
    return {
        "rate_bins": [number + 1 for number in numbers],
        "rates": [
            {"quarter": quarter, "cells": [cells.get((quarter, k), "–") for k in numbers]}
            for quarter in table["quarter"].unique().sort()
        ],
    }


def _chinese(feature: str) -> str:
    english, chinese = label_texts(feature)
    return "" if english == chinese else chinese
