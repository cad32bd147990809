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
from synthetic.fraud import bad_actors, brushed, inflated, steady
from synthetic.futures import true_pd
from synthetic.health import HISTORY, health
from synthetic.invoices import INPUT, OUTPUT, Flow, habits, invoiced_sales, invoices
from synthetic.logistics import logistics
from synthetic.months import months_of
from synthetic.payment import strain
from synthetic.population import population
from synthetic.record import Recorder
from synthetic.shocks import WEEK, Common, common_shocks, weeks_of_world
from synthetic.streams import Bucket
from synthetic.truth import fate
from synthetic.turnover import thrift, yearly
from synthetic.weather import temperature
from synthetic.work import daily, days_of, lumps, pace


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
    config, when = world.config, world.when
    at = Bucket(world.seed, bucket, config)
    firms = population(n, at)
    bad = bad_actors(firms, at)
    own = purse(firms, at)
    days = days_of(firms, config)
    months = months_of(days, when)

    well = health(firms, world.common, at, name="health")
    surprise = surprises(n, at, name="cash")
    cash = cash_path(well.total, well.strikes, surprise, own, config)
    state = State(well, surprise, own, cash)
    outcome = fate(state, bad, config)
    pd = true_pd(firms, state, config, at.stream("futures"), world=False)
    pd_world = true_pd(firms, state, config, at.stream("futures.world"), world=True)
    request = applications(firms, own, cash[:, HISTORY], at)
    past = history(firms, own, at)

    purse_by_day = daily(cash, days)
    short = strain(purse_by_day)
    plan = pace(firms, well.total, days, when, at)
    real = plan * lumps(firms, well.own_sd, days, at)
    warmth = world.temperature[firms.city[:, None], days.index]
    kwh = electricity(firms, steady(plan, bad, at), well.own_sd, warmth, at)
    charged = bills(firms, kwh, purse_by_day, months, at)
    to_sell, to_buy = yearly(firms, own, at)
    claimed = Flow(inflated(real, bad, at), short)
    sold = invoices(
        firms, habits(firms, to_sell, well.own_sd, OUTPUT, at), claimed, (days, when), at
    )
    needed = Flow(real * thrift(purse_by_day), short)
    bought = invoices(
        firms, habits(firms, to_buy, well.own_sd, INPUT, at), needed, (days, when), at
    )
    filed = filings(firms, invoiced_sales(sold, days.shape), purse_by_day, months, at)
    parcels = logistics(firms, real, short, at)
    shops = ecommerce(firms, brushed(real, bad, at), short, at)
    cover = coverage(firms, days.shape[1], at)

    record = Recorder(firms, days, months, cover, when, at)
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
            "health": well.total[:, HISTORY],
            "cash_months": cash[:, HISTORY],
            "usual_cash_months": own.usual,
            "own_sd": well.own_sd,
            "rate_pct": request.rate_pct,
            "guaranteed": request.guaranteed,
            "shell": bad.shell,
            "invoice_inflation": bad.inflator,
            "brushing": bad.brusher,
        }
    ).with_columns(pl.col("cause").replace("", None))
    return tables | {"truth": record.identified(truth)}
