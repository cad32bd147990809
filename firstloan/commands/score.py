"""The command `score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.table import Table
from typer import Option

from features.cli_paths import local_path, path_option
from features.io.storage import storage_errors
from firstloan.options import (
    Applicants,
    ModelAddress,
    NoOffers,
    OfferPolicyFile,
    PolicyFile,
    Scheduler,
    Signals,
    Workers,
)
from firstloan.output import progress, say, show, warn

if TYPE_CHECKING:
    from scoring.run.aggregates import OfferSums
    from scoring.shadow.swap_set import SwapSet


def score(
    applicants: Applicants,
    *,
    signals: Signals,
    out: Annotated[Path, path_option(local_path, "Scored CSV to write.")],
    model: ModelAddress = None,
    shadow: Annotated[
        str | None,
        Option(help="Folder or address of a challenger that scores along.", show_default=False),
    ] = None,
    policy: PolicyFile = None,
    offer_policy: OfferPolicyFile = None,
    no_offers: NoOffers = False,
    strict: Annotated[bool, Option("--strict", help="Stop if any row would be rejected.")] = False,
    workers: Workers = 2,
    scheduler: Scheduler = None,
) -> None:
    """Score applicants from CSV, with reasons."""
    from features.io.outputs import disk_errors
    from features.parallel.executor import connect
    from models.policy import Policy
    from scoring.batch import score_file
    from scoring.offers.policy import OfferPolicy

    with (
        storage_errors(applicants, signals),
        disk_errors(out),
        connect(scheduler) as cluster,
        progress("scoring applicants") as step,
    ):
        summary = score_file(
            applicants=applicants,
            signals=signals,
            out=out,
            model=model,
            shadow=shadow,
            policy=None if policy is None else Policy.load(policy),
            offer_policy=None if no_offers else OfferPolicy.load(offer_policy),
            offers=not no_offers,
            strict=strict,
            workers=workers,
            progress=step,
            cluster=cluster,
        )
    for warning in summary.warnings:
        warn(warning)
    say(
        f"Read {summary.read:,} applicants: {summary.scored:,} scored, {summary.insufficient:,} "
        f"with insufficient data, {summary.rejected:,} rejected."
    )
    say(f"Model: {summary.model}")
    say(f"Decisions: {_counts(summary.decisions)}.")
    say(f"Grades: {_counts(summary.grades)}.")
    if not no_offers:
        for line in _offers(summary.offers):
            say(line)
    if summary.swap_set is not None:
        _say_shadow(summary.shadow, summary.swap_set)
    for path in summary.outputs:
        say(f"  wrote {path}")


def _offers(offers: "OfferSums") -> list[str]:
    lines = ["Offers: none."]
    if offers.offers:
        limit, rate = f"{offers.limit_cny / 1e6:,.1f} million", f"{offers.mean_rate_pct:.2f} %"
        loss, profit = f"{offers.expected_loss_cny:,.0f}", f"{offers.expected_profit_cny:,.0f}"
        lines = [
            f"Offers: {offers.offers:,} of CNY {limit} in all, at {rate} a year on average.",
            f"  if all are taken: expected loss CNY {loss}, expected profit CNY {profit}",
        ]
    if offers.without_offer:
        lines.append(
            f"  none to {offers.without_offer:,} whom the score policy approves: they are referred"
        )
    return lines


def _say_shadow(label: str, swap_set: "SwapSet") -> None:
    share = swap_set.changed / max(swap_set.applicants, 1)
    say(f"Shadow: {label}")
    say(
        f"  decides otherwise for {swap_set.changed:,} of {swap_set.applicants:,} ({share:.1%}); "
        f"names {swap_set.agreement:.0%} of the same reasons"
    )
    changes = [swap for swap in swap_set.swaps if swap.changes_side]
    if not changes:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("  decision")
    table.add_column("shadow")
    for name in ("applicants", "mean PD", "shadow PD"):
        table.add_column(name, justify="right")
    for swap in changes:
        table.add_row(
            f"  {swap.champion}",
            swap.shadow,
            f"{swap.applicants:,}",
            f"{swap.pd:.2%}",
            f"{swap.shadow_pd:.2%}",
        )
    show(table)


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in numbers.items())
