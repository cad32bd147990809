"""Figures of the loan book over several worlds, as docs/book.md shows them.

    python docs/book_page.py

No signals are drawn. Loans are observed until the last recovery has come, so that vintages and
losses are whole. Intervals are the lowest and the highest world: each is one course of the economy.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from features.contract.tables import BUCKET_FIRMS, LENDER_TYPES
from features.io.loan_outcomes import FIRST_PAST_DUE
from features.parallel.executor import each
from laboratory.targets.book import book_rows
from synthetic.backdrop import backdrop, one_thread
from synthetic.config.schema import WorldConfig
from synthetic.firm.horizon import DAYS_A_MONTH, DAYS_PAST_DUE
from synthetic.streams import Bucket
from synthetic.world import book_tables, lend, lending_tables, simulate_applicants

OBSERVED_DAYS = 1_250
"""Days that hold the longest loan, its default and two years of recoveries."""

RATE_BANDS = (4.0, 4.5, 5.0, 5.5, 6.0, 8.0, 10.0, 12.0)
MONTHS_ON_BOOK = (4, 6, 9, 12, 15)
BUCKETS = ("current", "1-29", "30-59", "60-89", "default", "repaid", "written off")
RECOVERY_DAYS = (90, 180, 365, 730)

Figures = dict[str, Any]
World = dict[str, pl.DataFrame]
"""Tables of a world: people, loans, months and recoveries."""


def figures(config: WorldConfig, *, seeds: list[int], firms: int, workers: int) -> Figures:
    """Every figure of the page, each as [mean, lowest, highest] over the worlds."""
    calendar = config.calendar.model_copy(update={"outcome_days": OBSERVED_DAYS})
    config = config.model_copy(update={"calendar": calendar})
    units = [(seed, number) for seed in seeds for number in range(firms // BUCKET_FIRMS)]
    told = dict(each(partial(_bucket, config), units, workers=workers))
    parts: dict[int, list[World]] = {seed: [] for seed in seeds}
    for at, (seed, _) in enumerate(units):
        parts[seed].append(told[at])
    worlds = [
        {name: pl.concat(part[name] for part in world) for name in world[0]}
        for world in parts.values()
    ]
    loans = sum(world["loans"].height for world in worlds)
    measured = {name: _over(worlds, measure) for name, measure in MEASURES.items()}
    return {"worlds": len(worlds), "firms": firms * len(worlds), "loans": loans} | measured


def _bucket(config: WorldConfig, unit: tuple[int, int]) -> dict[str, pl.DataFrame]:
    seed, number = unit
    with one_thread():
        world, bucket = backdrop(seed, config), Bucket(seed, number, config)
        history = simulate_applicants(BUCKET_FIRMS, world, bucket)
        lent = lend(history, world, bucket)
        lending = lending_tables(history, lent, world, bucket, grid=())
        book = book_tables(history, lent, world, bucket)
    people = (
        lending["applications"]
        .join(
            lending["outcomes"].select(
                "application_id", "approved", "accepted", "offered_rate_pct"
            ),
            on="application_id",
        )
        .join(lending["truth"].drop("firm_id"), on="application_id")
    )
    rows = book_rows(book["loans"], book["loan_months"])
    return {
        "people": people.join(rows, on="application_id", how="left"),
        "loans": book["loans"],
        "months": book["loan_months"],
        "recoveries": book["recoveries"],
    }  # fmt: skip


def _over(worlds: list[World], measure: Callable[[World], dict[str, float]]) -> Figures:
    """Mean, lowest and highest of each figure over the worlds that have it."""
    found = [measure(world) for world in worlds]
    spread: Figures = {}
    for name in dict.fromkeys(key for one in found for key in one):
        values = [one[name] for one in found if name in one and np.isfinite(one[name])]
        spread[name] = [float(f"{x:.5g}") for x in (np.mean(values), min(values), max(values))]
    return spread


def _doors(world: World) -> dict[str, float]:
    """Mean PD of applied, approved, accepted and of those who left, by rate too."""
    people = world["people"]
    approved = people.filter("approved")
    sets = {
        "applied": people,
        "approved": approved,
        "accepted": approved.filter("accepted"),
        "left": approved.filter(~pl.col("accepted")),
    }
    bands = ((0.0, 5.0), (5.0, 7.0), (7.0, 100.0))
    for low, high in bands:
        inside = pl.col("offered_rate_pct").is_between(low, high, closed="right")
        sets[f"accepted {high:g}"] = sets["accepted"].filter(inside)
        sets[f"left {high:g}"] = sets["left"].filter(inside)
    return {name: 100 * _mean(rows["true_pd"]) for name, rows in sets.items()}


def _acceptance(world: World) -> dict[str, float]:
    """Share of approved offers that are taken by rate, %."""
    approved = world["people"].filter("approved")
    shares = {}
    for low, high in pairwise(RATE_BANDS):
        inside = approved.filter(pl.col("offered_rate_pct").is_between(low, high, closed="left"))
        shares[f"{low:g}-{high:g}"] = 100 * _mean(inside["accepted"].cast(pl.Float64))
    return shares


def _vintages(world: World) -> dict[str, float]:
    """Loans that have been 90 days past due by months on book, %, of all and by quarter."""
    rows = _default_month(world)
    quarter = pl.col("disbursed_on").dt.truncate("1q")
    shares = {}
    for months in MONTHS_ON_BOOK:
        bad = (pl.col("since") <= DAYS_A_MONTH * months + 1).fill_null(value=False)
        by_quarter = rows.group_by(quarter).agg(pl.len(), share=100 * bad.mean())
        kept = by_quarter.filter(pl.col("len") >= BUCKET_FIRMS // 4)["share"]
        shares[f"{months} all"] = 100 * float(rows.select(bad.mean()).item())
        shares[f"{months} best"] = float(kept.min())  # type: ignore[arg-type]
        shares[f"{months} worst"] = float(kept.max())  # type: ignore[arg-type]
    return shares


def _default_month(world: World) -> pl.DataFrame:
    """Loans with the days from disbursement to the first 90 days past due."""
    first = world["months"].group_by("loan_id").agg(first=FIRST_PAST_DUE)
    rows = world["loans"].join(first, on="loan_id", how="left")
    since = (pl.col("first") - pl.col("disbursed_on")).dt.total_days()
    return rows.with_columns(since=since)


def _hazard(world: World) -> dict[str, float]:
    """Share of running loans whose default begins with the instalment of a month, %."""
    rows = _default_month(world).with_columns(
        month=((pl.col("since") - DAYS_PAST_DUE) / DAYS_A_MONTH).round().cast(pl.Int64)
    )
    shares = {}
    for month in range(1, 13):
        runs = (pl.col("term_months") >= month) & (
            pl.col("month").is_null() | (pl.col("month") >= month)
        )
        at_risk = rows.filter(runs)
        shares[str(month)] = 100 * _mean((at_risk["month"] == month).fill_null(value=False))
    return shares


def _rolls(world: World) -> dict[str, float]:
    """Roll rates between buckets of days past due, % of the balance, by month."""
    dpd, status = pl.col("dpd"), pl.col("status")
    names = dict(enumerate(BUCKETS))
    state = (
        pl.when(status == "repaid").then(pl.lit(names[5]))
        .when(status == "written_off").then(pl.lit(names[6]))
        .when(status == "default").then(pl.lit(names[4]))
        .when(dpd >= 60).then(pl.lit(names[3]))
        .when(dpd >= 30).then(pl.lit(names[2]))
        .when(dpd >= 1).then(pl.lit(names[1]))
        .otherwise(pl.lit(names[0]))
    )  # fmt: skip
    months = world["months"].sort("loan_id", "month_end").with_columns(state=state)
    months = months.with_columns(to=pl.col("state").shift(-1).over("loan_id")).drop_nulls("to")
    cells = months.group_by("state", "to").agg(pl.col("balance_cny").sum())
    total = cells.group_by("state").agg(all=pl.col("balance_cny").sum())
    cells = cells.join(total, on="state").filter(pl.col("all") > 0).sort("state", "to")
    return {
        f"{one} -> {two}": 100 * balance / every
        for one, two, balance, every in cells.select(
            "state", "to", "balance_cny", "all"
        ).iter_rows()
    }


def _npl(world: World) -> dict[str, float]:
    """NPL by balance, and defaults of 12 months by number, by lender, %."""
    people = world["people"].filter(pl.col("accepted").fill_null(value=False))
    shares = {}
    for name in ("all", *LENDER_TYPES):
        rows = people if name == "all" else people.filter(pl.col("lender_type") == name)
        shares[f"{name} npl"] = (
            100 * rows["npl_cny_months"].sum() / rows["balance_cny_months"].sum()
        )
        shares[f"{name} number"] = 100 * _mean(rows["potential_default"].cast(pl.Float64))
        shares[f"{name} pd"] = 100 * _mean(rows["true_pd"])
    return shares


def _losses(world: World) -> dict[str, float]:
    """Loss given default by what stands behind the loan, and recoveries by time, %."""
    loans, recoveries = world["loans"], world["recoveries"]
    bad = _default_month(world).drop_nulls("first")
    owed = world["months"].filter(pl.col("status") == "default").sort("month_end")
    owed = owed.group_by("loan_id").agg(
        owed=(pl.col("balance_cny") + pl.col("recovered_cny")).first()
    )
    rows = bad.join(owed, on="loan_id")
    back = recoveries.join(bad.select("loan_id", "first"), on="loan_id").with_columns(
        days=(pl.col("received_on") - pl.col("first")).dt.total_days()
    )
    total = back.group_by("loan_id").agg(pl.col("amount_cny").sum())
    rows = rows.join(total, on="loan_id", how="left").with_columns(
        lgd=100 * (1 - pl.col("amount_cny").fill_null(0) / pl.col("owed"))
    )
    backed, pledged = pl.col("guaranteed_share") > 0, pl.col("pledge").is_not_null()
    kinds = {"guaranteed": backed, "pledged": pledged & ~backed, "unsecured": ~backed & ~pledged}
    shares = {"all mean": _mean(rows["lgd"]), "owed": 100 * _mean(rows["owed"] / rows["limit_cny"])}
    for name, which in kinds.items():
        lgd = rows.filter(which)["lgd"]
        shares[f"{name} mean"] = _mean(lgd)
        shares[f"{name} p25"] = float(lgd.quantile(0.25) or np.nan)
        shares[f"{name} p75"] = float(lgd.quantile(0.75) or np.nan)
    for days in RECOVERY_DAYS:
        came = back.filter(pl.col("days") <= days)["amount_cny"].sum()
        shares[f"within {days} days"] = 100 * came / rows["owed"].sum()
    shares["lost of lent"] = (
        100 * float((rows["owed"] * rows["lgd"] / 100).sum()) / float(loans["limit_cny"].sum())
    )
    return shares


def _mean(values: pl.Series) -> float:
    mean = values.mean()
    return float("nan") if mean is None else float(mean)  # type: ignore[arg-type]


MEASURES: dict[str, Callable[[World], dict[str, float]]] = {
    "doors": _doors,
    "acceptance": _acceptance,
    "vintages": _vintages,
    "hazard": _hazard,
    "rolls": _rolls,
    "npl": _npl,
    "losses": _losses,
}
