"""Builders of feature rows: one formula over several windows, and rows that several signals share."""
# ruff: noqa: E501 (rows of a table are wrapped at 112 columns)

import math
from collections.abc import Iterable

import polars as pl

from features.table.feature import ChangeWords, Display, Feature
from features.table.formula import Formula, change, ratio

AGE = pl.col("age")

_HALF_LIFE_DAYS = 60


def feature(
    *,
    name: str,
    frame: str,
    days: int,
    formula: pl.Expr | Formula,
    unit: str,
    sign: int,
    display: Display,
    theme: str,
    meaning: str,
    meaning_zh: str,
    reference: str = "",
    note: str = "",
    change: ChangeWords | None = None,
    one_source: ChangeWords | tuple[str, str] | None = None,
) -> Feature:
    """Declare one feature; see `features.table.feature.Feature` for what each argument means."""
    return Feature(
        name=name,
        frame=frame,
        days=days,
        formula=Formula.of(formula),
        unit=unit,
        sign=sign,
        meaning=meaning,
        meaning_zh=meaning_zh,
        theme=theme,
        display=display,
        reference=reference,
        note=note,
        change=change,
        one_source=one_source,
    )


def per_window(
    windows: Iterable[int],
    *,
    name: str,
    frame: str,
    formula: pl.Expr | Formula,
    unit: str,
    sign: int,
    display: Display,
    theme: str,
    meaning: str,
    meaning_zh: str,
    reference: str = "",
    note: str = "",
    change: ChangeWords | None = None,
) -> tuple[Feature, ...]:
    """Declare one formula over several windows; `{d}` in name and texts stands for the days."""
    return tuple(
        feature(
            name=name.format(d=days),
            frame=frame,
            days=days,
            formula=formula,
            unit=unit,
            sign=sign,
            display=display,
            theme=theme,
            meaning=meaning.format(d=days),
            meaning_zh=meaning_zh.format(d=days),
            reference=reference,
            note=note,
            change=change,
        )
        for days in windows
    )


def recent(x: pl.Expr) -> Formula:
    """Mean of records with exponential weights: half the weight for 60 days more of age."""
    weight = (-math.log(2) / _HALF_LIFE_DAYS * AGE).exp()
    return ratio((weight * x).sum(), weight.filter(x.is_not_null()).sum())


_PERIODS_COMPARED = (  # suffix, days, now, before, words in English and Chinese
    ("change_4w", 112, "4w", "4w_before", "last 4 weeks against the 12 before", "近4周较此前12周"),
    ("change_13w", 182, "13w", "13w_before", "last quarter against the one before", "近一季较上一季"),
    ("change_26w", 364, "26w", "26w_before", "last half-year against the one before", "近半年较上半年"),
    ("level_4w", 455, "4w", "65w", "last 4 weeks against the mean of 65", "近4周较近65周均值"),
    ("level_13w", 455, "13w", "65w", "last quarter against the mean of 65 weeks", "近一季较近65周均值"),
    ("level_26w", 455, "26w", "65w", "last half-year against the mean of 65 weeks", "近半年较近65周均值"),
    ("yoy_4w", 392, "4w", "4w_last_year", "last 4 weeks against a year ago", "近4周同比"),
    ("yoy_13w", 455, "13w", "13w_last_year", "last quarter against a year ago", "近一季同比"),
)  # fmt: skip


def changes(
    prefix: str,
    *,
    source: str,
    column: str,
    what: str,
    what_zh: str,
    theme: str,
    sign: int = -1,
    note: str = "",
    reference: str = "",
) -> tuple[Feature, ...]:
    """Declare the changes of a series against earlier periods and against a year ago.

    Changes are symmetric, from -1 (stopped) over 0 (as before) to 1 (new).
    """
    rows = []
    for suffix, days, now, before, when, when_zh in _PERIODS_COMPARED:
        words = ChangeWords(what, when, f"{what_zh}{when_zh}")
        rows.append(
            feature(
                name=f"{prefix}_{suffix}",
                frame=f"{source}_periods",
                days=days,
                formula=change(pl.col(f"{column}_{now}"), pl.col(f"{column}_{before}")),
                unit="1",
                sign=sign,
                display="change",
                theme=theme,
                meaning=words.meaning,
                meaning_zh=words.meaning_zh,
                reference=reference,
                note=note,
                change=words,
            )
        )
    return tuple(rows)


def rhythm(
    prefix: str,
    *,
    source: str,
    column: str,
    what: str,
    what_zh: str,
    theme: str,
    reference: str = "",
) -> tuple[Feature, ...]:
    """Declare the variation of a series from week to week and from month to month."""
    x = pl.col(column)
    return (
        *per_window(
            (90, 180, 365), name=f"{prefix}_week_cv_{{d}}d", frame=f"{source}_weeks",
            formula=ratio(x.std(), x.mean()),
            unit="1", sign=+1, display="percent", theme=theme,
            meaning=f"unevenness of weekly {what} over {{d}} days",
            meaning_zh=f"近{{d}}天每周{what_zh}波动率", reference=reference,
        ),
        feature(
            name=f"{prefix}_month_cv_365d", frame=f"{source}_months", days=365,
            formula=ratio(x.std(), x.mean()),
            unit="1", sign=+1, display="percent", theme=theme,
            meaning=f"unevenness of monthly {what} over a year",
            meaning_zh=f"近一年每月{what_zh}波动率", reference=reference,
        ),
        feature(
            name=f"{prefix}_jumps_180d", frame=f"{source}_weeks", days=180,
            formula=ratio(x.diff().abs().mean(), x.mean()), unit="1", sign=+1, display="percent", theme=theme,
            meaning=f"mean jump of {what} from one week to the next over 180 days",
            meaning_zh=f"近180天{what_zh}周间跳动幅度",
        ),
        feature(
            name=f"{prefix}_worst_month_365d", frame=f"{source}_months", days=365,
            formula=ratio(x.min(), x.mean()),
            unit="1", sign=-1, display="percent", theme=theme,
            meaning=f"worst month of {what} against the year's mean",
            meaning_zh=f"近一年最差月份{what_zh}占均值比",
        ),
        feature(
            name=f"{prefix}_worst_month_age_365d", frame=f"{source}_months", days=365,
            formula=AGE.filter(x == x.min()).min(), unit="days", sign=-1, display="number", theme=theme,
            meaning=f"days since the worst month of {what} within a year",
            meaning_zh=f"距近一年{what_zh}最差月份天数",
        ),
        feature(
            name=f"{prefix}_now_to_best_365d", frame=f"{source}_months", days=365,
            formula=ratio(x.last(), x.max()),
            unit="1", sign=-1, display="percent", theme=theme,
            meaning=f"last month's {what} against the best month of the year",
            meaning_zh=f"近一月{what_zh}与年内最好月份之比",
        ),
        feature(
            name=f"{prefix}_slope_365d", frame=f"{source}_months", days=365,
            formula=ratio(-28 * pl.cov(x, AGE), AGE.filter(x.is_not_null()).var() * x.mean()), unit="1/month",
            sign=-1, display="percent_per_month", theme=theme,
            meaning=f"trend of monthly {what} over a year, relative to their mean",
            meaning_zh=f"近一年{what_zh}月度趋势",
        ),
    )  # fmt: skip
