import json

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.contract.errors import ContractError
from features.contract.tables import SIGNALS
from features.contract.validation import conform, violations
from features.io.signal_reader import Signals, read_applications, read_outcomes
from synthetic.backdrop import backdrop
from synthetic.config.load import load_config
from synthetic.simulation import simulate_world
from synthetic.world import bucket_world

pytestmark = pytest.mark.slow

FIRMS = 1_100  # one whole bucket and a part of a second


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("worlds") / "one"
    simulate_world(out=out, firms=FIRMS, seed=11, config=load_config(), workers=2)
    return out


@pytest.fixture(scope="module")
def truth(world):
    return pl.read_parquet(world / "truth" / "truth.parquet")


def read(world, table):
    signals = Signals.open(world)
    return pl.concat([signals.read(table, bucket=bucket) for bucket in signals.buckets])


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(world, tmp_path):
    again = tmp_path / "again"
    simulate_world(out=again, firms=FIRMS, seed=11, config=load_config(), workers=1)
    files = sorted(path.relative_to(world) for path in world.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    for path in files:
        assert (world / path).read_bytes() == (again / path).read_bytes(), path


def test_a_firm_that_sources_do_not_cover_is_a_world_too():
    """Without an invoice, a parcel or a shop; whole buckets of a few firms may be like that."""
    world = backdrop(3, load_config("thin-data"))
    tables = [bucket_world(1, bucket, world) for bucket in range(6)]
    assert any(one["invoices"].is_empty() for one in tables)
    assert any(one["coverage"].height == 1 for one in tables)
    for one in tables:
        assert violations(one["coverage"], "coverage").is_empty()
        assert one["applications"].height == 1


def test_another_seed_gives_another_world(world, tmp_path):
    simulate_world(out=tmp_path / "w", firms=50, seed=12, config=load_config())
    one = read_applications(world / "applications.csv").head(50)
    two = read_applications(tmp_path / "w" / "applications.csv")
    assert one["amount_cny"].to_list() != two["amount_cny"].to_list()


@pytest.mark.parametrize("table", SIGNALS)
def test_every_table_is_there_and_keeps_the_contract(world, table):
    frame = read(world, table)
    assert frame.height
    assert violations(conform(frame, table), table).is_empty()


def test_every_firm_applies_once_and_the_manifest_counts_right(world):
    applications = read_applications(world / "applications.csv")
    assert applications.height == FIRMS
    assert applications["firm_id"].n_unique() == FIRMS
    manifest = json.loads((world / "manifest.json").read_text())
    assert manifest["firms"] == FIRMS
    for table in SIGNALS:
        assert manifest["rows"][table] == read(world, table).height


def test_repeat_borrowers_and_they_alone_have_a_history(world):
    applications = read_applications(world / "applications.csv")
    history = read(world, "credit_history")
    repeat = applications.filter(~pl.col("first_time"))
    assert sorted(history["application_id"]) == sorted(repeat["application_id"])
    share = applications["first_time"].mean()
    assert abs(share - 0.45) < 4 * np.sqrt(0.45 * 0.55 / FIRMS)


def test_a_refused_firm_has_no_outcome_but_a_truth(world, truth):
    outcomes = read_outcomes(world / "outcomes.csv")
    refused = outcomes.filter(~pl.col("approved"))
    assert refused.height
    assert refused["defaulted"].null_count() == refused.height
    seen = outcomes.filter("approved").join(truth, on="application_id")
    assert (seen["defaulted"] == seen["potential_default"].cast(pl.Boolean)).all()
    assert truth["potential_default"].null_count() == 0


def test_true_pd_is_a_probability_that_the_defaults_bear_out(truth):
    for column in ("true_pd", "true_pd_world"):
        assert truth[column].is_between(0, 1).all()
    pd = truth["true_pd_world"].to_numpy()
    error = np.sqrt((pd * (1 - pd)).sum()) / len(pd)
    assert abs(truth["potential_default"].cast(pl.Float64).mean() - pd.mean()) < 4 * error


def test_every_default_has_a_cause_and_nothing_else_has(truth):
    defaulted = truth["potential_default"].cast(pl.Boolean)
    assert (truth["cause"].is_not_null() == defaulted).all()


def test_less_cash_is_more_risk(truth):
    honest = truth.filter(~pl.any_horizontal(pl.col("shell", "invoice_inflation", "brushing")))
    poor = honest.filter(pl.col("cash_months") < pl.col("cash_months").quantile(0.2))
    rich = honest.filter(pl.col("cash_months") > pl.col("cash_months").quantile(0.8))
    assert poor["true_pd"].mean() > 2 * rich["true_pd"].mean()


def test_signals_end_with_the_application_or_a_year_after_the_loan(world):
    applications = read_applications(world / "applications.csv")
    loans = read(world, "loans").select("firm_id", "disbursed_on")
    both = applications.join(loans, on="firm_id", how="left")
    for table, day in (("electricity", "date"), ("invoices", "issued_on"), ("ecommerce", "date")):
        last = (
            read(world, table).group_by("firm_id").agg(pl.col(day).max()).join(both, on="firm_id")
        )
        borrowers = last.filter(pl.col("disbursed_on").is_not_null())
        others = last.filter(pl.col("disbursed_on").is_null())
        assert (others[day] <= others["applied_on"]).all(), table
        since = (borrowers[day] - borrowers["disbursed_on"]).dt.total_days()
        assert since.max() <= 365, table
        assert since.median() > 350, table


def test_csv_tables_hold_what_the_parquet_tables_hold(tmp_path):
    simulate_world(out=tmp_path / "p", firms=20, seed=1, config=load_config())
    simulate_world(out=tmp_path / "c", firms=20, seed=1, config=load_config(), csv=True)
    for table in SIGNALS:
        assert (tmp_path / "c" / "signals" / f"{table}.csv").is_file()
        one, two = read(tmp_path / "p", table), read(tmp_path / "c", table)
        assert_frame_equal(two.select(one.columns), one, check_row_order=False)


def test_wrong_settings_are_one_clear_line(tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[health]\nown_sdd = 1\n")
    with pytest.raises(ContractError, match="own_sdd") as caught:
        load_config(wrong)
    assert "\n" not in str(caught.value)
    with pytest.raises(ContractError, match="expected 1 or more, got 0"):
        simulate_world(out=tmp_path / "w", firms=0, seed=1, config=load_config())
    assert not (tmp_path / "w").exists()


def test_the_answer_key_names_the_faults_that_are_in_the_records(world):
    key = pl.read_parquet(world / "truth" / "faults.parquet")
    power = read(world, "electricity").join(
        read_applications(world / "applications.csv").select("firm_id", "applied_on"), on="firm_id"
    )
    cell = ["firm_id", "date"]
    metered = key.filter(pl.col("table") == "electricity")
    gaps = metered.filter(pl.col("kind") == "gap")
    assert gaps.height
    assert power.join(gaps, on=cell, how="semi").is_empty()
    late = metered.filter(pl.col("kind") == "late")
    seen = power.join(late, on=cell, suffix="_key")
    assert seen.height > 0.9 * late.height
    assert (seen["known_on"] == seen["known_on_key"]).all()
    twice = power.group_by(cell).len().filter(pl.col("len") > 1)
    corrected = metered.filter(pl.col("kind") == "corrected")
    assert twice.join(corrected, on=cell, how="anti").is_empty()
    unexplained = power.filter(pl.col("known_on").is_not_null()).join(
        metered.filter(pl.col("kind").is_in(["late", "corrected"])), on=cell, how="anti"
    )
    assert unexplained.is_empty()
    for table, day in (("invoices", "issued_on"), ("logistics", "date")):
        held_up = read(world, table).filter(pl.col("known_on").is_not_null())
        mine = key.filter((pl.col("table") == table) & (pl.col("kind") == "late"))
        on = {"invoices": ["firm_id", "invoice_id"], "logistics": cell}[table]
        assert held_up.height
        assert held_up.rename({day: "date"}).join(mine, on=on, how="anti").is_empty(), table
