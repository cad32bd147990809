"""A modeller looks at her features before she trains."""

import numpy as np
import polars as pl
import pytest

from models.data.feature_matrix import read_matrix
from models.inspection.inspect import BINS, FEATURES, inspect
from models.settings import read_settings

CONFIG = read_settings(None)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Sales say something, void the opposite of nothing, copy repeats sales, and a word."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(4)
    n = 3_000
    sales, noise = rng.normal(size=(2, n))
    bad = rng.random(n) < 1 / (1 + np.exp(2 + 1.2 * sales))
    day = rng.integers(0, 540, n)
    moved = np.where(day > 450, 3.0, 0.0) + rng.normal(size=n) - sales
    pl.DataFrame(
        {
            "id": np.arange(n),
            "sales": np.where(rng.random(n) < 0.1, np.nan, sales),
            "copy": sales + 0.01 * noise,
            "noise": noise,
            "moved": moved,
            "same": 1,
            "rare": np.where(rng.random(n) < 0.02, sales, np.nan),
            "trade": np.where(rng.random(n) < 0.2 + 0.5 * bad, "smith", "baker"),
            "dunned": np.where(bad & (rng.random(n) < 0.7), 1, 0),
        }
    ).fill_nan(None).write_csv(folder / "x.csv")
    start = np.datetime64("2024-01-01")
    labels = pl.DataFrame({"id": np.arange(n), "defaulted": bad, "date": start + day})
    labels.write_csv(folder / "y.csv")
    return folder


@pytest.fixture(scope="module")
def found(files):
    return inspect(read_matrix(files / "x.csv", files / "y.csv"), config=CONFIG)


def row(found, name):
    return found.features.row(by_predicate=pl.col("feature") == name, named=True)


def test_tables_have_the_columns_that_are_said(found):
    assert dict(found.features.schema) == FEATURES
    assert dict(found.bins.schema) == BINS
    assert found.features["feature"].to_list() == [
        *("sales", "copy", "noise", "moved", "same", "rare", "trade", "dunned")
    ]


def test_reasons_against_features(found):
    assert row(found, "same")["drop"] == "constant"
    assert row(found, "rare")["drop"] == "missing"
    assert row(found, "noise")["drop"] == "weak"
    assert row(found, "moved")["drop"] == "unstable"
    assert {row(found, name)["drop"] for name in ("sales", "copy")} == {None, "redundant"}
    assert "repeats" in next(
        row(found, name)["drop_because"] for name in ("sales", "copy") if row(found, name)["drop"]
    )
    assert row(found, "trade")["drop"] is None
    # its IV is zero: no optimal bin holds bads alone
    assert row(found, "dunned")["iv"] == 0
    assert row(found, "dunned")["drop"] == "separates"


def test_bins_are_of_the_training_slice_alone(found, files):
    """What the out-of-time period says of a feature must not choose it."""
    assert found.sample.startswith("the training slice, before 2025-01-01")
    labels = pl.read_csv(files / "y.csv", try_parse_dates=True)
    before = labels.filter(pl.col("date") < pl.date(2025, 1, 1))
    assert found.labelled == before.height
    assert found.bads == before["defaulted"].sum()
    later = labels.with_columns(
        defaulted=pl.when(pl.col("date") >= pl.date(2025, 4, 1))
        .then(~pl.col("defaulted"))
        .otherwise("defaulted")
    )
    later.write_csv(files / "later.csv")
    again = inspect(read_matrix(files / "x.csv", files / "later.csv"), config=CONFIG)
    assert again.bins.equals(found.bins)


def test_bins_agree_with_counts_by_hand(found, files):
    table = found.bins.filter(pl.col("feature") == "sales")
    known = table.filter(pl.col("from").is_null() & pl.col("below").is_not_null())
    edge = known["below"][0]
    rows = pl.read_csv(files / "x.csv").join(
        pl.read_csv(files / "y.csv", try_parse_dates=True), on="id"
    )
    inside = rows.filter((pl.col("date") < pl.date(2025, 1, 1)) & (pl.col("sales") < edge))
    assert known["rows"][0] == inside.height
    assert known["bads"][0] == inside["defaulted"].sum()
    assert table["share"].sum() == pytest.approx(1.0)


def test_quarters_add_up_to_all_rows(found):
    by_feature = found.by_quarter_and_bin.group_by("feature").agg(
        pl.col("applicants", "bads").sum()
    )
    assert (by_feature["applicants"] == found.rows).all()
    assert by_feature["bads"].n_unique() == 1
    assert found.by_quarter["quarter"].unique().sort().to_list() == [
        *("2024Q1", "2024Q2", "2024Q3", "2024Q4", "2025Q1", "2025Q2")
    ]


def test_without_labels_there_is_still_something_to_see(files):
    found = inspect(read_matrix(files / "x.csv", None), config=CONFIG)
    assert found.labelled == 0
    assert found.features["iv"].null_count() == found.features.height
    assert row(found, "same")["drop"] == "constant"
    assert found.by_quarter.is_empty()
    assert row(found, "copy")["vif"] > 5


def test_few_labels_are_taken_all_together(files):
    labels = pl.read_csv(files / "y.csv").head(200).drop("date")
    labels.with_columns(defaulted=pl.arange(0, 200) < 3).write_csv(files / "few.csv")
    found = inspect(read_matrix(files / "x.csv", files / "few.csv"), config=CONFIG)
    assert found.labelled > 0
