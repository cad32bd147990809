"""Rehearsals on a small world: shared costs, whole sums, the truth's best, a search, a page."""

import itertools
import json
import shutil
import tomllib

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

import synthetic
from features.contract.errors import ContractError
from features.engine.build import build_features
from features.io.signal_reader import Signals, read_applications
from features.table.catalogue import FEATURES, fingerprint
from firstloan import app
from laboratory.rehearsal.acceptance import AcceptanceCurve
from laboratory.rehearsal.applicants import read_applicants
from laboratory.rehearsal.layers import LAYERS, left_to_lender, waterfall
from laboratory.rehearsal.policies import BEST, LENDERS_CHOICE, PAST_LENDERS, offered
from laboratory.rehearsal.rehearse import rehearse, with_costs
from laboratory.rehearsal.results import by_estimates, by_truth, expected_profit
from laboratory.rehearsal.search import (
    Constraints,
    Found,
    FoundRow,
    estimated,
    numbers_of,
    search,
    with_numbers,
)
from models.estimators.calibration import Calibration
from models.estimators.lightgbm_trees import Trees
from models.estimators.model import Model, save
from scoring.offers.policy import POLICIES, OfferPolicy, shipped
from synthetic.offer_truth.asked import COLUMNS

pytestmark = pytest.mark.slow

FIRMS = 2_000
NAMES = ("firm_age", "loan_to_sales", "tax_sales_mean_365d", "electricity_change_26w",
         "payment_delay_recent", "work_level_26w")  # fmt: skip
SIGNS = {feature.name: feature.sign for feature in FEATURES}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rehearsal")
    (folder / "short.toml").write_text("[calendar]\nfollow_days = 0\n")
    return synthetic.simulate(
        folder / "world", firms=FIRMS, seed=9, config=folder / "short.toml", workers=2
    )


@pytest.fixture(scope="module")
def model(data):
    """A small model of the world's own outcomes, before the out-of-time period."""
    outcomes = pl.read_csv(data / "outcomes.csv", infer_schema_length=None)
    known = outcomes.filter(pl.col("defaulted").is_not_null())["application_id"]
    applications = read_applications(data / "applications.csv")
    chosen = applications.filter(pl.col("application_id").is_in(known.implode())).head(600)
    X = build_features(Signals.open(data), chosen, workers=2)
    bad = chosen.join(outcomes, on="application_id", maintain_order="left")["defaulted"].to_numpy()
    settings = {"objective": "binary", "num_leaves": 4, "min_data_in_leaf": 20, "verbose": -1,
                "monotone_constraints": [SIGNS[n] for n in NAMES], "num_threads": 1}  # fmt: skip
    values = X.select(pl.col(NAMES).cast(pl.Float64)).to_numpy()
    booster = lgb.train(settings, lgb.Dataset(values, bad.astype(float)), num_boost_round=15)
    return Model(
        name="first-time-borrower",
        version="unregistered",
        candidate="trees",
        feature_names=NAMES,
        fingerprint=fingerprint(),
        trained_on="simulated",
        estimator=Trees(booster.model_to_string()),
        calibration=Calibration(a=1.0, b=1.0, c=0.0),
        typical=dict.fromkeys(NAMES, 0.0),
        development={"pd_edges": [], "pd_share": [1.0]},
    )


@pytest.fixture(scope="module")
def policies():
    return [OfferPolicy.load(POLICIES / f"{name}.toml") for name in shipped()][::-1]


@pytest.fixture(scope="module")
def told(data, model, policies):
    ordered = sorted(policies, key=lambda policy: policy.product.name != "quick_business_loan")
    return rehearse(
        data, ordered, model=model, label="small", costs=ordered[0].costs, simulated=True, workers=2
    )


def of(told, name):
    return next(each for each in told.rehearsed if each.name == name)


def test_every_policy_and_the_past_lenders_are_there(told):
    assert [each.name for each in told.rehearsed] == [
        "quick_business_loan", *sorted({*shipped()} - {"quick_business_loan"}, reverse=True),
        PAST_LENDERS, LENDERS_CHOICE,
    ]  # fmt: skip


