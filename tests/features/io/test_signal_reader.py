import datetime as dt

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from features.contract.errors import ContractError
from features.contract.validation import conform
from features.io.data_folder import write_bucket
from features.io.signal_reader import Signals, read_applications


def electricity(firms, kwh=1.0, days=5):
    day = dt.date(2025, 1, 1)
    return pl.DataFrame(
        [(firm, day + dt.timedelta(days=i), kwh, 0.0, 0.0) for firm in firms for i in range(days)],
        schema=["firm_id", "date", "kwh_peak", "kwh_flat", "kwh_valley"],
        orient="row",
    )


def register(firms):
    return pl.DataFrame({"firm_id": firms}).with_columns(
        *[
            pl.lit(None).alias(name)
            for name in (
                "legal_form",
                "sector",
                "city",
                "county",
                "area",
                "founded_on",
                "registered_capital_cny",
                "employees",
                "owner_age",
            )
        ]
    )


@pytest.fixture
def bucketed(tmp_path):
    for bucket, firms in ((0, ["F1", "F2"]), (1, ["F3"])):
        write_bucket(electricity(firms), "electricity", tmp_path / "signals", bucket)
        write_bucket(register(firms), "firms", tmp_path / "signals", bucket)
    return tmp_path


def test_a_data_folder_and_its_signals_folder_open_alike(bucketed):
    for path in (bucketed, bucketed / "signals"):
        signals = Signals.open(path)
        assert signals.buckets == ("0000", "0001")
        assert signals.tables == ("firms", "electricity")


def test_every_firm_is_assigned_once_even_an_unknown_one(bucketed):
    assigned = Signals.open(bucketed).assign(pl.Series(["F3", "F1", "F9", "F3"]))
    assert {bucket: firms.to_list() for bucket, firms in assigned.items()} == {
        "0000": ["F1", "F9"],
        "0001": ["F3"],
    }


def test_only_the_firms_and_columns_asked_for_are_read(bucketed):
    signals = Signals.open(bucketed)
    frame = signals.read(
        "electricity", bucket="0000", firms=pl.Series(["F2"]), columns=["firm_id", "kwh_peak"]
    )
    assert frame.columns == ["firm_id", "kwh_peak"]
    assert frame["firm_id"].unique().to_list() == ["F2"]
    absent = signals.read("invoices", bucket="0000")
    assert absent.is_empty()
    assert "amount_cny" in absent.columns


def test_firms_of_several_buckets_are_read_at_once(bucketed):
    late = electricity(["F4"]).with_columns(known_on=pl.lit(dt.date(2025, 3, 1)))
    write_bucket(late, "electricity", bucketed / "signals", 2)
    columns_read = {"0002": ["F4"], "0000": ["F2", "F9"]}
    found = Signals.open(bucketed).read_firms("electricity", columns_read)
    assert found["firm_id"].unique(maintain_order=True).to_list() == ["F4", "F2"]
    assert found["known_on"].null_count() == 5
    missing = Signals.open(bucketed).read_firms("firms", columns_read)
    assert missing["firm_id"].to_list() == ["F2"]


