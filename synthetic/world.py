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
from synthetic.cash import cash_path, purse, surprises
from synthetic.config import WorldConfig
from synthetic.coverage import coverage
from synthetic.credit import applications, history
from synthetic.ecommerce import ecommerce
from synthetic.electricity import electricity
from synthetic.filings import filings
from synthetic.fraud import bad_actors, brushed, inflated, steady
from synthetic.futures import flood_wait, true_pd
from synthetic.health import HISTORY, health
from synthetic.invoices import INPUT, OUTPUT, invoiced_sales, invoices, invoicing
from synthetic.logistics import logistics
from synthetic.months import months_of
from synthetic.population import population
from synthetic.record import Recorder
from synthetic.shocks import WEEK, Common, common_shocks, weeks_of_world
from synthetic.streams import stream
from synthetic.truth import fate
from synthetic.weather import temperature
from synthetic.work import daily, days_of, work


@dataclass(frozen=True)
class Setting:
    """What all buckets of a world share."""

    seed: int
    config: WorldConfig
    when: Almanac
    common: Common
    temperature: Float


def setting(seed: int, config: WorldConfig) -> Setting:
    """Draw what all firms live through."""
    start = config.calendar.first_application - dt.timedelta(days=config.calendar.history_days)
    when = almanac(start, weeks_of_world(config) * WEEK)
    return Setting(seed, config, when, common_shocks(seed, config), temperature(seed, when))


def bucket_world(n: int, bucket: int, world: Setting) -> dict[str, pl.DataFrame]:
    """Live through the history and the future of `n` firms.

    Returns
    -------
    dict of polars.DataFrame
        The contract's tables by name, and `truth`.
    """
    seed, config, when = world.seed, world.config, world.when
    at = (seed, bucket, config)
    firms = population(n, *at)
    bad = bad_actors(firms, *at)
    own = purse(firms, *at)
    days = days_of(firms, config)
    months = months_of(days, when)

    state = health(firms, world.common, *at, name="health")
    surprise = surprises(n, seed, bucket, name="cash")
    cash = cash_path(state.total, state.strikes, surprise, own, config)
    outcome = fate(state, surprise, cash, own, bad, config)
    pd, pd_world = (
        true_pd(
            firms, state, cash, own, flood_wait(firms, config), config,
            stream(seed, "futures", bucket), world=given,
        )
        for given in (False, True)
    )  # fmt: skip
    request = applications(firms, own, cash[:, HISTORY], *at)
    past = history(firms, own, *at)

    purse_by_day = daily(cash, days)
    real = work(firms, state.total, days, when, *at)
    warmth = world.temperature[firms.city[:, None], days.index]
    kwh = electricity(firms, steady(real, bad, seed, bucket), warmth, *at)
    charged = bills(firms, kwh, purse_by_day, months, *at)
    sold = invoices(
        firms, invoicing(firms, OUTPUT, *at), inflated(real, bad, seed, bucket), OUTPUT, *at
    )
    thrift = np.clip(0.75 + 0.15 * purse_by_day, 0.4, 1.1)
    bought = invoices(firms, invoicing(firms, INPUT, *at), real * thrift, INPUT, *at)
    filed = filings(firms, invoiced_sales(sold, days.shape), purse_by_day, months, *at)
    parcels = logistics(firms, real, *at)
    shops = ecommerce(firms, brushed(real, bad, seed, bucket), *at)
    cover = coverage(firms, days.shape[1], *at)

    record = Recorder(firms, days, months, cover, when, bucket, config)
    tables = {
        "firms": record.firms(),
        "coverage": record.coverage(),
        "invoices": record.invoices(sold, bought),
        "tax_filings": record.tax_filings(filed),
        "electricity": record.electricity(kwh),
        "electricity_bills": record.electricity_bills(charged),
        "logistics": record.logistics(parcels),
        "ecommerce": record.ecommerce(shops),
        "credit_history": record.credit_history(past),
        "applications": record.applications(request),
        "outcomes": record.outcomes(request, outcome),
    }
    intent = np.where(bad.any, config.fraud.intent, 0.0)
    truth = pl.DataFrame(
        {
            "true_pd": intent + (1 - intent) * pd,
            "true_pd_world": intent + (1 - intent) * pd_world,
            "potential_default": outcome.defaults,
            "cause": pl.Series(outcome.cause.tolist(), dtype=pl.String),
            "health": state.total[:, HISTORY],
            "cash_months": cash[:, HISTORY],
            "usual_cash_months": own.usual,
            "own_sd": state.own_sd,
            "shell": bad.shell,
            "invoice_inflation": bad.inflator,
            "brushing": bad.brusher,
        }
    ).with_columns(pl.col("cause").replace("", None))
    return tables | {"truth": record.identified(truth)}
