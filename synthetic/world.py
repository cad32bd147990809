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

from features.arrays import FloatArray
from synthetic.config.schema import WorldConfig
from synthetic.firm.cash import State, cash_buffer, cash_path, surprises
from synthetic.firm.coverage import coverage
from synthetic.firm.fraud import (
    BadActors,
    apply_brushing,
    apply_inflation,
    apply_shell,
    bad_actors,
    shell_purchases,
)
from synthetic.firm.health import HISTORY, health
from synthetic.firm.lending import applications, credit_history
from synthetic.firm.outcome import realised_outcome
from synthetic.firm.payment import cash_shortfall
from synthetic.firm.population import Population, population
from synthetic.firm.shocks import WEEK, Common, common_shocks, weeks_of_world
from synthetic.firm.true_pd import true_pd
from synthetic.firm.turnover import purchase_factor, yearly
from synthetic.firm.work import daily, days_of, lumps, pace
from synthetic.records.ids import BucketIds
from synthetic.records.loan_tables import record_applications, record_history, record_outcomes
from synthetic.records.signal_tables import Recorder
from synthetic.setting.calendar import Calendar, build_calendar
from synthetic.setting.months import months_of
from synthetic.setting.weather import temperature
from synthetic.signals.bills import bills
from synthetic.signals.ecommerce import ecommerce
from synthetic.signals.electricity import electricity
from synthetic.signals.filings import filings
from synthetic.signals.invoices import INPUT, OUTPUT, Flow, habits, invoiced_sales, invoices
from synthetic.signals.logistics import logistics
from synthetic.streams import Bucket


@dataclass(frozen=True)
class Backdrop:
    """Common inputs of all buckets of a world."""

    seed: int
    config: WorldConfig
    calendar: Calendar
    common: Common
    temperature: FloatArray


def backdrop(seed: int, config: WorldConfig) -> Backdrop:
    """Draw the common shocks, calendar and weather of a world."""
    start = config.calendar.first_application - dt.timedelta(days=config.calendar.history_days)
    calendar = build_calendar(start, weeks_of_world(config) * WEEK)
    return Backdrop(
        seed,
        config,
        calendar,
        common_shocks(seed, config),
        temperature(seed, calendar, config.weather),
    )


def bucket_world(n: int, number: int, world: Backdrop) -> dict[str, pl.DataFrame]:
    """Simulate history and future of a bucket of `n` firms.

    Returns
    -------
    dict of polars.DataFrame
        The contract's tables by name, and `truth` and `faults`.
    """
    bucket = Bucket(world.seed, number, world.config)
    history = simulate_firms(population(n, bucket), world, bucket)
    return records(history, world, bucket) | lending_tables(history, world, bucket)


@dataclass(frozen=True)
class FirmHistory:
    """History of firms: population, latent state and work, from which records are made."""

    firms: Population
    bad: BadActors
    state: State


def simulate_firms(firms: Population, world: Backdrop, bucket: Bucket) -> FirmHistory:
    """Simulate the latent history and future of firms."""
    health_path = health(firms, world.common, bucket, name="health")
    surprise = surprises(len(firms), bucket, name="cash")
    buffer = cash_buffer(firms, bucket)
    cash = cash_path(health_path.total, health_path.strikes, surprise, buffer, world.config)
    return FirmHistory(firms, bad_actors(firms, bucket), State(health_path, surprise, buffer, cash))


def records(history: FirmHistory, world: Backdrop, bucket: Bucket) -> dict[str, pl.DataFrame]:
    """Signal tables of firm histories, with data faults."""
    firms, bad, state = history.firms, history.bad, history.state
    health_path, buffer, calendar = state.health, state.cash_buffer, world.calendar
    days = days_of(firms, world.config)
    months = months_of(days, calendar)
    cash = daily(state.cash, days)
    short = cash_shortfall(cash, world.config.payment)

    plan = pace(firms, health_path.total, days, calendar, bucket)
    real = plan * lumps(firms, health_path.own_sd, days, bucket)
    warmth = world.temperature[firms.city[:, None], days.index]
    kwh = apply_shell(
        firms, electricity(firms, plan, health_path.own_sd, warmth, bucket), bad, bucket
    )
    charged = bills(firms, kwh, cash, months, bucket)
    to_sell, to_buy = yearly(firms, buffer, bucket)
    cover = coverage(firms, days.shape[1], bucket)
    taxed = (cover.tax >= 0)[:, None]  # nobody sees the others' invoices: none are drawn
    claimed, invented = apply_inflation(real, bad, bucket)
    to_invoice = Flow(np.where(taxed, claimed, 0), short, invented)
    sold = invoices(
        firms,
        habits(firms, to_sell, health_path.own_sd, OUTPUT, bucket),
        to_invoice,
        (days, calendar),
        bucket,
    )
    needed = Flow(
        np.where(
            taxed,
            shell_purchases(real * purchase_factor(cash, world.config), bad, world.config.fraud),
            0,
        ),
        short,
        0 * invented,
    )
    bought = invoices(
        firms,
        habits(firms, to_buy, health_path.own_sd, INPUT, bucket),
        needed,
        (days, calendar),
        bucket,
    )
    filed = filings(firms, invoiced_sales(sold, days.shape), cash, months, bucket)
    parcels = logistics(firms, real, short, cover.logistics >= 0, bucket)
    shops = ecommerce(
        firms, (real, apply_brushing(real, bad, bucket)), short, cover.ecommerce >= 0, bucket
    )

    record = Recorder(BucketIds(firms, calendar, bucket), days, months, cover)
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


def lending_tables(
    history: FirmHistory, world: Backdrop, bucket: Bucket
) -> dict[str, pl.DataFrame]:
    """Loan tables and hidden truth of firm histories."""
    firms, bad, state = history.firms, history.bad, history.state
    config, buffer, cash = world.config, state.cash_buffer, state.cash[:, HISTORY]
    outcome = realised_outcome(state, bad, config)
    pd = true_pd(firms, state, config, bucket.stream("futures"), world=False)
    pd_world = true_pd(firms, state, config, bucket.stream("futures.world"), world=True)
    request = applications(firms, buffer, cash, bucket)

    truth = pl.DataFrame(
        {
            "true_pd": bad.intent + (1 - bad.intent) * pd,
            "true_pd_world": bad.intent + (1 - bad.intent) * pd_world,
            "potential_default": outcome.defaults,
            "cause": pl.Series(outcome.cause.tolist(), dtype=pl.String),
            "health": state.health.total[:, HISTORY],
            "cash_months": cash,
            "usual_cash_months": buffer.usual,
            "own_sd": state.health.own_sd,
            "rate_pct": request.rate_pct,
            "guaranteed": request.guaranteed,
            "shell": bad.shell,
            "invoice_inflation": bad.inflator,
            "brushing": bad.brusher,
        }
    ).with_columns(pl.col("cause").replace("", None))
    ids = BucketIds(firms, world.calendar, bucket)
    return {
        "credit_history": record_history(ids, credit_history(firms, buffer, bucket)),
        "applications": record_applications(ids, request),
        "outcomes": record_outcomes(ids, request, outcome),
        "truth": ids.identified(truth),
    }