def test_the_broken_one_of_several_buckets_is_named(bucketed):
    broken = bucketed / "signals" / "electricity" / "bucket=0001" / "part.parquet"
    whole = broken.read_bytes()
    broken.write_bytes(b"\0" * (len(whole) // 2) + whole[len(whole) // 2 :])  # the footer stands
    with pytest.raises(ContractError, match=r"bucket=0001.*cannot read it"):
        Signals.open(bucketed).read_firms("electricity", {"0000": ["F1"], "0001": ["F3"]})


def test_frames_parquet_and_csv_read_alike(tmp_path, bucketed):
    frame = conform(electricity(["F1", "F2"]), "electricity")
    (tmp_path / "csv").mkdir()
    frame.write_csv(tmp_path / "csv" / "electricity.csv")
    (tmp_path / "plain").mkdir()
    frame.write_parquet(tmp_path / "plain" / "electricity.parquet")
    for signals in (
        Signals.from_frames({"electricity": frame}),
        Signals.open(tmp_path / "csv"),
        Signals.open(tmp_path / "plain"),
    ):
        assert signals.buckets == ("all",)
        assert signals.read("electricity", bucket="all").equals(frame)
    assert Signals.open(bucketed).read("electricity", bucket="0000").equals(frame)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_few_bad_rows_are_kept_aside_and_many_stop(tmp_path, ending):
    def folder(name, bad):
        frame = electricity([f"F{i}" for i in range(100)])
        frame = frame.with_columns(
            kwh_peak=pl.when(pl.int_range(pl.len()) < bad).then(-1.0).otherwise("kwh_peak")
        )
        (tmp_path / name).mkdir()
        getattr(frame, f"write_{ending}")(tmp_path / name / f"electricity.{ending}")
        return tmp_path / name

    signals = Signals.open(folder("few", 3))
    assert signals.read("electricity", bucket="all").height == 497
    assert signals.rejects["electricity"]["id"].to_list() == ["F0"] * 3
    with pytest.raises(ContractError, match="20 of 500 rows are bad") as caught:
        Signals.open(folder("many", 20)).read("electricity", bucket="all")
    assert "expected a number >= 0, got '-1.0'" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "none", "no such folder"),
        (lambda p: p, "found none"),
        (lambda p: (p / "a.csv").write_text("x") and p / "a.csv", "got a file"),
        (lambda p: (p / "firms.parquet").write_text("x") and p, "cannot read it"),
    ],
)
def test_a_folder_that_is_none_is_one_clear_line(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(ContractError, match=words):
        Signals.open(path).read("firms", bucket="all")


def test_the_same_table_twice_is_refused(tmp_path):
    frame = electricity(["F1"])
    frame.write_csv(tmp_path / "electricity.csv")
    frame.write_parquet(tmp_path / "electricity.parquet")
    with pytest.raises(ContractError, match="electricity is there twice"):
        Signals.open(tmp_path)


def test_a_data_folder_has_each_application_once(tmp_path):
    path = tmp_path / "applications.csv"
    path.write_text(
        "application_id,firm_id,applied_on,first_time\n"
        "A1,F1,2025-01-01,true\nA1,F2,2025-01-01,true\n"
    )
    with pytest.raises(ContractError, match="'A1' on lines 2, 3"):
        read_applications(path)


@pytest.mark.parametrize("depth", [1, 900])
def test_nested_columns_are_refused_before_they_are_read(tmp_path, depth):
    kind, value = pa.string(), "2025-01-01"
    for _ in range(depth):
        kind, value = pa.struct([("a", kind)]), {"a": value}
    cells = {"firm_id": ["F1"], "date": pa.array([value], type=kind), "kwh_flat": [1.0]}
    parquet.write_table(pa.table(cells), tmp_path / "electricity.parquet")
    with pytest.raises(
        ContractError, match=r"date: expected a date .* got a nested column"
    ) as said:
        Signals.open(tmp_path).read("electricity", bucket="all")
    assert "\n" not in str(said.value)


def test_days_of_times_with_a_zone_are_local(tmp_path):
    times = pl.Series("date", [dt.datetime(2025, 1, 1, 16), dt.datetime(2025, 1, 2, 15, 59)])  # noqa: DTZ001
    rows = pl.DataFrame({"firm_id": ["F1", "F2"], "kwh_flat": [1.0, 2.0]})
    for zone, days in (("UTC", [2, 2]), ("Asia/Shanghai", [1, 2])):
        zoned = rows.with_columns(times.dt.replace_time_zone(zone))
        zoned.write_parquet(tmp_path / "electricity.parquet")
        frame = Signals.open(tmp_path).read("electricity", bucket="all")
        assert frame["date"].dt.day().to_list() == days
