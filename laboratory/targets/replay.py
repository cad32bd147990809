"""Replays of a world's settings on antithetic common paths, for figures that are expected ones.

One world is one course of the economy: mean PDs of two seeds differ by a third, because the state
of every applicant carries the common past. Of a pair of paths, one the mirror of the other, the
mean differs by a tenth of that.
"""

from functools import partial

import polars as pl

from features.contract.tables import BUCKET_FIRMS, SOURCES
from features.parallel.executor import Progress, each
from laboratory.targets.book import book_rows
from synthetic.backdrop import backdrop, one_thread
from synthetic.offer_truth.asked import World
from synthetic.streams import Bucket
from synthetic.world import book_tables, lend, lending_tables, register_tables, simulate_applicants

PAIRS = 8
"""Antithetic pairs of common paths."""

MOST_FIRMS = 20_000
"""Applicants of a path; the sampling error of eight pairs of so many is below a fifth of every
figure that rests on a twentieth of them."""


def replays(
    world: World, *, workers: int = 1, progress: Progress | None = None, pairs: int = PAIRS
) -> pl.DataFrame:
    """Applicants of a world's settings on other common paths, without signals.

    Returns
    -------
    polars.DataFrame
        One row per applicant: the columns of register, application, outcome and truth, the first
        covered day by source, and `pair`.
    """
    firms = min(world.firms, MOST_FIRMS)
    sizes = [min(BUCKET_FIRMS, firms - first) for first in range(0, firms, BUCKET_FIRMS)]
    units = [(path, bucket, n) for path in range(2 * pairs) for bucket, n in enumerate(sizes)]
    parts = []
    for done, (_, part) in enumerate(each(partial(_replay, world), units, workers=workers), 1):
        parts.append(part)
        if progress is not None:
            progress(done, len(units))
    return pl.concat(parts).sort("pair", "path", "application_id")


def _replay(world: World, unit: tuple[int, int, int]) -> pl.DataFrame:
    """Applicants of one bucket on one path; each pair has firms of its own."""
    path, number, n = unit
    with one_thread():
        return _applicants(world, path, number, n)


def _applicants(world: World, path: int, number: int, n: int) -> pl.DataFrame:
    here = backdrop(world.seed, world.config, paths=path)
    bucket = Bucket(here.common_seed, number, world.config)
    history = simulate_applicants(n, here, bucket)
    lent = lend(history, here, bucket)
    lending = lending_tables(history, lent, here, bucket, grid=())
    book = book_tables(history, lent, here, bucket)
    register = register_tables(history, here, bucket)
    joined = joined_rows(
        lending["applications"], lending["outcomes"], lending["truth"],
        register["firms"], register["coverage"],
    ).join(
        book_rows(book["loans"], book["loan_months"]), on="application_id", how="left",
        validate="1:1", maintain_order="left",
    )  # fmt: skip
    history_columns = lending["credit_history"].drop("firm_id")
    return joined.join(
        history_columns, on="application_id", how="left", validate="1:1", maintain_order="left"
    ).with_columns(path=pl.lit(path), pair=pl.lit(path // 2))


def joined_rows(
    applications: pl.DataFrame,
    outcomes: pl.DataFrame,
    truth: pl.DataFrame,
    firms: pl.DataFrame,
    coverage: pl.DataFrame,
) -> pl.DataFrame:
    """One row per applicant with everything that is known of it beside its signals."""
    cover = coverage.pivot("source", index="firm_id", values="covered_from")
    absent = set(SOURCES) - set(cover.columns)
    cover = cover.with_columns(pl.lit(None, pl.Date).alias(name) for name in absent)
    return (
        applications.join(outcomes, on="application_id", how="left", validate="1:1")
        .join(truth.drop("firm_id"), on="application_id", how="left", validate="1:1")
        .join(firms, on="firm_id", how="left", validate="m:1")
        .join(cover.select("firm_id", *SOURCES), on="firm_id", how="left", validate="m:1")
    )
