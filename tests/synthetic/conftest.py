"""Firms of one bucket, all of whom apply, so that two worlds can be compared firm by firm."""

from synthetic.backdrop import backdrop
from synthetic.firm.population import population
from synthetic.streams import Bucket
from synthetic.world import (
    book_tables,
    lend,
    lending_tables,
    records,
    simulate_candidates,
    with_records,
)


class Everybody:
    """A bucket in which every candidate applies."""

    def __init__(self, seed, config, firms=1_000, people=None, paths=None):
        self.config = config
        self.bucket = Bucket(seed, 0, config)
        self.world = backdrop(seed, config, paths=paths)
        drawn = population(firms, self.bucket) if people is None else people
        drawn = simulate_candidates(drawn, self.world, self.bucket)
        self.history = with_records(drawn, self.bucket)

    def tables(self):
        """The contract's tables by name, and `truth` and `faults`."""
        return self.signal_tables() | self.loan_tables()

    def signal_tables(self):
        """Those of them that records are made of, and `faults`."""
        lent = lend(self.history, self.world, self.bucket)
        return records(self.history, lent, self.world, self.bucket)

    def loan_tables(self):
        """Those of them that need no signals."""
        lent = lend(self.history, self.world, self.bucket)
        told = (self.history, lent, self.world, self.bucket)
        return lending_tables(*told) | book_tables(*told)
