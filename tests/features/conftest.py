"""A small invented world with everything that makes knowledge difficult."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

AS_OF = dt.date(2025, 6, 1)


def _days(rng, n, oldest=500, newest=-60):
    """Days before and after the application."""
    return [AS_OF - dt.timedelta(days=int(d)) for d in rng.integers(newest, oldest, n)]


def _later(rng, days, most, never=0.2):
    return [
        None if rng.random() < never else day + dt.timedelta(days=int(rng.integers(0, most)))
        for day in days
    ]


def _known_on(rng, days):
    """Mostly as usual (empty), sometimes late."""
    return [
        day + dt.timedelta(days=int(rng.integers(0, 90))) if rng.random() < 0.2 else None
        for day in days
    ]


def _with_versions(rng, frame, key):
    """Repeat some rows with other figures, known later."""
    again = frame.sample(fraction=0.2, seed=int(rng.integers(1 << 30)))
    number = next(c for c, t in frame.schema.items() if t == pl.Float64)
    again = again.with_columns(
        pl.col(number) * 2 + 1,
        known_on=pl.col(key) + pl.duration(days=pl.Series(rng.integers(3, 120, again.height))),
    )
    return pl.concat([frame, again]).with_columns(pl.col("known_on").cast(pl.Date))


def make_world(seed, firms=3):
    """Build (tables, applications); firm i applies on AS_OF or a little later."""
    rng = np.random.default_rng(seed)
    names = [f"F{i}" for i in range(firms)]
    tables = {"firms": _register(rng, names), "coverage": _coverage(rng, names)}
    parts = {}
    for name in names:
        for table, part in _firm(rng, name).items():
            parts.setdefault(table, []).append(part)
    for table, key in (
        ("invoices", "issued_on"),
        ("tax_filings", "period_end"),
        ("electricity", "date"),
        ("electricity_bills", "billed_on"),
        ("logistics", "date"),
        ("ecommerce", "date"),
    ):
        tables[table] = _with_versions(rng, pl.concat(parts[table]), key)
    applications = pl.DataFrame(
        {
            "application_id": [f"A{i}" for i in range(firms)],
            "firm_id": names,
            "applied_on": [AS_OF + dt.timedelta(days=5 * i) for i in range(firms)],
            "amount_cny": rng.lognormal(11, 1, firms),
            "term_months": [12] * firms,
            "purpose": ["equipment"] * firms,
            "first_time": [True] * firms,
        }
    )
    return tables, applications


def _register(rng, names):
    n = len(names)
    return pl.DataFrame(
        {
            "firm_id": names,
            "legal_form": list(rng.choice(["individual", "micro", "small"], n)),
            "sector": list(rng.choice(["retail", "textiles"], n)),
            "city": ["Ganzhou"] * n,
            "county": ["Xinfeng"] * n,
            "area": ["county"] * n,
            "founded_on": [dt.date(2019, 3, 1)] * n,
            "registered_capital_cny": rng.lognormal(12, 1, n),
            "employees": rng.integers(1, 30, n),
            "owner_age": rng.integers(20, 70, n),
        }
    )


def _coverage(rng, names):
    rows = []
    for name in names:
        for source in ("tax", "electricity", "logistics", "ecommerce"):
            if rng.random() < 0.8:
                start = AS_OF - dt.timedelta(days=int(rng.integers(20, 600)))
                end = AS_OF - dt.timedelta(days=int(rng.integers(-30, 200)))
                rows.append((name, source, start, end if rng.random() < 0.2 else None))
    schema = {
        "firm_id": pl.String,
        "source": pl.String,
        "covered_from": pl.Date,
        "covered_to": pl.Date,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _firm(rng, name):
    n = 150
    issued = _days(rng, n)
    void = rng.random(n) < 0.15
    voided_on = _later(rng, issued, 120)
    ends = [AS_OF - dt.timedelta(days=30 * k) for k in range(-2, 17)]
    due = [day + dt.timedelta(days=15) for day in ends]
    filed = _later(rng, ends, 40, never=0.1)
    bills = [AS_OF - dt.timedelta(days=30 * k + 3) for k in range(-2, 17)]
    bills_due = [day + dt.timedelta(days=15) for day in bills]

    def daily(share):
        chosen = np.flatnonzero(rng.random(560) < share) - 60
        return [AS_OF - dt.timedelta(days=int(d)) for d in chosen]

    power, parcels, shop = daily(0.95), daily(0.6), daily(0.7)
    orders = rng.poisson(8, len(shop))
    reviews = rng.binomial(orders, 0.4)
    return {
        "invoices": pl.DataFrame(
            {
                "firm_id": [name] * n,
                "direction": list(rng.choice(["output", "input"], n)),
                "invoice_id": [f"{name}-{i}" for i in range(n)],
                "line": pl.Series([None] * n, dtype=pl.Int64),
                "issued_on": issued,
                "counterparty_id": [f"C{i}" for i in rng.integers(0, 9, n)],
                "amount_cny": np.round(rng.normal(5_000, 4_000, n), 2),
                "tax_cny": np.round(rng.random(n) * 500, 2),
                "status": np.where(void, "void", "valid"),
                "voided_on": [d if v else None for d, v in zip(voided_on, void, strict=True)],
                "known_on": _known_on(rng, issued),
            },
            schema_overrides={"voided_on": pl.Date, "known_on": pl.Date},
        ),
        "tax_filings": pl.DataFrame(
            {
                "firm_id": [name] * len(ends),
                "period_end": ends,
                "due_on": due,
                "filed_on": filed,
                "declared_sales_cny": np.round(rng.lognormal(10, 1, len(ends)), 2),
                "tax_due_cny": np.round(rng.lognormal(6, 1, len(ends)), 2),
                "tax_paid_cny": np.round(rng.lognormal(6, 1, len(ends)), 2),
                "paid_on": _later(rng, due, 60),
                "known_on": pl.Series([None] * len(ends), dtype=pl.Date),
            },
            schema_overrides={"filed_on": pl.Date, "paid_on": pl.Date},
        ),
        "electricity": pl.DataFrame(
            {
                "firm_id": [name] * len(power),
                "date": power,
                "kwh_peak": np.round(rng.lognormal(3, 0.3, len(power)), 2),
                "kwh_flat": np.round(rng.lognormal(3, 0.3, len(power)), 2),
                "kwh_valley": np.round(rng.lognormal(2, 0.3, len(power)), 2),
                "known_on": _known_on(rng, power),
            },
            schema_overrides={"known_on": pl.Date},
        ),
        "electricity_bills": pl.DataFrame(
            {
                "firm_id": [name] * len(bills),
                "billed_on": bills,
                "due_on": bills_due,
                "paid_on": _later(rng, bills, 50),
                "amount_cny": np.round(rng.lognormal(5, 1, len(bills)), 2),
                "known_on": pl.Series([None] * len(bills), dtype=pl.Date),
            },
            schema_overrides={"paid_on": pl.Date},
        ),
        "logistics": pl.DataFrame(
            {
                "firm_id": [name] * len(parcels),
                "date": parcels,
                "parcels_out": rng.poisson(6, len(parcels)),
                "parcels_in": rng.poisson(2, len(parcels)),
                "weight_kg": np.round(rng.lognormal(2, 0.3, len(parcels)), 2),
                "destinations": rng.integers(1, 5, len(parcels)),
                "late_parcels": rng.integers(0, 2, len(parcels)),
                "known_on": _known_on(rng, parcels),
            },
            schema_overrides={"known_on": pl.Date},
        ),
        "ecommerce": pl.DataFrame(
            {
                "firm_id": [name] * len(shop),
                "date": shop,
                "visitors": orders * 20 + 3,
                "orders": orders,
                "gmv_cny": np.round(orders * 80.5, 2),
                "refunds": rng.binomial(orders, 0.1),
                "refund_cny": np.round(rng.random(len(shop)) * 80, 2),
                "reviews": reviews,
                "bad_reviews": rng.binomial(reviews, 0.1),
                "rating_mean": [4.5 if r else None for r in reviews],
                "buyers": orders,
                "repeat_buyers": rng.binomial(orders, 0.3),
                "known_on": _known_on(rng, shop),
            },
            schema_overrides={"rating_mean": pl.Float64, "known_on": pl.Date},
        ),
    }


@pytest.fixture(scope="session")
def world():
    """Function of a seed (and a number of firms) that gives tables and applications."""
    return make_world
