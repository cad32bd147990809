"""The causal graph of one bucket of firms, from top to bottom.

common shocks ─┐
population ────┼─> health ──> work ──┬─> electricity ──> bills
own shocks ────┘      │              ├─> invoices ─────> filings
                      v              ├─> parcels
past loans ────────> cash ───────────┼─> shop orders
season ──────────────┘│              └─> (late payment, fewer purchases)
                      ├─> arrears ──> credit history
                      ├─> closure, need ──> who applies ──> request: an offer
                      ├─> cash with an offer ──> default, cause
                      ├─> lender's view ──> approval ─┐
                      └─> need, rate ──> acceptance ──┴─> loan ──> months, recoveries, bureau
                                                               └─> the label that is seen
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from synthetic.backdrop import Backdrop
from synthetic.book.book import Lending, lender_numbers, lending, loan_book
from synthetic.book.bureau import Borrowers, bureau
from synthetic.book.follow import followed
from synthetic.book.recovery import NO_PLEDGE
from synthetic.firm.cash import State, cash_buffer, cash_path, surprises
from synthetic.firm.closure import Closure, closures, still_open
from synthetic.firm.coverage import Coverage, coverage
from synthetic.firm.fraud import (
    BadActors,
    apply_brushing,
    apply_inflation,
    apply_shell,
    bad_actors,
    shell_purchases,
)
from synthetic.firm.health import health
from synthetic.firm.horizon import HISTORY, MONTH_ENDS
from synthetic.firm.payment import cash_shortfall
from synthetic.firm.population import Population, population
from synthetic.firm.season import season_flows
from synthetic.firm.select import select, stack
from synthetic.firm.turnover import purchase_factor, yearly
from synthetic.firm.work import daily, days_of, lumps, pace
from synthetic.loan.cash_law import cash_law
from synthetic.loan.demand import applies
from synthetic.loan.lending import applications
from synthetic.loan.offer import with_amount
from synthetic.loan.offer_cash import offer_cash, weekly_with_offer
from synthetic.loan.past_loans import (
    PastLoans,
    credit_history,
    days_past_due,
    debt_flows,
    past_loans,
)
from synthetic.loan.true_pd import default_probability, with_certain_default
from synthetic.records.book_tables import BookRecorder
from synthetic.records.ids import BucketIds
from synthetic.records.loan_tables import record_applications, record_history, record_outcomes
from synthetic.records.signal_tables import Recorder
from synthetic.setting.months import months_of
from synthetic.signals.bills import bills
from synthetic.signals.ecommerce import ecommerce
from synthetic.signals.electricity import electricity
from synthetic.signals.filings import filings
from synthetic.signals.invoices import INPUT, OUTPUT, Flow, habits, invoiced_sales, invoices
from synthetic.signals.logistics import logistics
from synthetic.streams import Bucket

AMOUNT_GRID = (0.05, 0.1, 0.2, 0.33)
"""Shares of yearly sales for which `truth` holds the PD of the requested loan."""

OVERSAMPLE = 1.75
"""Candidates drawn for each applicant, so that one round mostly suffices."""

SPARE = 30
"""Candidates beyond them, for small buckets."""


def bucket_world(n: int, number: int, world: Backdrop) -> dict[str, pl.DataFrame]:
    """Simulate history and future of a bucket of `n` applicants.

    Returns
    -------
    dict of polars.DataFrame
        The contract's tables by name, and `truth` and `faults`.
    """
    bucket = Bucket(world.seed, number, world.config)
    history = simulate_applicants(n, world, bucket)
    lent = lend(history, world, bucket)
    return (
        records(history, lent, world, bucket)
        | lending_tables(history, lent, world, bucket)
        | book_tables(history, lent, world, bucket)
    )


@dataclass(frozen=True)
class Candidates:
    """Firms that may apply, with their latent state and past loans."""

    firms: Population
    state: State
    loans: PastLoans
    closure: Closure


@dataclass(frozen=True)
class FirmHistory(Candidates):
    """Applicants, from which records are made."""

    bad: BadActors
    cover: Coverage


def simulate_candidates(firms: Population, world: Backdrop, bucket: Bucket) -> Candidates:
    """Simulate the latent history and future of firms, whether they apply or not."""
    config = world.config
    health_path = health(firms, world.common, bucket, name="health")
    surprise, common = surprises(firms, world.common, bucket, name="cash")
    loans = past_loans(firms, bucket)
    flows = season_flows(firms, config) + debt_flows(loans, config)
    buffer = cash_buffer(firms, health_path.own_sd, bucket)
    cash = cash_path(health_path, surprise, flows, buffer, config)
    state = State(health_path, surprise, common, flows, buffer, cash)
    return Candidates(firms, state, loans, closures(state))


def simulate_applicants(n: int, world: Backdrop, bucket: Bucket) -> FirmHistory:
    """Simulate candidates until `n` of them apply: need decides who does."""
    chosen: list[Candidates] = []
    missing = n
    while missing > 0:
        again = replace(bucket, round=len(chosen))
        firms = population(math.ceil(OVERSAMPLE * missing) + SPARE, again)
        drawn = simulate_candidates(firms, world, again)
        who = np.flatnonzero(applies(drawn.state, drawn.closure, again))[:missing]
        chosen.append(select(drawn, who))
        missing -= len(who)
    return with_records(stack(chosen), bucket)


def with_records(firms: Candidates, bucket: Bucket) -> FirmHistory:
    """Decide which sources cover applicants, and which of them are bad actors."""
    cover = coverage(firms.firms, bucket.config.calendar.history_days, bucket)
    bad = bad_actors(firms.firms, cover.online, bucket)
    return FirmHistory(firms.firms, firms.state, firms.loans, firms.closure, bad, cover)


def records(
    history: FirmHistory, lent: Lending, world: Backdrop, bucket: Bucket
) -> dict[str, pl.DataFrame]:
    """Signal tables of firm histories, with data faults; of borrowers for a year more."""
    firms, bad, state = history.firms, history.bad, history.state
    health_path, buffer, calendar = state.health, state.cash_buffer, world.calendar
    ahead = followed(firms, bad, history.closure, lent, world.config)
    days = days_of(firms, world.config, after=ahead.days)
    months = months_of(days, calendar)
    with_loan = weekly_with_offer(state.cash, lent.offers, lent.effect, world.config)
    cash = daily(np.where(ahead.taken[:, None], with_loan, state.cash), days)
    short = cash_shortfall(cash, world.config.payment)

    plan = pace(firms, health_path.total, days, calendar, bucket)
    works = still_open(ahead.closing, days, bucket)
    works[:, days.after] *= ahead.taken[:, None]
    plan *= works
    real = plan * lumps(firms, health_path.own_sd, days, bucket)
    warmth = world.temperature[firms.city[:, None], days.index]
    kwh = electricity(firms, plan, health_path.own_sd, warmth, days=days, bucket=bucket)
    kwh = apply_shell(firms, kwh, bad, days, bucket)
    charged = bills(firms, kwh, cash, months, bucket)
    to_sell, to_buy = yearly(firms, buffer, bucket)
    cover = history.cover
    taxed = (cover.tax >= 0)[:, None]  # nobody sees the others' invoices: none are drawn
    claimed, invented = apply_inflation(real, bad, days, bucket)
    claimed[:, days.after] *= works[:, days.after]
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
    filed = filings(
        firms, invoiced_sales(sold, days.shape), cash, months, calendar=calendar, bucket=bucket
    )
    parcels = logistics(firms, real, short, cover.logistics >= 0, days=days, bucket=bucket)
    ordered = real, apply_brushing(real, bad, days, bucket)
    shops = ecommerce(firms, ordered, short, cover.ecommerce >= 0, days=days, bucket=bucket)

    ids = BucketIds(firms, calendar, bucket)
    record = Recorder(ids, days, months, cover, ahead.seen_until)
    return register_tables(history, world, bucket) | {
        "invoices": record.invoices(sold, bought),
        "tax_filings": record.tax_filings(filed),
        "electricity": record.electricity(kwh),
        "electricity_bills": record.electricity_bills(charged),
        "logistics": record.logistics(parcels),
        "ecommerce": record.ecommerce(shops),
        "faults": record.faults(parcels, sold, bought),
    }


def register_tables(
    history: FirmHistory, world: Backdrop, bucket: Bucket
) -> dict[str, pl.DataFrame]:
    """Register and coverage of applicants, which need no signals."""
    days = days_of(history.firms, world.config)
    months = months_of(days, world.calendar)
    ids = BucketIds(history.firms, world.calendar, bucket)
    record = Recorder(ids, days, months, history.cover, history.firms.applied)
    return {"firms": record.firms(), "coverage": record.coverage()}


def lend(history: FirmHistory, world: Backdrop, bucket: Bucket) -> Lending:
    """Requests, decisions, acceptance and outcomes of firm histories."""
    firms, bad, state, closed = history.firms, history.bad, history.state, history.closure.closed
    request = applications(firms, state, bad, closed, bucket)
    return lending(firms, state, bad, closed, request, calendar=world.calendar, bucket=bucket)


def lending_tables(
    history: FirmHistory,
    lent: Lending,
    world: Backdrop,
    bucket: Bucket,
    *,
    grid: tuple[float, ...] = AMOUNT_GRID,
) -> dict[str, pl.DataFrame]:
    """Loan tables and hidden truth of firm histories.

    Parameters
    ----------
    grid : tuple of float
        Further amounts, shares of yearly sales, for which `truth` holds the PD.
    """
    firms, bad, state = history.firms, history.bad, history.state
    config, closed = world.config, history.closure.closed
    request, offers, effect, outcome = lent.request, lent.offers, lent.effect, lent.outcome
    amounts = [
        offer_cash(with_amount(offers, np.full(len(firms), 12 * share)), config)
        for share in (0.0, *grid)
    ]
    law = cash_law(firms, state, config, world=False)
    pd = default_probability(law, [effect], config, bucket.stream("true_pd"))
    at_amounts = default_probability(
        law, amounts, config, bucket.stream("true_pd.grid"), points=config.true_pd.grid_points
    )
    law_world = cash_law(firms, state, config, world=True)
    pd_world = default_probability(law_world, [effect], config, bucket.stream("true_pd.world"))
    pd, at_amounts, pd_world = (
        with_certain_default(p, bad, closed) for p in (pd, at_amounts, pd_world)
    )

    truth = pl.DataFrame(
        {
            "true_pd": pd[:, 0],
            "true_pd_world": pd_world[:, 0],
            "pd_without_loan": at_amounts[:, 0],
        }
        | {
            f"pd_at_{round(100 * share)}_pct_of_sales": at_amounts[:, 1 + k]
            for k, share in enumerate(grid)
        }
        | {
            "potential_default": outcome.defaults,
            "cause": pl.Series(outcome.cause.tolist(), dtype=pl.String),
            "health": state.health.total[:, HISTORY],
            "cash_months": state.cash[:, HISTORY],
            "usual_cash_months": state.cash_buffer.usual,
            "own_sd": state.health.own_sd,
            "sales_cny": firms.sales_cny,
            "rate_pct": request.rate_pct,
            "guaranteed": request.guaranteed,
            "accept_probability": lent.accept_probability,
            "loss_given_default": 1 - lent.recovered.total,
            "pledged": lent.behind.pledge != NO_PLEDGE,
            "closed": closed,
            "shell": bad.shell,
            "invoice_inflation": bad.inflator,
            "brushing": bad.brusher,
        }
    ).with_columns(pl.col("cause").replace("", None))
    ids = BucketIds(firms, world.calendar, bucket)
    past = credit_history(firms, history.loans, state, bucket)
    return {
        "credit_history": record_history(ids, past),
        "applications": record_applications(ids, request),
        "outcomes": record_outcomes(ids, lent),
        "truth": ids.identified(truth),
    }


def book_tables(
    history: FirmHistory, lent: Lending, world: Backdrop, bucket: Bucket
) -> dict[str, pl.DataFrame]:
    """Loans that were taken, their months and recoveries, and the bureau's reports."""
    firms, state = history.firms, history.state
    book = loan_book(lent, bucket)
    applied = firms.applied + world.calendar.epoch_offset
    never = state.cash[:, HISTORY + MONTH_ENDS]
    borrowers = Borrowers(
        loans=history.loans,
        buffer=state.cash_buffer,
        cash=state.cash,
        cash_ahead=np.where(lent.accepted[:, None], lent.cash, never),
        past_dpd=days_past_due(history.loans, state, bucket),
        turnover_cny=firms.sales_cny / 12,
        lender=lent.request.lender,
        applied=applied,
        seen_until=np.where(lent.accepted, lent.observed, applied),
    )
    ids = BucketIds(firms, world.calendar, bucket)
    taken = book.taken
    record = BookRecorder(ids, taken, lent.paid_out[taken], lent.observed[taken])
    lenders = lender_numbers(lent.request.lender, bucket)
    return {
        "loans": record.loans(lent.request, lent.behind, lenders),
        "loan_months": record.loan_months(book.months),
        "recoveries": record.recoveries(book.ledger),
        "bureau": record.bureau(bureau(borrowers, taken, book.months, bucket)),
    }
