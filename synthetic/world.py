"""The causal graph of one bucket of firms, from top to bottom.

common shocks ─┐
population ────┼─> health ──> work ──┬─> electricity ──> bills
own shocks ────┘      │              ├─> invoices ─────> filings
                      v              ├─> parcels
                    cash ────────────┼─> shop orders
                      │              └─> (late payment, fewer purchases)
                      ├─> default, cause
                      └─> lender's view ──> approval ──> the label that is seen
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from synthetic.almanac import Almanac, almanac
from synthetic.arrays import Float
from synthetic.bills import bills
from synthetic.cash import State, cash_path, purse, surprises
from synthetic.config import WorldConfig
from synthetic.coverage import coverage
from synthetic.credit import applications, history
from synthetic.ecommerce import ecommerce
from synthetic.electricity import electricity
from synthetic.filings import filings
from synthetic.fraud import BadActors, bad_actors, brushed, inflated, steady, unused
from synthetic.futures import true_pd
from synthetic.health import HISTORY, health
from synthetic.identity import Identity
from synthetic.invoices import INPUT, OUTPUT, Flow, habits, invoiced_sales, invoices
from synthetic.loans import record_applications, record_history, record_outcomes
from synthetic.logistics import logistics
from synthetic.months import months_of
from synthetic.payment import strain
from synthetic.population import Population, population
from synthetic.record import Recorder
from synthetic.shocks import WEEK, Common, common_shocks, weeks_of_world
from synthetic.streams import Bucket
from synthetic.truth import fate
from synthetic.turnover import thrift, yearly
from synthetic.weather import temperature
from synthetic.work import daily, days_of, lumps, pace


@dataclass(frozen=True)
class Backdrop:
    """What all buckets of a world share."""

    seed: int
    config: WorldConfig
    when: Almanac
    common: Common
    temperature: Float


def backdrop(seed: int, config: WorldConfig) -> Backdrop:
    """Draw what all firms live through."""
    start = config.calendar.first_application - dt.timedelta(days=config.calendar.history_days)
    when = almanac(start, weeks_of_world(config) * WEEK)
    return Backdrop(seed, config, when, common_shocks(seed, config), temperature(seed, when))


def bucket_world(n: int, bucket: int, world: Backdrop) -> dict[str, pl.DataFrame]:
    """Live through the history and the future of `n` firms.

    Returns
    -------
    dict of polars.DataFrame
        The contract's tables by name, and `truth` and `faults`.
    """
    at = Bucket(world.seed, bucket, world.config)
    story = live(population(n, at), world, at)
    return records(story, world, at) | judgement(story, world, at)


@dataclass(frozen=True)
class Story:
    """What firms are and what happens to them; records and outcomes are read off it."""

    firms: Population
    bad: BadActors
    state: State


def live(firms: Population, world: Backdrop, at: Bucket) -> Story:
    """Draw what happens to firms, past and future."""
    well = health(firms, world.common, at, name="health")
    surprise = surprises(len(firms), at, name="cash")
    own = purse(firms, at)
    cash = cash_path(well.total, well.strikes, surprise, own, world.config)
    return Story(firms, bad_actors(firms, at), State(well, surprise, own, cash))


def records(story: Story, world: Backdrop, at: Bucket) -> dict[str, pl.DataFrame]:
    """Record what the data sources see of a story: the signal tables, and their faults."""
    firms, bad, state = story.firms, story.bad, story.state
    well, own, when = state.health, state.purse, world.when
    days = days_of(firms, world.config)
    months = months_of(days, when)
    cash = daily(state.cash, days)
    short = strain(cash)

    plan = pace(firms, well.total, days, when, at)
    real = plan * lumps(firms, well.own_sd, days, at)
    warmth = world.temperature[firms.city[:, None], days.index]
    kwh = steady(firms, electricity(firms, plan, well.own_sd, warmth, at), bad, at)
    charged = bills(firms, kwh, cash, months, at)
    to_sell, to_buy = yearly(firms, own, at)
    cover = coverage(firms, days.shape[1], at)
    taxed = (cover.tax >= 0)[:, None]  # nobody sees the others' invoices: none are drawn
    claimed, invented = inflated(real, bad, at)
    to_invoice = Flow(np.where(taxed, claimed, 0), short, invented)
    sold = invoices(
        firms, habits(firms, to_sell, well.own_sd, OUTPUT, at), to_invoice, (days, when), at
    )
    needed = Flow(np.where(taxed, unused(real * thrift(cash), bad), 0), short, 0 * invented)
    bought = invoices(
        firms, habits(firms, to_buy, well.own_sd, INPUT, at), needed, (days, when), at
    )
    filed = filings(firms, invoiced_sales(sold, days.shape), cash, months, at)
    parcels = logistics(firms, real, short, cover.logistics >= 0, at)
    shops = ecommerce(firms, (real, brushed(real, bad, at)), short, cover.ecommerce >= 0, at)

    record = Recorder(Identity(firms, when, at), days, months, cover)
    return {
        "firms": record.firms(),
        "coverage": record.coverage(),
        "invoices": record.invoices(sold, bought),
        "tax_filings": record.tax_filings(filed),
        "electricity": record.electricity(kwh),
        "electricity_bills": record.electricity_bills(charged),
        "logistics": record.logistics(parcels),
        "ecommerce": record.ecommerce(shops),
        "faults": record.faults(parcels, sold, bought),
    }


def judgement(story: Story, world: Backdrop, at: Bucket) -> dict[str, pl.DataFrame]:
    """Write down who applies and who is approved, what becomes of it, and the truth."""
    firms, bad, state = story.firms, story.bad, story.state
    config, own, cash = world.config, state.purse, state.cash[:, HISTORY]
    outcome = fate(state, bad, config)
    pd = true_pd(firms, state, config, at.stream("futures"), world=False)
    pd_world = true_pd(firms, state, config, at.stream("futures.world"), world=True)
    request = applications(firms, own, cash, at)

    truth = pl.DataFrame(
        {
            "true_pd": bad.intent + (1 - bad.intent) * pd,
            "true_pd_world": bad.intent + (1 - bad.intent) * pd_world,
            "potential_default": outcome.defaults,
            "cause": pl.Series(outcome.cause.tolist(), dtype=pl.String),
            "health": state.health.total[:, HISTORY],
            "cash_months": cash,
            "usual_cash_months": own.usual,
            "own_sd": state.health.own_sd,
            "rate_pct": request.rate_pct,
            "guaranteed": request.guaranteed,
            "shell": bad.shell,
            "invoice_inflation": bad.inflator,
            "brushing": bad.brusher,
        }
    ).with_columns(pl.col("cause").replace("", None))
    who = Identity(firms, world.when, at)
    return {
        "credit_history": record_history(who, history(firms, own, at)),
        "applications": record_applications(who, request),
        "outcomes": record_outcomes(who, request, outcome),
        "truth": who.identified(truth),
    }