def test_profit_is_income_less_loss_and_the_shared_costs(told):
    for each in told.rehearsed:
        f = each.figures
        costs = f["funding_cny"] + f["operating_cny"] + f["capital_cny"]
        assert f["profit_cny"] == pytest.approx(f["income_cny"] - f["loss_cny"] - costs)
        # funding is a fixed share of the balance in every row
        balance_years = f["income_cny"] / f["mean_rate_pct"] * 100
        assert f["funding_cny"] == pytest.approx(told.costs.funding_pct / 100 * balance_years)


def test_figures_are_the_truths(told, data):
    flat = of(told, "flat_cut_off")
    truth = synthetic.truth_of(data, flat.offers.select(*COLUMNS))
    taken = truth["accept_probability"].to_numpy()
    assert flat.figures["accepted"] == pytest.approx(taken.sum())
    lent = flat.offers["amount_cny"].to_numpy()
    rate = (taken * lent * truth["pd_life"]).sum() / (taken * lent).sum()
    assert flat.figures["default_by_balance_pct"] == pytest.approx(100 * rate)


def test_nobody_earns_more_than_the_truths_best_on_its_sample(told):
    assert told.best_share[BEST] == 1.0
    assert max(share for name, share in told.best_share.items() if name != BEST) < 1.0


def test_past_lenders_offers_are_those_of_the_outcomes(told, data):
    outcomes = pl.read_csv(data / "outcomes.csv", infer_schema_length=None)
    past = of(told, PAST_LENDERS).offers
    own = past.select("application_id").join(outcomes, on="application_id", maintain_order="left")
    assert own["approved"].all()
    assert past["amount_cny"].to_list() == own["offered_amount_cny"].to_list()
    assert past["rate_pct"].to_list() == own["offered_rate_pct"].to_list()


def test_applicants_are_out_of_time(told, data):
    applications = read_applications(data / "applications.csv")
    assert told.first_day > applications["applied_on"].min()
    assert told.first_day.day == 1
    assert told.applicants < FIRMS


def test_offers_do_not_depend_on_outcomes_or_truth(data, model, policies, tmp_path):
    """The same world with other outcomes, other past offers and no truth makes the same offers."""
    people = read_applicants(data, model)
    policy = with_costs(policies[-1], policies[-1].costs)
    own = offered(people, policy)
    other = tmp_path / "other"
    shutil.copytree(data, other)
    shutil.rmtree(other / "truth")
    outcomes = pl.read_csv(other / "outcomes.csv", infer_schema_length=None)
    shuffled = outcomes.with_columns(
        pl.col("offered_rate_pct").reverse(), pl.col("offered_amount_cny").reverse()
    )
    shuffled.write_csv(other / "outcomes.csv")
    assert offered(read_applicants(other, model), policy).equals(own)


def test_costs_are_shared(policies):
    costs = policies[0].assumptions.costs_of("small_loan")
    for policy in policies:
        shared = with_costs(policy, costs)
        assert shared.costs == costs
        assert shared.product == policy.product
    with pytest.raises(ContractError, match="lender type: expected one of bank"):
        policies[0].assumptions.costs_of("pawnshop")


def test_estimates_judge_where_there_is_no_truth(data, model, policies):
    told = rehearse(
        data, policies[:1], model=model, label="small", costs=policies[0].costs, simulated=False
    )
    f = told.rehearsed[0].figures
    assert (told.by_truth, told.best_share, len(told.rehearsed)) == (False, {}, 1)
    assert np.isnan(f["good_refused_pct"])
    assert np.isnan(f["borrower_gain_cny"])
    assert f["loss_cny"] == pytest.approx(f["estimated_loss_cny"])


def test_acceptance_is_fitted_to_past_offers_and_falls_with_the_rate():
    rng = np.random.default_rng(1)
    rate = rng.uniform(4, 12, 4_000)
    taken = rng.random(4_000) < 1 / (1 + np.exp(-(5.0 - 2.5 * np.log(rate))))
    outcomes = pl.DataFrame({"approved": True, "accepted": taken, "offered_rate_pct": rate})
    curve = AcceptanceCurve.fitted(outcomes)
    assert (curve.intercept, curve.slope) == (
        pytest.approx(5.0, abs=0.5),
        pytest.approx(-2.5, abs=0.3),
    )
    assert AcceptanceCurve.fitted(outcomes.head(20)).probability(rate).min() == 1.0


