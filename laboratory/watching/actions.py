"""What acting on alarms does: the same loans and shocks with and without each action.

A data owner who acts sees one future and counts every loan that did not default as a success. Here
the other future is known too.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from laboratory.watching.watched_world import loans_as_offers
from synthetic.book.action import ACTIONS
from synthetic.offer_truth.answer import offer_truth


@dataclass(frozen=True)
class Effect:
    """Effect of an action at the alarms of a world, a mean per alarm.

    Attributes
    ----------
    alarms : int
    naive : float
        Share of the loans acted on that are not in default six months later.
    averted : float
        Share that defaults within six months without the action and does not with it.
    averted_life : float
        The PD over the loan's life without the action less that with it.
    loss_cny, income_cny : float
        Expected change of loss (negative is saved) and of interest.
    """

    alarms: int
    naive: float
    averted: float
    averted_life: float
    loss_cny: float
    income_cny: float

    @property
    def gain_cny(self) -> float:
        """What the lender gains by acting, expected."""
        return self.income_cny - self.loss_cny


def acted_on(world: Path, opened: pl.DataFrame, *, workers: int = 2) -> dict[str, Effect]:
    """Effect of each action on the loans of which an alarm opened an episode, on that day.

    Parameters
    ----------
    world : pathlib.Path
    opened : polars.DataFrame
        loan_id and as_of, one row an alarm.
    """
    alarms = loans_as_offers(world).join(opened.select("loan_id", "as_of"), on="loan_id")
    asked = pl.concat([alarms.with_columns(action=pl.lit(action)) for action in ACTIONS])
    told = offer_truth(world, asked, workers=workers)
    futures = dict(zip(ACTIONS, told.iter_slices(alarms.height), strict=True))
    return {
        action: _effect(future, futures["none"])
        for action, future in futures.items()
        if action != "none"
    }


def _effect(acted: pl.DataFrame, left: pl.DataFrame) -> Effect:
    runs = left["open"]
    acted, left = acted.filter(runs), left.filter(runs)

    def change(column: str) -> float:
        return float((acted[column] - left[column]).mean())  # type: ignore[arg-type]

    return Effect(
        alarms=acted.height,
        naive=1 - float(acted["defaulted"].mean()),  # type: ignore[arg-type]
        averted=float((left["defaulted"] & ~acted["defaulted"]).mean()),  # type: ignore[arg-type]
        averted_life=-change("pd_life"),
        loss_cny=change("expected_loss_cny"),
        income_cny=change("expected_income_cny"),
    )
