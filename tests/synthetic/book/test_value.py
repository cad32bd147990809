"""What an offer is worth: realised values are those of the book, expected ones their mean."""

import numpy as np
import polars as pl
import pytest

import synthetic
from features.io.signal_reader import Signals
from synthetic.simulation import simulate_world
from tests.synthetic.book.test_book import LONG, observed_for, risky

pytestmark = pytest.mark.slow

FIRMS = 1_000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A risky world whose loans have all ended."""
    config = risky(observed_for(LONG))
    calendar = config.calendar.model_copy(update={"follow_days": 0})
    out = tmp_path_factory.mktemp("worlds") / "lived"
    simulate_world(
        out=out, firms=FIRMS, seed=23, config=config.model_copy(update={"calendar": calendar})
    )
    return out


@pytest.fixture(scope="module")
def offered(world):
    outcomes = pl.read_csv(world / "outcomes.csv")
    applications = pl.read_csv(world / "applications.csv").join(outcomes, on="application_id")
    rates = pl.read_parquet(world / "truth" / "truth.parquet").select("application_id", "rate_pct")
    return applications.join(rates, on="application_id")


@pytest.fixture(scope="module")
def answered(world, offered):
    asked = ("application_id", "amount_cny", "rate_pct", "term_months", "plan", "purpose")
    return pl.from_pandas(synthetic.truth_of(world, offered.select(asked)))


def table(world, name):
    return Signals.open(world).read(name, bucket="0000")


def test_realised_loss_and_income_are_those_of_the_book(world, offered, answered):
    months = table(world, "loan_months").group_by("loan_id").agg(
        lent=pl.col("drawn_cny").sum(),
        principal=(pl.col("paid_cny") - pl.col("interest_cny")).sum(),
        interest=pl.col("interest_cny").sum(),
    )  # fmt: skip
    back = table(world, "recoveries").group_by("loan_id").agg(back=pl.col("amount_cny").sum())
    book = table(world, "loans").join(months, on="loan_id").join(back, on="loan_id", how="left")
    told = book.join(answered, on="application_id", validate="1:1")
    lost = told["lent"] - told["principal"] - told["back"].fill_null(0)
    assert lost.to_numpy() == pytest.approx(told["realised_loss_cny"].to_numpy(), abs=0.1)
    assert told["interest"].to_numpy() == pytest.approx(
        told["realised_income_cny"].to_numpy(), abs=0.1
    )
    assert (told["realised_loss_cny"] > 0).sum() > 30


def test_who_accepts_and_who_defaults_is_what_the_outcomes_say(offered, answered):
    both = offered.join(answered, on="application_id", suffix="_told", validate="1:1")
    approved = both.filter("approved")
    assert approved["accepted"].equals(approved["accepted_told"], check_names=False)
    taken = both.filter(pl.col("accepted").fill_null(value=False))
    assert taken["defaulted"].equals(taken["defaulted_told"], check_names=False)


def test_expected_money_lies_within_what_is_possible(offered, answered):
    both = offered.join(answered, on="application_id", suffix="_told", validate="1:1")
    loss, amount = both["expected_loss_cny"].to_numpy(), both["amount_cny"].to_numpy()
    assert (loss >= 0).all()
    assert (loss <= amount * both["pd_life"].to_numpy() + 0.01).all()
    interest = amount * both["rate_pct"].to_numpy() / 100 * both["term_months"].to_numpy() / 12
    assert (both["expected_income_cny"].to_numpy() <= interest + 1).all()
    assert (both["expected_income_cny"].to_numpy() >= 0).all()  # a closed firm pays none


def test_no_loan_is_never_taken_and_moves_no_money(world, offered):
    asked = offered.select(
        "application_id", "rate_pct", "term_months", "plan", "purpose", amount_cny=pl.lit(0.0)
    )
    told = synthetic.truth_of(world, asked)
    money = ["loss", "income"]
    assert (told["accept_probability"] == 0).all()
    assert not told["accepted"].any()
    for kind in ("expected", "realised"):
        assert (told[[f"{kind}_{name}_cny" for name in money]] == 0).all().all()
    assert told["borrower_gain_cny"].abs().max() < 0.01
    assert told["realised_gain_cny"].abs().max() < 0.01


def test_a_larger_loan_loses_more_and_a_dearer_one_is_taken_less(world, offered):
    asked = offered.head(300).select(
        "application_id", "amount_cny", "rate_pct", "term_months", "plan", "purpose"
    )
    double = asked.with_columns(pl.col("amount_cny") * 2)
    dear = asked.with_columns(pl.col("rate_pct") + 6)
    base, large, costly = (synthetic.truth_of(world, each) for each in (asked, double, dear))
    assert large["expected_loss_cny"].sum() > 2 * base["expected_loss_cny"].sum()
    assert (costly["accept_probability"] < base["accept_probability"]).all()
    assert (costly["borrower_gain_cny"] < base["borrower_gain_cny"] + 0.01).mean() > 0.99
    assert np.median(base["borrower_gain_cny"]) > 0
