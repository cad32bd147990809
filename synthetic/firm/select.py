"""Rows of records whose fields are arrays over firms, nested or not."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from features.arrays import Array

Record = TypeVar("Record")


def select(record: Record, keep: Array) -> Record:
    """Some of the firms of a record."""
    return _combined([record], lambda parts: parts[0][keep])


def stack(records: list[Record]) -> Record:
    """Firms of several records, one record after the other."""
    return records[0] if len(records) == 1 else _combined(records, np.concatenate)


def _combined(records: list[Record], combine: Callable[[list[Any]], Any]) -> Record:
    """A record each of whose arrays is combined from those of several records."""
    combined = {}
    for field in fields(records[0]):  # type: ignore[arg-type]
        values = [getattr(record, field.name) for record in records]
        nested = is_dataclass(values[0])
        combined[field.name] = _combined(values, combine) if nested else combine(values)
    return type(records[0])(**combined)
