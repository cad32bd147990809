import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats

from models.evaluation import validation
from models.evaluation.segments import by_segment

BOUNDS = (0.01, 0.03, 0.1)


def faultless(rows, seed):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1, 25, rows).clip(0.001)
    return pd, (rng.random(rows) < pd).astype(float)


def test_a_pd_on_a_bound_belongs_to_the_worse_grade():
    assert validation.grade(np.array([0.001, 0.01, 0.05, 0.9]), BOUNDS).tolist() == list("ABCD")


def test_grade_tests_by_hand():
    table = validation.grade_tests(np.full(100, 0.02), np.repeat([1.0, 0.0], [5, 95]), BOUNDS)
    row = table.row(0, named=True)
    assert (row["grade"], row["rows"], row["bads"]) == ("B", 100, 5)
    by_hand = 1 - sum(stats.binom.pmf(k, 100, 0.02) for k in range(5))
    assert row["binomial_p"] == pytest.approx(by_hand)
    # Jeffreys: beta(5.5, 95.5) below 0.02, by numerical integration
    x = np.linspace(0, 0.02, 20_001)
    assert row["jeffreys_p"] == pytest.approx(np.trapezoid(stats.beta.pdf(x, 5.5, 95.5), x))


@pytest.mark.parametrize("test", [validation.hosmer_lemeshow, validation.spiegelhalter])
def test_the_tests_alarm_as_often_as_they_say(test):
    """At 5 %: about so often for a faultless model, nearly always for one with half the PD."""
    alarms = np.mean([test(*faultless(4_000, seed))["p"] < 0.05 for seed in range(300)])
    assert alarms == pytest.approx(0.05, abs=0.035)
    wrong = [test(pd / 2, bad)["p"] < 0.05 for pd, bad in (faultless(4_000, s) for s in range(20))]
    assert np.mean(wrong) > 0.9


def test_migration_counts_everyone_once():
    before, _ = faultless(500, 1)
    now, _ = faultless(500, 2)
    table = validation.migration(before, now, BOUNDS)
    assert table.select(pl.exclude("grade_before")).sum_horizontal().sum() == 500
    same = (
        validation.migration(before, before, BOUNDS).select(pl.exclude("grade_before")).to_numpy()
    )
    assert np.array_equal(same, np.diag(np.diag(same)))


def test_a_moved_feature_stands_first(trees_model, X):
    edges, share = [-0.5, 0.5], [0.3, 0.35, 0.25, 0.1]
    bins = {name: {"edges": edges, "share": share} for name in trees_model.feature_names}
    model = replace(trees_model, development={"features": bins})
    table = validation.characteristic_stability(model, X.with_columns(pl.col("c") + 2))
    assert table["feature"][0] == "c"
    assert table["csi"][0] > 1
    assert table["csi"][1] < 0.1


def test_gini_stability_has_its_parts():
    found = validation.gini_stability([0.6, 0.5, 0.4])
    assert found["gini_month_mean"] == pytest.approx(0.5)
    assert found["gini_month_slope"] == pytest.approx(-0.1)
    assert found["gini_month_residual_sd"] == pytest.approx(0)
    assert found["gini_stability"] == pytest.approx(0.5 - 3 * 0.1)
    assert validation.gini_stability([0.5, 0.5]) == {}


def test_the_interval_of_a_segment_counts_firms():
    """Three months of each loan say hardly more than one."""
    pd, bad = faultless(400, 3)
    once = pl.DataFrame(
        {
            "firm_id": [f"F{k}" for k in range(400)],
            "as_of": [dt.date(2024, 1, 1)] * 400,
            "defaulted": bad == 1,
            "labelled": True,
        }
    )
    thrice = by_segment(pl.concat([once] * 3), np.tile(pd, 3)).filter(segment="month")
    alone = by_segment(once, pd).filter(segment="month")
    width = [(t["gini_high"] - t["gini_low"]).item() for t in (alone, thrice)]
    assert width[1] == pytest.approx(width[0], rel=0.02)


def test_segments_add_up_to_the_whole():
    pd, bad = faultless(900, 3)
    rng = np.random.default_rng(4)
    labelled = rng.random(900) < 0.8
    rows = pl.DataFrame(
        {
            "as_of": [dt.date(2024, 1, 1) + dt.timedelta(days=int(d)) for d in range(900)],
            "defaulted": [bool(b) if k else None for b, k in zip(bad, labelled, strict=True)],
            "labelled": labelled,
            "area": rng.choice(["rural", "urban"], 900),
            "owner_age": rng.integers(20, 75, 900).astype(float),
            "sources_covered": rng.choice([1.0, 2.0, np.nan], 900),
            "legal_form": [None] * 900,
        },
        schema_overrides={"legal_form": pl.String},
    )
    table = by_segment(rows, pd, approved=pd < 0.05, true=pd)
    for segment in ("area", "owner_age", "month", "sources_covered", "legal_form"):
        part = table.filter(segment=segment)
        assert part["applicants"].sum() == 900
        assert part["rows"].sum() == labelled.sum()
        assert part["bads"].sum() == bad[labelled].sum()
    assert table.filter(segment="legal_form")["value"].to_list() == ["unknown"]
    assert "lender_type" not in table["segment"]
    rural = table.filter(segment="area", value="rural").row(0, named=True)
    inside = (rows["area"] == "rural").to_numpy()
    assert rural["approval_rate"] == pytest.approx((pd[inside] < 0.05).mean())
    assert rural["mean_true_pd"] == pytest.approx(pd[inside].mean())
    ages = table.filter(segment="owner_age")["value"].to_list()
    assert ages == ["29 or less", "30-39", "40-49", "50-59", "60 or more"]
