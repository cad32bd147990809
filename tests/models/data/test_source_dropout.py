import numpy as np
import polars as pl
import pytest

from features.contract.tables import SOURCES
from features.table.catalogue import FEATURES, feature_names
from models.data.source_dropout import with_source_dropout
from models.settings import SourceDropoutConfig

N = 400


@pytest.fixture
def rows():
    rng = np.random.default_rng(4)
    frame = pl.DataFrame(
        rng.uniform(0.1, 1.0, (N, len(FEATURES))).astype(np.float32), schema=list(feature_names())
    )
    nothing = pl.Series(rng.random(N) < 0.3)
    return frame.with_columns(
        pl.when(nothing).then(0.0).otherwise(1.0).cast(pl.Float32).alias("coverage_logistics"),
        application_id=pl.format("A{}", pl.int_range(N)),
        defaulted=pl.int_range(N) % 7 == 0,
    )


def known(frame):
    return frame.select(pl.sum_horizontal(pl.col(f"coverage_{s}") > 0 for s in SOURCES)).to_series()


def test_every_row_stays_and_copies_follow_theirs_with_the_same_label(rows):
    thin = with_source_dropout(rows, SourceDropoutConfig(share=1.0, without_register=0.5), seed=1)
    originals = thin.filter(pl.col("application_id").is_first_distinct())
    assert originals.equals(rows)
    assert thin["application_id"].rle().struct.field("len").max() == 2
    labels = thin.group_by("application_id").agg(pl.col("defaulted").n_unique())
    assert labels["defaulted"].max() == 1


def test_a_copy_knows_less_but_never_nothing(rows):
    thin = with_source_dropout(rows, SourceDropoutConfig(share=1.0, without_register=0.0), seed=1)
    copies = thin.filter(~pl.col("application_id").is_first_distinct())
    before = copies.select("application_id").join(rows, on="application_id", how="left")
    assert (known(copies) < known(before)).all()
    assert known(copies).min() == 1
    assert set(known(copies)) == {1, 2, 3}
    dark = copies.filter(pl.col("coverage_electricity") == 0)
    assert 0 < dark.height < copies.height
    assert dark["electricity_mean_90d"].null_count() == dark.height
    assert copies["firm_employees"].null_count() == 0


def test_the_register_is_lost_as_often_as_said(rows):
    thin = with_source_dropout(rows, SourceDropoutConfig(share=1.0, without_register=1.0), seed=1)
    copies = thin.filter(~pl.col("application_id").is_first_distinct())
    assert copies.height == N
    assert copies["firm_employees"].null_count() == N


def test_the_same_seed_gives_the_same_copies_and_no_share_none(rows):
    half = SourceDropoutConfig(share=0.5, without_register=0.5)
    one, two = (with_source_dropout(rows, half, seed=3) for _ in range(2))
    assert one.equals(two)
    assert not one.equals(with_source_dropout(rows, half, seed=4))
    none = SourceDropoutConfig(share=0.0, without_register=0.5)
    assert with_source_dropout(rows, none, seed=3).equals(rows)
    own = rows.drop("coverage_tax")
    assert with_source_dropout(own, half, seed=3) is own