def test_a_search_keeps_its_constraints_and_does_not_do_worse(data, model):
    policy = OfferPolicy.load()
    before = read_applicants(data, model, before=True)
    judge = by_estimates(AcceptanceCurve.fitted(before.outcomes_before))
    costs = policy.costs
    start = estimated(before, policy, judge, costs)
    most = start["default_by_balance_pct"] + 1.0
    loose = Constraints(default_pct=most, first_time_pct=0.0)
    found, settings = search(before, policy, costs=costs, constraints=loose, trials=12)
    after = estimated(before, found, judge, costs)
    assert after["profit_cny"] >= start["profit_cny"]
    assert after["default_by_balance_pct"] <= loose.default_pct
    assert numbers_of(found) == pytest.approx(settings)
    again, same = search(before, policy, costs=costs, constraints=loose, trials=12)
    assert (again, same) == (found, settings)


def test_where_nothing_keeps_the_constraints_the_policy_stays(data, model):
    policy = OfferPolicy.load()
    before = read_applicants(data, model, before=True)
    never = Constraints(default_pct=-1.0, first_time_pct=100.0)
    found, settings = search(before, policy, costs=policy.costs, constraints=never, trials=2)
    assert (found, settings) == (policy, numbers_of(policy))


def test_numbers_of_a_policy_go_in_and_out():
    policy = OfferPolicy.load()
    assert with_numbers(policy, numbers_of(policy)) == policy
    numbers = {"pd_below": 0.02, "margin_pct": 1.0, "sales_share": 0.6, "instalment_share": 0.5}
    assert numbers_of(with_numbers(policy, numbers)) == pytest.approx(numbers)


def test_the_strategy_curve_ends_at_the_policys_own_figures(told):
    first, curve = told.rehearsed[0], told.curve
    assert curve.profit_cny[-1] == pytest.approx(first.figures["profit_cny"])
    assert 100 * curve.default[-1] == pytest.approx(first.figures["default_by_number_pct"])
    assert curve.approval[-1] == pytest.approx(first.figures["offers"] / told.applicants)
    assert (np.diff(curve.cut_off) >= 0).all()
    assert (np.diff(curve.approval) > 0).all()


@pytest.mark.parametrize("loss", [0.0, 20.0, 30.0, 50.0, 100.0, 250.0])
def test_layers_bear_the_whole_loss_in_order(loss):
    layers = waterfall(loss, 100.0)
    assert sum(layer.borne_cny for layer in layers) == pytest.approx(loss)
    assert [layer.name for layer in layers] == list(LAYERS)
    assert [layer.exhausted_at_cny for layer in layers] == [30.0, 70.0, np.inf]
    for before, after in itertools.pairwise(layers):
        assert after.borne_cny == 0 or before.borne_cny == pytest.approx(
            before.exhausted_at_cny - (0 if before is layers[0] else 30.0)
        )


def test_support_leaves_the_lender_what_the_report_says():
    left = left_to_lender(100.0)
    assert left == {
        "none": 100.0, "compensation fund": 60.0, "guarantee": pytest.approx(20.0),
        "risk layers": pytest.approx(20.0),
    }  # fmt: skip


