"""Shapes of a source: footers dropped, rows chosen, readings that stand side by side unpivoted."""

import re

import polars as pl

from features.contract.cells import numbers
from features.contract.errors import ContractError
from features.importing.mapping import FOOTERS, Source, Wide, words

_MINUTES = 24 * 60


def without_footers(frame: pl.DataFrame, columns: list[str]) -> tuple[pl.DataFrame, int]:
    """Drop rows whose first filled cell says that they add up those above; how many there were.

    Parameters
    ----------
    frame : polars.DataFrame
        Text cells.
    columns : list of str
        Columns of the source.
    """
    first = pl.coalesce(columns).str.to_lowercase().str.replace_all(r"[\s:：]", "")
    marks = [word.replace(" ", "") for word in FOOTERS]
    kept = frame.filter(~first.is_in(marks).fill_null(value=False))
    return kept, frame.height - kept.height


def chosen(frame: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Rows that hold the words of `only`."""
    rules = [pl.col(name).is_in(words(asked)) for name, asked in source.only.items()]
    return frame.filter(*rules) if rules else frame


def unpivoted(frame: pl.DataFrame, wide: Wide, *, where: str) -> pl.DataFrame:
    """One row per reading, or one per band of the day.

    Parameters
    ----------
    frame : polars.DataFrame
        Text cells of the source, with further columns that stay.
    wide : Wide
    where : str
        File, for the message.

    Returns
    -------
    polars.DataFrame
        The other columns; with firms as names `firm_id` and `wide.into`; with times `wide.into`
        and a column for each band, in kWh of the day. A day that lacks a reading has none.

    Raises
    ------
    ContractError
        If no column fits the expression.
    """
    readings = [name for name in frame.columns if re.fullmatch(wide.columns, name)]
    if not readings:
        raise ContractError(
            f"{where}: expected columns such as {wide.columns}; found: "
            f"{', '.join(frame.columns[:20])}. Correct the mapping's wide.columns."
        )
    if wide.names == "firm_id":
        others = [name for name in frame.columns if name not in readings]
        long = frame.unpivot(readings, index=others, variable_name="firm_id", value_name=wide.into)
        return long.with_columns(_added(long, [wide.into], wide).alias(wide.into))
    bands = _bands(len(readings), wide)
    return frame.with_columns(
        _added(frame, [readings[k] for k in points], wide).alias(band)
        for band, points in bands.items()
    )


def _added(frame: pl.DataFrame, readings: list[str], wide: Wide) -> pl.Series:
    """Sum of readings as text; a cell that is no number is handed on, an empty one empties all."""
    values = pl.DataFrame([numbers(frame[name]) for name in readings])
    total = values.select(pl.sum_horizontal(pl.all(), ignore_nulls=False) * wide.scale).to_series()
    if wide.times is not None:
        total = total * numbers(frame[wide.times])
    unread = [
        pl.when(values[name].is_null()).then(frame[name]).otherwise(None) for name in readings
    ]
    return pl.select(pl.coalesce(total.cast(pl.String), *unread)).to_series()


def _bands(points: int, wide: Wide) -> dict[str, list[int]]:
    """Columns of each band: point k covers the k-th of equal stretches of the day."""
    length = _MINUTES / points
    band_of = [wide.into] * points
    for band, spans in wide.bands.items():
        for span in spans:
            start, end = (_minutes(text) for text in span.split("-"))
            for k in range(points):
                minute = k * length
                inside = start <= minute < end if start < end else minute >= start or minute < end
                if inside:
                    band_of[k] = band
    return {
        band: [k for k, name in enumerate(band_of) if name == band]
        for band in dict.fromkeys(band_of)
    }


def _minutes(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)
