"""Spellings of cells: ids, amounts, days, and words that stand for an empty cell.

A cell is read where it has one meaning, however a spreadsheet, an office or a program wrote it.
Where it has none, or several, it stays unread and its row becomes a reject.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

ZONE = "Asia/Shanghai"
"""Time zone of the firms; the day of a UTC time is the day there."""

EMPTY_WORDS = ("null", "na", "n/a", "#n/a", "nan", "none")
"""Words, in lower case, that mean an empty cell in every column but ids."""

_DASHES = ("-", "--", "—", "/")
"""What means an empty cell where a number or a day is expected."""

_TRUE, _FALSE = ["true", "1", "yes"], ["false", "0", "no"]

_CREDIT_CODE = r"^[0-9A-Za-z]{2}\d{6}[0-9A-Za-z]{10}$"
"""Unified social credit code of a firm (GB 32100); its letters are capitals."""

_ODD_ID = r"[^!-~]|^['`=]|\.0+$|^[0-9A-Za-z]{2}\d{6}[0-9A-Z]*[a-z]"
"""Ids that may need `canonical_ids`; all others are spelled as they should be."""

_FORMULA = r"^[=+\-@\t\r＝＋－＠]"

_INVISIBLE = r"[\u{200b}-\u{200f}\u{2060}\u{feff}]"
_FIRM_IDS = ("firm_id", "counterparty_id")

_CURRENCY = r"^(-?)(?:¥|RMB|CNY|人民币) ?(.*)$"
_UNIT = r" ?(?:元|RMB|CNY)$"
_GROUPED = r"^-?\d{1,3}([, ]\d{3})+(\.\d*)?$"
_PLAIN = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_TEN_THOUSAND = 1e4

_DAY = (
    r"^(\d{4})(?:[-/.](\d{1,2})[-/.](\d{1,2})|年(\d{1,2})月(\d{1,2})日|(\d{2})(\d{2}))"
    r"(?:[ T]+(\d{1,2}):(\d{2})(?::\d{2}(?:[.,]\d+)?)?)? ?(Z|[+-]\d{2}:?\d{2})?$"
)
_UTC = r"(Z|[+-]00:?00)$"
_HOURS, _UTC_OFFSET_HOURS = 24, 8
_YEARS = (1000, 9999)


def canonical_ids(column: pl.Series) -> pl.Series:
    """Canonical spelling of ids: one firm is one id, whatever program wrote it.

    Without what protects digits in a spreadsheet (`="…"`, an apostrophe or a backquote in front),
    without invisible characters and blanks around, full-width characters as plain ones, and a
    unified social credit code in capitals.

    Parameters
    ----------
    column : polars.Series of String
        Its name tells a firm's id from others.
    """
    if not column.str.contains(_ODD_ID).any():
        return column
    plain = (
        column.str.normalize("NFKC")
        .str.replace_all(_INVISIBLE, "")
        .str.strip_chars()
        .str.replace(r'^="(.*)"$', "${1}")
        .str.replace(r"^['`]+", "")
        .str.strip_chars()
        .str.replace(r"^(\d{1,15})\.0+$", "${1}")
    )
    if column.name in _FIRM_IDS:
        code = plain.str.contains(_CREDIT_CODE)
        plain = plain.to_frame().select(
            pl.when(code).then(pl.col(column.name).str.to_uppercase()).otherwise(column.name)
        )[column.name]
    return plain.replace("", None)


def blanked(column: pl.Series, dtype: object) -> pl.Series:
    """Text cells without the words that mean an empty one.

    Parameters
    ----------
    column : polars.Series of String
    dtype : Polars data type that the cells shall take
    """
    if column.name.endswith("_id"):
        return column
    words = EMPTY_WORDS if dtype == pl.String else (*EMPTY_WORDS, *_DASHES)
    empty = column.str.to_lowercase().is_in(words)
    return column.set(empty, None) if empty.any() else column


def typed(column: pl.Series, dtype: Any, *, dates: Sequence[str] = ()) -> pl.Series:  # noqa: ANN401
    """Text cells as `dtype`; null where a cell cannot be read as that.

    Parameters
    ----------
    column : polars.Series of String
    dtype : Polars data type
    dates : sequence of str
        Formats of days, as strptime writes them; by default every spelling that starts with the
        year.
    """
    if dtype == pl.Date:
        return _days(column, dates)
    if dtype == pl.Boolean:
        lower = column.str.to_lowercase()
        true, false = lower.is_in(_TRUE), lower.is_in(_FALSE)
        return true.set(~(true | false), None).alias(column.name)
    if dtype == pl.Float64:
        return numbers(column)
    if dtype == pl.Int64:
        value = numbers(column)
        whole = value.is_finite() & (value == value.round())
        return value.set(~whole, None).cast(pl.Int64, strict=False)
    return canonical_ids(column) if column.name.endswith("_id") else column


def numbers(column: pl.Series) -> pl.Series:
    """Numbers in the spellings of spreadsheets and offices; null where a cell is none.

    Read are separators of thousands, 元 and ¥, 万, brackets or a trailing minus for a negative
    number, full-width digits, and an apostrophe in front.

    Parameters
    ----------
    column : polars.Series of String
    """
    value = column.cast(pl.Float64, strict=False)
    if value.null_count() == column.null_count():
        return value
    unread = value.is_null() & column.is_not_null()
    return value.scatter(unread.arg_true(), _spelled_numbers(column.filter(unread)))


def _spelled_numbers(column: pl.Series) -> pl.Series:
    text = (
        column.str.normalize("NFKC")
        .str.replace_all(_INVISIBLE, "")
        .str.replace(r"^['`]+", "")
        .str.replace_all("[−–]", "-")
        .str.strip_chars()
        .str.replace(r"^\((.*)\)$", "-${1}")
        .str.replace(r"^([^-].*)-$", "-${1}")
        .str.replace(r"^\+", "")
        .str.replace(_CURRENCY, "${1}${2}")
        .str.replace(_UNIT, "")
    )
    scaled = text.str.ends_with("万")
    text = text.str.replace("万$", "")
    grouped = text.str.contains(_GROUPED)
    text = text.to_frame("text").select(
        pl.when(grouped).then(pl.col("text").str.replace_all("[, ]", "")).otherwise("text")
    )["text"]
    value = text.set(~text.str.contains(_PLAIN), None).cast(pl.Float64, strict=False)
    return value * (scaled.cast(pl.Float64) * (_TEN_THOUSAND - 1) + 1)


def _days(column: pl.Series, dates: Sequence[str]) -> pl.Series:
    if dates:
        column = column.str.replace(r"^['`]+", "")
        read = [column.str.to_date(layout, strict=False) for layout in dates]
        day = pl.select(pl.coalesce(read)).to_series().alias(column.name)
    else:
        day = column.str.to_date("%Y-%m-%d", strict=False, exact=True)
        unread = day.is_null() & column.is_not_null()
        if unread.any():
            day = day.scatter(unread.arg_true(), _spelled_days(column.filter(unread)))
    # a year that Python's calendar does not have cannot be shown in any message
    return day.set(~day.dt.year().is_between(*_YEARS), None)


def _spelled_days(column: pl.Series) -> pl.Series:
    """Days of text that starts with the year; a time in UTC gives the day in `ZONE`."""
    text = pl.col("text").str.normalize("NFKC").str.replace(r"^['`]+", "").str.strip_chars()
    found = pl.col("text").str.extract_groups(_DAY)
    frame = column.to_frame("text").with_columns(text).select("text", found.alias("found"))
    piece = [
        pl.col("found").struct.field(str(k)).cast(pl.Int32, strict=False) for k in range(1, 10)
    ]
    month = pl.coalesce(piece[1], piece[3], piece[5])
    day = pl.coalesce(piece[2], piece[4], piece[6])
    hour = piece[7].fill_null(0)
    is_utc = pl.col("text").str.contains(_UTC) & piece[7].is_not_null()
    valid = (
        piece[0].is_between(*_YEARS)
        & month.is_between(1, 12)
        & day.is_between(1, 31)
        & hour.is_between(0, _HOURS)
    )
    calendar = pl.format("{}-{}-{}", piece[0].cast(pl.String), month, day).str.to_date(
        "%Y-%m-%d", strict=False
    )
    later = (is_utc & (hour + _UTC_OFFSET_HOURS >= _HOURS)).cast(pl.Int64)
    return frame.select(pl.when(valid).then(calendar + pl.duration(days=later)).alias("day"))["day"]


def in_utc(column: pl.Series) -> int:
    """Number of text cells that hold a time in UTC."""
    return int(column.str.contains(r":\d{2}.*" + _UTC).sum())


def local_day(column: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    """Days of times with a zone: the day where they were written, and of UTC that in `ZONE`.

    Parameters
    ----------
    column : polars.Expr
    dtype : polars.Datetime
        With a time zone.
    """
    zone = ZONE if is_utc(dtype) else str(dtype.time_zone)
    return column.dt.convert_time_zone(zone).dt.date()


def is_utc(dtype: Any) -> bool:  # noqa: ANN401
    """Whether a data type holds times in UTC, whose writer's own zone is not known."""
    return getattr(dtype, "time_zone", None) in {"UTC", "Etc/UTC", "GMT", "+00:00"}


def neutral(column: pl.Expr) -> pl.Expr:
    """Text with an apostrophe before what a spreadsheet would run as a formula."""
    return column.str.replace(_FORMULA, "'${0}")
