"""Who is who: the ids of a bucket's firms and applications, and its days as dates."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from features.tables import BUCKET_FIRMS
from synthetic.almanac import Almanac
from synthetic.arrays import Int
from synthetic.population import Population
from synthetic.streams import Bucket


@dataclass(frozen=True)
class Identity:
    """What every table of a bucket needs besides its own columns."""

    population: Population
    when: Almanac
    at: Bucket

    @cached_property
    def firm_ids(self) -> pl.Series:
        """Ids of the bucket's firms, shape (n_firms,)."""
        first = self.at.number * BUCKET_FIRMS
        names = [f"F{first + k:07d}" for k in range(len(self.population))]
        return pl.Series("firm_id", names)

    @cached_property
    def application_ids(self) -> pl.Series:
        """One application a firm."""
        return pl.Series("application_id", ["A" + name[1:] for name in self.firm_ids])

    def identified(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Put application and firm id before the columns of a table with one row a firm."""
        return pl.DataFrame([self.application_ids, self.firm_ids]).hstack(frame)

    def dates(self, day: Int, never: Int | None = None) -> pl.Series:
        """World days as dates, empty where `never`."""
        dates = pl.Series((day + self.when.epoch_offset).astype(np.int32)).cast(pl.Date)
        return dates if never is None else dates.set(pl.Series(never), None)
