"""Truth of any offers to the applicants of a simulated world, one bucket of firms at a time.

An offer without a day is answered from the application on, one with a day from that day on. The
latent state is replayed; nothing is read but the manifest.
"""

from functools import partial
from pathlib import Path
from types import ModuleType

import polars as pl

from features.parallel.executor import each
from synthetic.backdrop import Backdrop, backdrop, one_thread
from synthetic.offer_truth import offer, open_loan
from synthetic.offer_truth.asked import DAY, checked_offers, numbered, read_world

MONEY = "_cny"
"""Ending of a column of money, which is rounded to fen."""

DECIMALS = 12
"""Decimals of a probability, so that it does not depend on the other offers in the call."""


def offer_truth(data: Path, offers: pl.DataFrame, *, workers: int = 1) -> pl.DataFrame:
    """Answer what would become of each offer; see `synthetic.truth_of`."""
    world = read_world(data)
    asked = numbered(checked_offers(offers, world)).sort("bucket", "firm", "position")
    units = asked.partition_by("bucket", maintain_order=True)
    run = partial(answers, backdrop(world.seed, world.config), world.firms)
    told = [answer for _, answer in each(run, units, workers=workers)]
    if not told:
        kinds = _answering(asked).ANSWERS
        return asked.select("application_id").with_columns(
            pl.Series(name, [], kind) for name, kind in kinds.items()
        )
    return pl.concat(told).sort("position").drop("position")


def answers(world: Backdrop, firms: int, asked: pl.DataFrame) -> pl.DataFrame:
    """Answer the offers to the firms of one bucket, with their `position`."""
    kind = _answering(asked)
    with one_thread():
        columns = kind.bucket_truth(world, firms, asked)
    told = asked.select("position", "application_id").with_columns(
        pl.Series(name, columns[name]).cast(of).round(2 if name.endswith(MONEY) else DECIMALS)
        if of == pl.Float64
        else pl.Series(name, columns[name], of)
        for name, of in kind.ANSWERS.items()
    )
    if kind is offer:
        return told
    of_open = [name for name in kind.ANSWERS if name != "open"]
    return told.with_columns(pl.when("open").then(pl.col(of_open)))


def _answering(asked: pl.DataFrame) -> ModuleType:
    return open_loan if set(DAY) <= set(asked.columns) else offer
