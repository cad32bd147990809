"""Families of features that several signals share: level, change, rhythm, shape of one series."""
# ruff: noqa: E501, PLR0917 - a table reads best with one row to a line and no names in it

import math
from collections.abc import Iterable

import polars as pl

from features.table.feature import Feature, change, ratio

AGE = pl.col("age")


def per_window(
    windows: Iterable[int],
    name: str,
    frame: str,
    formula: pl.Expr,
    unit: str,
    sign: int,
    meaning: str,
    meaning_zh: str,
    theme: str,
    reference: str = "",
    note: str = "",
) -> tuple[Feature, ...]:
    """Declare one formula over several windows; `{d}` in the texts stands for the days."""
    return tuple(
        Feature(
            name.format(d=days),
            frame,
            days,
            formula,
            unit,
            sign,
            meaning.format(d=days),
            meaning_zh.format(d=days),
            theme,
            reference,
            note,
        )
        for days in windows
    )


def recent(x: pl.Expr) -> pl.Expr:
    """Mean of records in which one counts half as much as one that is 60 days younger."""
    weight = (-math.log(2) / 60 * AGE).exp()
    return ratio((weight * x).sum(), weight.filter(x.is_not_null()).sum())


def changes(
    prefix: str,
    name: str,
    column: str,
    what: str,
    what_zh: str,
    theme: str,
    *,
    sign: int = -1,
    note: str = "",
    reference: str = "",
) -> tuple[Feature, ...]:
    """Declare how a series moved, against itself before and a year before.

    Changes are symmetric, from -1 (stopped) over 0 (as before) to 1 (new).
    """
    rows = (
        ("change_4w", 112, "4w", "4w_before", "last 4 weeks against the 12 before", "近4周较此前12周"),
        ("change_13w", 182, "13w", "13w_before", "last quarter against the one before", "近一季较上一季"),
        ("change_26w", 364, "26w", "26w_before", "last half-year against the one before", "近半年较上半年"),
        ("level_4w", 455, "4w", "65w", "last 4 weeks against the mean of 65", "近4周较近65周均值"),
        ("level_13w", 455, "13w", "65w", "last quarter against the mean of 65 weeks", "近一季较近65周均值"),
        ("level_26w", 455, "26w", "65w", "last half-year against the mean of 65 weeks", "近半年较近65周均值"),
        ("yoy_4w", 392, "4w", "4w_last_year", "last 4 weeks against a year ago", "近4周同比"),
        ("yoy_13w", 455, "13w", "13w_last_year", "last quarter against a year ago", "近一季同比"),
    )  # fmt: skip
    return tuple(
        Feature(
            f"{prefix}_{suffix}",
            f"{name}_periods",
            days,
            change(pl.col(f"{column}_{now}"), pl.col(f"{column}_{before}")),
            "1",
            sign,
            f"change of {what}, {when}",
            f"{what_zh}{when_zh}变化",
            theme,
            reference,
            note,
        )
        for suffix, days, now, before, when, when_zh in rows
    )


def rhythm(
    prefix: str,
    name: str,
    column: str,
    what: str,
    what_zh: str,
    theme: str,
    *,
    reference: str = "",
) -> tuple[Feature, ...]:
    """Declare how uneven a series is from week to week and from month to month."""
    x = pl.col(column)
    return (
        *per_window(
            (90, 180, 365), f"{prefix}_week_cv_{{d}}d", f"{name}_weeks", ratio(x.std(), x.mean()), "1",
            +1, f"unevenness of weekly {what} over {{d}} days", f"近{{d}}天每周{what_zh}波动率", theme, reference,
        ),
        Feature(
            f"{prefix}_month_cv_365d", f"{name}_months", 365, ratio(x.std(), x.mean()), "1",
            +1, f"unevenness of monthly {what} over a year", f"近一年每月{what_zh}波动率", theme, reference,
        ),
        Feature(
            f"{prefix}_jumps_180d", f"{name}_weeks", 180, ratio(x.diff().abs().mean(), x.mean()), "1",
            +1, f"mean jump of {what} from one week to the next over 180 days", f"近180天{what_zh}周间跳动幅度", theme,
        ),
        Feature(
            f"{prefix}_worst_month_365d", f"{name}_months", 365, ratio(x.min(), x.mean()), "1",
            -1, f"worst month of {what} against the year's mean", f"近一年最差月份{what_zh}占均值比", theme,
        ),
        Feature(
            f"{prefix}_now_to_best_365d", f"{name}_months", 365, ratio(x.last(), x.max()), "1",
            -1, f"last month's {what} against the best month of the year", f"近一月{what_zh}与年内最好月份之比", theme,
        ),
        Feature(
            f"{prefix}_slope_365d", f"{name}_months", 365,
            ratio(-28 * pl.cov(x, AGE), AGE.filter(x.is_not_null()).var() * x.mean()), "1/month",
            -1, f"trend of monthly {what} over a year, relative to their mean", f"近一年{what_zh}月度趋势", theme,
        ),
    )  # fmt: skip