@pytest.fixture
def shell(data, model, tmp_path, monkeypatch):
    """Run `firstloan rehearse` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    save(model, tmp_path / "model")

    def run(*options, data=data):
        arguments = ["rehearse", "--data", str(data), "--out", "told.html", "--model", "model"]
        return CliRunner().invoke(app, [*arguments, "--workers", "1", *options])

    return run


def test_the_command_writes_a_page_a_table_and_runs(shell, tmp_path):
    result = shell("--policy", "quick_business_loan", "--policy", "flat_cut_off", "--search", "3")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "the truth of a simulated world" in result.stdout
    table = pl.read_csv(tmp_path / "told.csv")
    assert table["policy"].to_list() == [
        "quick_business_loan", "chosen", "flat_cut_off", PAST_LENDERS, LENDERS_CHOICE,
    ]  # fmt: skip
    page = (tmp_path / "told.html").read_text("utf-8")
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert "winner&#39;s curse" in page
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("rehearsal").experiment_id
    runs = client.search_runs([experiment])
    assert len(runs) == 1 + table.height
    flat = next(run for run in runs if run.info.run_name == "flat_cut_off")
    stated = table.filter(pl.col("policy") == "flat_cut_off")["profit_cny"].item()
    assert flat.data.metrics["profit_cny"] == pytest.approx(stated, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lender", "pawnshop"], "lender type: expected one of"),
        (["--policy", "none.toml"], "expected an offer policy (shipped:"),
        (["--policy", "tax_loan", "--policy", "tax_loan"], "two policies have one name"),
        (["--policy", "flat_cut_off", "--search", "2"], "has a flat limit"),
        (["--out", "told.csv"], "expected a page such as rehearsal.html"),
    ],
)
def test_wrong_options_are_one_line_and_write_nothing(shell, tmp_path, options, said):
    with pytest.raises(ContractError) as error:
        result = shell(*options)
        raise result.exception
    assert said in str(error.value)
    assert not (tmp_path / "told.html").exists()


def test_a_folder_without_truth_is_judged_by_estimates(shell, data, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(data, own)
    shutil.rmtree(own / "truth")
    manifest = json.loads((own / "manifest.json").read_text("utf-8"))
    (own / "manifest.json").write_text(json.dumps(manifest | {"made_by": "import"}), "utf-8")
    result = shell("--policy", "quick_business_loan", data=own)
    assert result.exit_code == 0, result.output
    assert "estimates alone" in result.stdout
    assert pl.read_csv(tmp_path / "told.csv")["judged_by"].to_list() == ["estimates"]


def test_truth_judges_what_is_offered_row_by_row(data, told):
    judge = by_truth(data, workers=1)
    some = of(told, "flat_cut_off").offers.head(5)
    asked = some.select(*COLUMNS)
    whole = judge(asked)
    assert whole["pd_life"].to_list() == some["pd_life"].to_list()
    assert whole.select(expected_profit(told.costs)).to_series().is_not_nan().all()


def test_a_policy_file_of_ones_own_is_rehearsed_by_its_path(shell, tmp_path):
    text = (POLICIES / "quick_business_loan.toml").read_text("utf-8")
    mine = text.replace('name = "quick_business_loan"', 'name = "mine"')
    assert tomllib.loads(mine)["product"]["name"] == "mine"
    (tmp_path / "mine.toml").write_text(mine, "utf-8")
    result = shell("--policy", "mine.toml")
    assert result.exit_code == 0, result.output
    assert pl.read_csv(tmp_path / "told.csv")["policy"][0] == "mine"


def test_a_policy_that_offers_to_nobody_has_a_page_too(shell, tmp_path):
    text = (POLICIES / "quick_business_loan.toml").read_text("utf-8")
    (tmp_path / "none.toml").write_text(text.replace("pd_below = 0.04", "pd_below = 1e-9"), "utf-8")
    result = shell("--policy", "none.toml", "--search", "1")
    assert result.exit_code == 0, result.output
    first = pl.read_csv(tmp_path / "told.csv").row(0, named=True)
    assert (first["offers"], first["profit_cny"], first["return_pct"]) == (0, 0, None)


@pytest.mark.parametrize(
    ("promised", "came", "said"),
    [
        (50.0, 20.0, "The difference, 30 % of the first policy's true profit, is the winner's"),
        (20.0, 50.0, "It kept its promise: no winner's curse here."),
        (20.0, np.nan, "Without a truth nothing says"),
    ],
)
def test_the_winners_curse_is_what_was_promised_and_did_not_come(promised, came, said):
    before = FoundRow("a", chosen_on=0.0, estimated=120.0, truth=100.0 + 0 * came)
    after = FoundRow("b", chosen_on=0.0, estimated=120.0 + promised, truth=100.0 + came)
    found = Found(OfferPolicy.load(), {}, trials=1, applicants=1, rows=(before, after))
    assert said in found.curse_in_words
