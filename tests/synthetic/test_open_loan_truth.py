"""What `truth_of` answers from a day of a loan's life on, with and without an action."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import chi2, norm

import synthetic
from features.contract.errors import ContractError
from features.contract.tables import PLANS, PURPOSES
from synthetic.backdrop import backdrop
from synthetic.book.action import ACTIONS
from synthetic.config.load import load_config
from synthetic.loan.repayment import TAKINGS
from synthetic.offer_truth.answer import answers
from synthetic.offer_truth.applicants import replay
from synthetic.offer_truth.asked import numbered
from synthetic.simulation import simulate_world
from synthetic.streams import Bucket

pytestmark = pytest.mark.slow

FIRMS = 1_000
WORLDS = range(60, 70)
SIX_MONTHS = dt.timedelta(days=182)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("worlds") / "one"
    simulate_world(out=out, firms=FIRMS, seed=17, config=load_config(), workers=2)
    return out


@pytest.fixture(scope="module")
def taken(world):
    """Loans that were taken, with the day of default."""
    truth = pl.read_parquet(world / "truth" / "truth.parquet")
    outcomes = pl.read_csv(world / "outcomes.csv", try_parse_dates=True).filter("accepted")
    return (
        pl.read_csv(world / "applications.csv")
        .join(truth.select("application_id", "rate_pct"), on="application_id")
        .join(outcomes, on="application_id", maintain_order="left")
        .select("application_id", "amount_cny", "rate_pct", "term_months", "plan", "purpose",
                "disbursed_on", "defaulted_on")
    )  # fmt: skip


def on_day(loans, days, action="none"):
    as_of = pl.col("disbursed_on") + pl.duration(days=days)
    return loans.with_columns(as_of=as_of, action=pl.lit(action))


def told(world, asked):
    return pl.from_pandas(synthetic.truth_of(world, asked))


def test_on_the_day_of_disbursement_it_is_the_truth_of_the_offer(world, taken):
    new, offer = told(world, on_day(taken, 0)), told(world, taken)
    assert new["open"].all()
    assert np.allclose(new["pd_life"], offer["pd_life"], atol=1e-9)
    for column in ("expected_loss_cny", "expected_income_cny", "realised_loss_cny",
                   "realised_income_cny", "expected_loss_world_cny"):  # fmt: skip
        assert np.allclose(new[column], offer[column], atol=0.02), column


@pytest.mark.parametrize("days", [40, 150])
def test_without_an_action_a_loan_defaults_as_it_does_in_the_book(world, taken, days):
    asked = on_day(taken, days)
    answer = told(world, asked)
    late = (asked["defaulted_on"] <= asked["as_of"]).fill_null(value=False)
    assert not answer.filter(late)["open"].any()
    soon = (asked["defaulted_on"] <= asked["as_of"] + SIX_MONTHS).fill_null(value=False)
    runs = answer["open"]
    assert runs.sum() > 300
    assert (answer["defaulted"] == soon).filter(runs).all()
    assert soon.filter(runs).any()


def asked_of(seed, config, *, term=None, days=(0, 380)):
    """Requested offers of a bucket, some with other plans, on a random day."""
    bucket = Bucket(seed, 0, config)
    people = replay(backdrop(seed, config), FIRMS, bucket)
    rng = np.random.default_rng(seed)
    own = people.own
    plan = np.where(rng.random(FIRMS) < 0.5, own.plan, rng.integers(0, TAKINGS + 1, FIRMS))
    return numbered(
        pl.DataFrame(
            {
                "application_id": [f"A{k:07}" for k in range(FIRMS)],
                "amount_cny": np.round(own.months * people.firms.sales_cny / 12, 2),
                "rate_pct": 100 * own.rate,
                "term_months": own.term if term is None else np.full(FIRMS, term),
                "plan": [PLANS[k] for k in plan],
                "purpose": [PURPOSES[k] for k in own.purpose],
                "as_of": people.disbursed + rng.integers(*days, FIRMS),
            }
        ).with_columns(pl.col("as_of").cast(pl.Int32).cast(pl.Date))
    )


@pytest.fixture(scope="module")
def futures():
    """Answers of several worlds for each action."""
    config = load_config()
    asked = [(backdrop(seed, config), asked_of(seed, config)) for seed in WORLDS]
    return {
        action: pl.concat(
            [
                answers(world, FIRMS, rows.with_columns(action=pl.lit(action)))
                for world, rows in asked
            ]
        ).with_columns(pl.concat([rows for _, rows in asked])["plan"])
        for action in ACTIONS
    }


@pytest.mark.parametrize("action", ACTIONS)
def test_what_happens_agrees_with_what_was_to_be_expected(futures, action):
    """Given the common path outcomes are independent, so worlds can be pooled."""
    rows = futures[action].filter("open")
    chance, hit = rows["pd_6m_world"].to_numpy(), rows["defaulted"].to_numpy()
    bands = [b for b in np.array_split(np.argsort(chance), 10) if chance[b].sum() > 2]
    squares = [
        (hit[b].sum() - chance[b].sum()) ** 2 / (chance[b] * (1 - chance[b])).sum() for b in bands
    ]
    assert bands
    assert chi2.sf(sum(squares), len(bands)) > 0.001, squares
    for name in ("loss", "income"):
        off = (rows[f"realised_{name}_cny"] - rows[f"expected_{name}_world_cny"]).to_numpy()
        z = off.mean() / off.std() * np.sqrt(len(off))
        assert 2 * norm.sf(abs(z)) > 0.001, (name, z)


@pytest.mark.parametrize("action", ACTIONS)
def test_the_last_days_of_the_longest_loan_are_answered(action):
    config = load_config()
    worlds = [(backdrop(seed, config), asked_of(seed, config, term=24, days=(690, 818)))
              for seed in (60, 61, 62)]  # fmt: skip
    told = pl.concat(
        [answers(world, FIRMS, rows.with_columns(action=pl.lit(action))) for world, rows in worlds]
    ).filter("open")
    late = told.filter(pl.col("pd_life") > 0.999)
    assert late.height > 10
    assert late["realised_loss_cny"].min() >= 0
    assert late["defaulted"].all()
    surely = told.filter(pl.col("pd_life") < 1e-6)
    assert surely.height > 300
    assert not surely["defaulted"].any()


def test_a_term_loan_is_paid_out_and_neither_frozen_nor_cut(futures):
    for action in ("freeze", "cut"):
        same = futures[action].filter(pl.col("plan") != "line")
        assert same.equals(futures["none"].filter(pl.col("plan") != "line"))
        lines = (futures[name].filter(pl.col("plan") == "line") for name in (action, "none"))
        acted, left = (frame.filter("open") for frame in lines)
        assert acted["expected_loss_cny"].sum() < left["expected_loss_cny"].sum()
        assert acted["expected_income_cny"].sum() < left["expected_income_cny"].sum()


def test_a_frozen_line_of_which_nothing_is_drawn_can_lose_nothing(futures):
    frozen = futures["freeze"].filter("open", pl.col("plan") == "line")
    nothing_owed = frozen.filter(pl.col("pd_life") == 0)
    assert 0.3 < nothing_owed.height / frozen.height < 0.7
    assert (nothing_owed["expected_loss_cny"] == 0).all()
    assert (nothing_owed["realised_loss_cny"] == 0).all()
    assert not nothing_owed["defaulted"].any()


def test_grace_puts_default_off_and_the_interest_goes_on(futures):
    graced, left = (futures[name].filter("open") for name in ("grace", "none"))
    assert graced["pd_6m"].sum() < 0.7 * left["pd_6m"].sum()
    assert graced["expected_income_cny"].sum() > left["expected_income_cny"].sum()


def test_a_row_does_not_depend_on_the_others(world, taken):
    every = pl.concat([on_day(taken, days, action) for days, action in
                       ((35, "grace"), (35, "none"), (130, "freeze"), (200, "cut"))])  # fmt: skip
    rows = np.random.default_rng(1).permutation(every.height)[:200]
    full = synthetic.truth_of(world, every, workers=2)
    some = synthetic.truth_of(world, every[rows])
    pd.testing.assert_frame_equal(some, full.iloc[rows].reset_index(drop=True))


def test_a_loan_that_does_not_run_that_day_has_no_future(world, taken):
    for days in (-1, 900):
        answer = told(world, on_day(taken, days))
        assert not answer["open"].any()
        rest = answer.drop("application_id", "open")
        assert rest.null_count().sum_horizontal()[0] == rest.height * rest.width


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action": "call the police"}, "none, freeze, cut, grace"),
        ({"as_of": "31/12/2025"}, "YYYY-MM-DD"),
        ({"as_of": None}, "YYYY-MM-DD"),
        ({"as_of": "20"}, "YYYY-MM-DD"),
    ],
)
def test_a_day_or_action_that_cannot_be_is_one_clear_line(world, taken, changes, said):
    asked = on_day(taken.head(3), 30).with_columns(
        pl.lit(value, dtype=pl.String).alias(name) for name, value in changes.items()
    )
    with pytest.raises(ContractError, match=said) as caught:
        synthetic.truth_of(world, asked)
    assert "row 1" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("zone", [None, "Asia/Shanghai", "UTC"])
def test_the_local_day_of_a_time_counts(world, taken, zone):
    """Midnight of Shanghai is the evening before in UTC."""
    asked = on_day(taken.head(40), 0)
    midnight = (
        pl.col("as_of")
        .cast(pl.Datetime)
        .dt.replace_time_zone(None if zone is None else "Asia/Shanghai")
    )
    if zone is not None:
        midnight = midnight.dt.convert_time_zone(zone)
    told_by_time = synthetic.truth_of(world, asked.with_columns(as_of=midnight))
    pd.testing.assert_frame_equal(told_by_time, synthetic.truth_of(world, asked))


def test_a_number_is_no_day(world, taken):
    asked = on_day(taken.head(3), 30).with_columns(as_of=pl.lit(20250101))
    with pytest.raises(ContractError, match="expected a date, YYYY-MM-DD, got '20250101'"):
        synthetic.truth_of(world, asked)


def test_an_action_needs_its_day(world, taken):
    with pytest.raises(ContractError, match="as_of missing"):
        synthetic.truth_of(world, on_day(taken, 30).drop("as_of"))
