"""Rows of records whose fields are arrays over firms, nested or not."""

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from features.arrays import Array

Record = TypeVar("Record")


def select(record: Record, keep: Array) -> Record:
    """Some of the firms of a record."""
    return _with_fields(record, lambda values: values[keep])


def stack(records: list[Record]) -> Record:
    """Firms of several records, one record after the other."""
    first = records[0]
    parts = {
        f.name: [getattr(record, f.name) for record in records]
        for f in fields(first)  # type: ignore[arg-type]
    }
    return type(first)(
        **{
            name: stack(values) if is_dataclass(values[0]) else np.concatenate(values)
            for name, values in parts.items()
        }
    )


def _with_fields(record: Any, change: Any) -> Any:  # noqa: ANN401 - any record of arrays
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    return type(record)(
        **{
            name: _with_fields(value, change) if is_dataclass(value) else change(value)
            for name, value in values.items()
        }
    )
