import datetime as dt

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.contract.tables import SOURCES, TABLES
from features.engine.build import build_features
from features.engine.mask_sources import MASKABLE, mask_sources
from features.io.signal_reader import Signals

AS_OF = dt.date(2025, 6, 30)
DAYS = 460


@pytest.fixture(scope="module")
def tables():
    """Three firms with every source, some more lively than others."""
    rng = np.random.default_rng(5)
    days = [AS_OF - dt.timedelta(days=i) for i in range(DAYS)]
    firms = ["F1", "F2", "F3"]
    grid = pl.DataFrame({"firm_id": firms}).join(pl.DataFrame({"date": days}), how="cross")
    n = grid.height

    def counts(mean):
        return pl.Series(rng.poisson(mean, n))

    power = grid.with_columns(
        **{f"kwh_{band}": pl.Series(rng.gamma(4, 5, n)) for band in ("peak", "flat", "valley")}
    )
    parcels = grid.with_columns(
        parcels_out=counts(6), parcels_in=counts(2), weight_kg=pl.Series(rng.gamma(2, 5, n)),
        destinations=counts(3), late_parcels=counts(0.2),
    )  # fmt: skip
    shop = grid.with_columns(
        visitors=counts(90), orders=counts(5), gmv_cny=pl.Series(rng.gamma(2, 300, n)),
        refunds=counts(0.3), refund_cny=pl.Series(rng.gamma(1, 20, n)), reviews=counts(1),
        bad_reviews=counts(0.1), rating_mean=pl.lit(4.6), buyers=counts(5), repeat_buyers=counts(1),
    )  # fmt: skip
    sold = grid.with_row_index("invoice_id").with_columns(
        pl.col("invoice_id").cast(pl.String), direction=pl.lit("output"),
        counterparty_id=pl.Series(rng.choice(["B1", "B2", "B3"], n)), issued_on="date",
        amount_cny=pl.Series(rng.gamma(2, 900, n)), tax_cny=pl.lit(1.0), status=pl.lit("valid"),
    )  # fmt: skip
    register = pl.DataFrame(
        {
            "firm_id": firms, "legal_form": ["micro", "small", "individual"], "sector": "retail",
            "city": "Ganzhou", "county": "Nankang", "area": "county",
            "founded_on": [dt.date(2015, 1, 1)] * 3, "registered_capital_cny": [1e5, 5e5, None],
            "employees": [4, 30, 2], "owner_age": [40, 51, 33],
        }
    )  # fmt: skip
    coverage = pl.DataFrame({"firm_id": firms}).join(
        pl.DataFrame({"source": SOURCES, "covered_from": days[-1]}), how="cross"
    )
    return {
        "firms": register, "coverage": coverage, "invoices": sold, "electricity": power,
        "logistics": parcels, "ecommerce": shop,
    }  # fmt: skip


def applications():
    return pl.DataFrame(
        {
            "application_id": ["A1", "A2", "A3"], "firm_id": ["F1", "F2", "F3"],
            "applied_on": [AS_OF] * 3, "amount_cny": [1e5, 2e5, 3e4], "term_months": [12, 6, 3],
            "purpose": ["equipment", "green", "cash_gap"], "first_time": [True] * 3,
        }
    )  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_hiding_a_source_gives_what_building_without_it_gives(tables, source):
    whole = build_features(Signals.from_frames(tables), applications())
    fewer = {
        name: frame.filter(pl.col("source") != source) if name == "coverage" else frame
        for name, frame in tables.items()
        if TABLES[name].source != source
    }
    built = build_features(Signals.from_frames(fewer), applications())
    assert_frame_equal(mask_sources(whole, {source: np.ones(3, bool)}), built, rel_tol=1e-5)


def test_hiding_the_register_empties_what_it_says(tables):
    whole = build_features(Signals.from_frames(tables), applications())
    unknown = tables["firms"].with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in TABLES["firms"].schema.items()
        if name != "firm_id"
    )
    silent = applications().with_columns(
        amount_cny=pl.lit(None, pl.Float64), term_months=None, purpose=None
    )
    built = build_features(Signals.from_frames(tables | {"firms": unknown}), silent)
    hidden = mask_sources(whole, {"register": np.ones(3, bool)})
    assert_frame_equal(hidden, built, rel_tol=1e-5)


def test_rows_that_lose_nothing_keep_their_figures(tables):
    whole = build_features(Signals.from_frames(tables), applications())
    first = np.array([True, False, False])
    assert_frame_equal(mask_sources(whole, {})[1:], whole[1:])
    assert_frame_equal(mask_sources(whole, dict.fromkeys(MASKABLE, first))[1:], whole[1:])
    assert (
        mask_sources(whole, dict.fromkeys(MASKABLE, first))["electricity_mean_90d"].to_list()[0]
        is None
    )
