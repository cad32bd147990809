"""What `truth_of` answers: the same as the world's own truth, for any rows in any order."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import synthetic
from features.contract.errors import ContractError
from synthetic.config.load import load_config
from synthetic.simulation import simulate_world

pytestmark = pytest.mark.slow

FIRMS = 1_200


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("worlds") / "one"
    simulate_world(out=out, firms=FIRMS, seed=17, config=load_config(), workers=2)
    return out


@pytest.fixture(scope="module")
def truth(world):
    return pl.read_parquet(world / "truth" / "truth.parquet")


@pytest.fixture(scope="module")
def requested(world, truth):
    applications = pl.read_csv(world / "applications.csv")
    rates = truth.select("application_id", "rate_pct")
    return applications.join(rates, on="application_id", maintain_order="left").select(
        "application_id", "amount_cny", "rate_pct", "term_months", "plan", "purpose"
    )


@pytest.fixture(scope="module")
def answered(world, requested):
    return synthetic.truth_of(world, requested, workers=2)


def test_the_requested_offer_has_the_truth_of_the_world(answered, truth):
    assert answered["application_id"].tolist() == truth["application_id"].to_list()
    assert (answered["defaulted"].to_numpy() == truth["potential_default"].to_numpy()).all()
    for column, own in (("pd_12m", "true_pd"), ("pd_12m_world", "true_pd_world")):
        told, known = answered[column].to_numpy(), truth[own].to_numpy()
        assert np.corrcoef(told, known)[0, 1] > 0.999
        assert told.mean() == pytest.approx(known.mean(), rel=0.05)
    assert (answered["pd_life"] >= answered["pd_12m"] - 0.02).all()


def test_rows_come_back_in_their_order_whatever_else_is_asked(world, requested, answered):
    rows = np.random.default_rng(1).permutation(FIRMS)[:150]
    mixed = requested[rows]
    again = synthetic.truth_of(world, mixed)
    pd.testing.assert_frame_equal(again, answered.iloc[rows].reset_index(drop=True))
    one = synthetic.truth_of(world, mixed.to_pandas().iloc[[3]])
    assert one.iloc[0].to_dict() == again.iloc[3].to_dict()


def test_more_money_at_a_higher_price_is_never_safer_than_a_tenth_of_it(world, requested):
    large = requested.with_columns(
        amount_cny=pl.lit(5e7), rate_pct=pl.lit(24.0), plan=pl.lit("equal")
    )
    small = large.with_columns(amount_cny=pl.lit(1e4))
    gap = synthetic.truth_of(world, large)["pd_12m"] - synthetic.truth_of(world, small)["pd_12m"]
    assert gap.mean() > 0.2


def test_no_offers_are_no_rows(world, requested):
    assert synthetic.truth_of(world, requested.head(0)).empty


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("application_id", "A9999999", "expected an application of this world"),
        ("application_id", "A00000003", "expected an application of this world"),
        ("application_id", "somebody", "expected an application of this world"),
        ("amount_cny", -1.0, "0 or more"),
        ("amount_cny", None, "0 or more"),
        ("rate_pct", 400.0, "0 to 100"),
        ("term_months", 25, "1 to 24"),
        ("term_months", 2.5, "whole months"),
        ("plan", "balloon", "share_of_takings"),
        ("purpose", "yacht", "cash_gap"),
    ],
)
def test_an_offer_that_cannot_be_made_is_one_clear_line(world, requested, column, value, said):
    changed = requested.head(4).with_columns(pl.col("term_months").cast(pl.Float64))
    wrong = pl.when(pl.int_range(pl.len()) == 2).then(pl.lit(value)).otherwise(pl.col(column))
    with pytest.raises(ContractError, match=said) as caught:
        synthetic.truth_of(world, changed.with_columns(wrong.alias(column)))
    assert "row 3" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_world_is_refused(tmp_path, requested):
    with pytest.raises(ContractError, match="expected a simulated data folder"):
        synthetic.truth_of(tmp_path, requested)


def test_a_missing_column_is_named(world, requested):
    with pytest.raises(ContractError, match="plan missing"):
        synthetic.truth_of(world, requested.drop("plan"))
