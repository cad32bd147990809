"""Ids of firms and applications, and dates of world days."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from features.arrays import Array
from features.contract.tables import BUCKET_FIRMS
from synthetic.firm.population import Population
from synthetic.setting.calendar import Calendar
from synthetic.streams import Bucket


@dataclass(frozen=True)
class BucketIds:
    """What every table of a bucket needs besides its own columns."""

    population: Population
    calendar: Calendar
    bucket: Bucket

    @cached_property
    def firm_ids(self) -> pl.Series:
        """Ids of the bucket's firms, shape (n_firms,)."""
        first = self.bucket.number * BUCKET_FIRMS
        names = [f"F{first + k:07d}" for k in range(len(self.population))]
        return pl.Series("firm_id", names)

    @cached_property
    def application_ids(self) -> pl.Series:
        """One application a firm."""
        return pl.Series("application_id", ["A" + name[1:] for name in self.firm_ids])

    def identified(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Put application and firm id before the columns of a table with one row a firm."""
        return pl.DataFrame([self.application_ids, self.firm_ids]).hstack(frame)

    def dates(self, day: Array, never: Array | None = None) -> pl.Series:
        """World days as dates, empty where `never`."""
        dates = pl.Series((day + self.calendar.epoch_offset).astype(np.int32)).cast(pl.Date)
        return dates if never is None else dates.set(pl.Series(never), None)
