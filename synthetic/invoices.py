"""VAT invoices, one by one.

    count[direction, day] ~ Poisson(rate · work),    amount = ticket · partner · lognormal

Sales invoices follow work; purchases follow it with a lag and shrink when cash is short. Some
sales invoices are voided within days, some are reversed by a negative (red) one.
"""

from dataclasses import dataclass

import numpy as np

from synthetic.arrays import Float, Int, Rng
from synthetic.config import WorldConfig
from synthetic.population import Population
from synthetic.streams import stream

OUTPUT, INPUT = 0, 1
MOST_A_YEAR = 5_000
"""Cap on the expected invoices of a firm, year and direction; larger firms bundle."""


@dataclass(frozen=True)
class Invoices:
    """Invoices of a bucket in long form; arrays of shape (n_invoices,).

    `firm` is the position in the bucket, `day` the column of the history, `partner` a rank within
    the firm's partners (0 is the largest), `number` counts within firm and direction, `voided` is
    the number of days to the void or -1.
    """

    direction: int
    firm: Int
    day: Int
    number: Int
    partner: Int
    amount_cny: Float
    voided: Int


@dataclass(frozen=True)
class Invoicing:
    """How a firm invoices; arrays of shape (n_firms,)."""

    tickets_cny: Float
    per_day: Float
    partners: Int
    concentration: Float
    spread: Float
    void_rate: Float


def invoicing(
    firms: Population, direction: int, seed: int, bucket: int, config: WorldConfig
) -> Invoicing:
    """Draw each firm's habits for one direction."""
    rng = stream(seed, f"invoices.habits.{direction}", bucket)
    n = len(firms)
    trade = firms.trade
    invoiced = np.clip(
        np.array(config.per_trade("invoiced"))[trade] * np.exp(0.2 * rng.standard_normal(n)),
        0.03,
        1,
    )
    margin = np.array(config.per_trade("margin"))[trade]
    share = invoiced if direction == OUTPUT else np.clip(invoiced + 0.1, 0, 1) * (1 - margin)
    share = share * config.tax.honest_share
    yearly = share * firms.sales_cny
    typical = np.array(config.per_trade("ticket_cny"))[trade]
    median_sales = np.take(config.population.sales_median_cny, firms.form)
    ticket = (
        typical * (firms.sales_cny / median_sales) ** 0.45 * np.exp(0.6 * rng.standard_normal(n))
    )
    spread = np.clip(0.9 * np.exp(0.25 * rng.standard_normal(n)), 0.3, 1.8)
    mean_ticket = ticket * np.exp(spread**2 / 2)
    count = np.minimum(yearly / mean_ticket, MOST_A_YEAR)
    mean_ticket = yearly / count
    return Invoicing(
        tickets_cny=mean_ticket / np.exp(spread**2 / 2),
        per_day=count / 365.0,
        partners=np.clip(2 + rng.lognormal(2.6, 0.9, n), 2, 400).astype(np.int64),
        concentration=np.clip(rng.lognormal(0.9, 0.35, n), 1.2, 6.0),
        spread=spread,
        void_rate=np.clip(
            config.tax.void_rate * np.exp(0.6 * rng.standard_normal(n) - 0.3 * firms.quality),
            0,
            0.5,
        ),
    )


def invoices(
    firms: Population, habits: Invoicing, intensity: Float, direction: int, seed: int, bucket: int,
    config: WorldConfig,
) -> Invoices:  # fmt: skip
    """Issue the invoices of one direction.

    Parameters
    ----------
    intensity : ndarray of shape (n_firms, n_days)
        Work that is invoiced, 1 on a usual day.
    """
    counts = stream(seed, f"invoices.count.{direction}", bucket).poisson(
        habits.per_day[:, None] * intensity
    )
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    firm, day = np.divmod(cell, counts.shape[1])
    partner = _partners(habits, firm, stream(seed, f"invoices.partner.{direction}", bucket))
    rng = stream(seed, f"invoices.amount.{direction}", bucket)
    amount = habits.tickets_cny[firm] * np.exp(
        habits.spread[firm] * rng.standard_normal(len(firm), np.float32)
    )
    fate = stream(seed, f"invoices.fate.{direction}", bucket)
    voided, amount = _fate(habits, firm, np.maximum(amount, 1.0), direction, config, fate)
    starts = np.searchsorted(firm, np.arange(len(firms)))
    return Invoices(
        direction=direction,
        firm=firm,
        day=day,
        number=np.arange(len(firm)) - starts[firm],
        partner=partner,
        amount_cny=np.round(amount, 2),
        voided=voided,
    )


def _partners(habits: Invoicing, firm: Int, rng: Rng) -> Int:
    """Rank of the partner: a power of a uniform number favours the first ones."""
    uniform = rng.random(len(firm), np.float32)
    reach = uniform ** habits.concentration.astype(np.float32)[firm]
    return np.asarray((habits.partners[firm] * reach).astype(np.int32))


def _fate(
    habits: Invoicing, firm: Int, amount: Float, direction: int, config: WorldConfig, rng: Rng
) -> tuple[Int, Float]:
    """Days to the void (-1: never) and amounts, negative on red invoices."""
    void = rng.random(len(firm), np.float32) < habits.void_rate[firm]
    red = ~void & (rng.random(len(firm), np.float32) < config.tax.red_rate)
    wait = np.minimum(rng.exponential(3.0, len(firm)), 28).astype(np.int32)
    return np.where(void, wait, -1), np.where(red, -amount, amount)


def invoiced_sales(issued: Invoices, shape: tuple[int, int]) -> Float:
    """Net invoiced amount by firm and day, voids left out; shape (n_firms, n_days), CNY."""
    kept = issued.voided < 0
    cell = issued.firm[kept] * shape[1] + issued.day[kept]
    total = np.bincount(cell, weights=issued.amount_cny[kept], minlength=shape[0] * shape[1])
    return total.reshape(shape)
