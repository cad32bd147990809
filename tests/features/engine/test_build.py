import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.contract.errors import ContractError
from features.engine import build
from features.engine.build import (
    FINGERPRINT_KEY,
    build_features,
    build_file,
    read_features,
    write_features,
)
from features.io.data_folder import write_bucket
from features.io.signal_reader import Signals
from features.table.catalogue import FEATURES, feature_names, fingerprint

SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=12, deadline=None)


def features_of(tables, applications, **options):
    return build_features(Signals.from_frames(tables), applications, **options)


def write(tables, applications, folder, *, per_bucket):
    firms = applications["firm_id"].unique().sort()
    for bucket, start in enumerate(range(0, len(firms), per_bucket)):
        own = firms.slice(start, per_bucket)
        for table, frame in tables.items():
            write_bucket(
                frame.filter(pl.col("firm_id").is_in(own.implode())),
                table,
                folder / "signals",
                bucket,
            )
    applications.write_csv(folder / "applications.csv")
    return folder


def test_one_row_per_application_in_the_order_given(world):
    tables, applications = world(1)
    shuffled = applications.sample(fraction=1.0, shuffle=True, seed=3)
    found = features_of(tables, shuffled)
    assert found.columns == ["application_id", "firm_id", "as_of", *feature_names()]
    assert found["application_id"].to_list() == shuffled["application_id"].to_list()
    assert found["as_of"].to_list() == shuffled["applied_on"].to_list()
    assert set(found.dtypes[3:]) == {pl.Float32}


@FEW
@given(seed=SEEDS)
def test_nothing_is_infinite_or_not_a_number(world, seed):
    found = features_of(*world(seed)).select(feature_names())
    assert found.select(pl.all().is_finite().all()).row(0) == (True,) * found.width


@FEW
@given(seed=SEEDS)
def test_order_of_rows_never_matters(world, seed):
    tables, applications = world(seed)
    shuffled = {
        name: frame.sample(fraction=1.0, shuffle=True, seed=seed) for name, frame in tables.items()
    }
    assert_frame_equal(
        features_of(tables, applications), features_of(shuffled, applications), check_exact=True
    )


@FEW
@given(seed=SEEDS)
def test_other_applicants_never_matter(world, seed):
    tables, applications = world(seed, 4)
    together = features_of(tables, applications)
    alone = pl.concat(
        features_of(tables, applications.slice(i, 1)) for i in range(applications.height)
    )
    assert_frame_equal(together, alone, check_exact=True)


def test_buckets_chunks_and_workers_never_matter(world, tmp_path, monkeypatch):
    tables, applications = world(7, 6)
    whole = features_of(tables, applications)
    for per_bucket in (1, 2, 6):
        folder = write(tables, applications, tmp_path / str(per_bucket), per_bucket=per_bucket)
        for workers in (1, 2):
            cut = build_features(Signals.open(folder), applications, workers=workers)
            assert_frame_equal(whole, cut, check_exact=True)
    for few in (0, 1_000):
        monkeypatch.setattr(build, "_FEW_FIRMS", few)
        cut = build_features(Signals.open(tmp_path / "6"), applications.head(2))
        assert_frame_equal(whole.head(2), cut, check_exact=True)
    monkeypatch.setattr(build, "BUCKET_FIRMS", 2)
    assert_frame_equal(whole, features_of(tables, applications), check_exact=True)


def test_a_firm_may_apply_twice(world):
    tables, applications = world(2)
    later = applications.with_columns(
        pl.col("application_id") + "-later", pl.col("applied_on") + pl.duration(days=40)
    )
    both = features_of(tables, pl.concat([applications, later]))
    assert_frame_equal(
        both,
        pl.concat([features_of(tables, applications), features_of(tables, later)]),
        check_exact=True,
    )


def test_an_unknown_firm_has_no_figures_and_is_no_error(world):
    tables, applications = world(3)
    stranger = applications.head(1).with_columns(firm_id=pl.lit("stranger"))
    found = features_of(tables, stranger)
    known = {
        f.name for f in FEATURES if found[f.name][0] is not None and not f.name.startswith("loan")
    }
    counted = {f.name for f in FEATURES if f.theme == "coverage"}
    assert known == counted
    assert found.select(sorted(counted)).row(0) == (0.0,) * len(counted)


def test_no_signals_at_all(world):
    _, applications = world(3)
    found = features_of({}, applications)
    assert found.height == applications.height
    assert found["coverage_tax"].to_list() == [0.0] * applications.height


def test_no_applications(world):
    tables, applications = world(3)
    found = features_of(tables, applications.head(0))
    assert found.height == 0
    assert found.columns == ["application_id", "firm_id", "as_of", *feature_names()]


def test_progress_counts_applications(world):
    tables, applications = world(3)
    seen = []
    features_of(tables, applications, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (applications.height, applications.height)


def test_the_file_is_whole_and_carries_the_fingerprint(world, tmp_path):
    tables, applications = world(4)
    folder = write(tables, applications, tmp_path / "data", per_bucket=2)
    out = tmp_path / "features.parquet"
    written = build_file(folder, out)
    assert_frame_equal(read_features(out), written)
    assert pl.read_parquet_metadata(out)[FINGERPRINT_KEY] == fingerprint()
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["features.parquet"]


def test_a_file_of_another_table_is_refused(world, tmp_path, monkeypatch):
    found = features_of(*world(4))
    monkeypatch.setattr(build, "fingerprint", lambda: "another")
    write_features(found, tmp_path / "old.parquet")
    monkeypatch.undo()
    with pytest.raises(ContractError, match="got another"):
        read_features(tmp_path / "old.parquet")
    with pytest.raises(ContractError, match="cannot read"):
        read_features(tmp_path / "none.parquet")


def test_a_broken_table_writes_nothing(world, tmp_path):
    tables, applications = world(4)
    folder = write(tables, applications, tmp_path / "data", per_bucket=3)
    part = folder / "signals" / "electricity" / "bucket=0000" / "part.parquet"
    tables["electricity"].drop("kwh_flat").write_parquet(part)
    with pytest.raises(ContractError, match="kwh_flat"):
        build_file(folder, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
    with pytest.raises(ContractError, match="got a folder"):
        build_file(folder, tmp_path)


def test_the_event_date_switch_sees_what_was_not_known(world):
    tables, applications = world(5)
    known = features_of(tables, applications)
    leaking = features_of(tables, applications, by_event=True)
    assert not known.equals(leaking)
    late = tables["electricity"].with_columns(known_on=pl.lit(dt.date(2030, 1, 1)))
    nothing = features_of({"electricity": late}, applications)
    everything = features_of({"electricity": late}, applications, by_event=True)
    assert nothing["electricity_mean_30d"].null_count() == applications.height
    assert everything["electricity_mean_30d"].null_count() == 0
