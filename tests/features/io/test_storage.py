import hashlib
import os
import subprocess
import sys

import polars as pl
import pytest

from features.contract.errors import ContractError, ServiceError
from features.contract.tables import CONTRACT_VERSION, empty
from features.engine.build import build_file, read_features
from features.io.data_folder import UNFINISHED, fresh_folder, write_bucket
from features.io.signal_reader import Signals, read_applications
from features.io.storage import (
    CONTRACT_KEY,
    fingerprint_of,
    is_remote,
    location,
    sha256_of,
    storage_errors,
)
from synthetic import simulation
from synthetic.config.load import load_config


@pytest.fixture
def memory():
    """URL in a file system that lives in this process."""
    url = "memory://storage"
    yield url
    folder = location(url)
    folder.fs.store.clear()


def remote_contents(folder):
    found = folder.fs.find(folder.path)
    return {name.removeprefix(folder.path).strip("/"): folder.fs.cat(name) for name in found}


def simulate(out, **options):
    simulation.simulate_world(out=out, firms=150, seed=5, config=load_config(), **options)


def test_a_path_stays_a_path(tmp_path):
    assert location(str(tmp_path)) == tmp_path
    assert location("a/b:c") == location("a/b:c").__class__("a/b:c")
    assert not is_remote(location("relative"))


def test_a_storage_that_nobody_knows_is_one_clear_error():
    with pytest.raises(ServiceError, match="nowhere://x"):
        location("nowhere://x")


def test_a_world_in_memory_has_the_bytes_of_one_on_disk(memory, tmp_path, contents):
    simulate(tmp_path / "world")
    world = location(f"{memory}/world")
    simulate(world)
    assert remote_contents(world) == contents(tmp_path / "world")
    simulate(world)  # replaces it whole
    assert remote_contents(world) == contents(tmp_path / "world")

    here = build_file(tmp_path / "world", tmp_path / "f.parquet")
    out = location(f"{memory}/f.parquet")
    assert build_file(world, out, workers=2).equals(here)
    assert out.read_bytes() == (tmp_path / "f.parquet").read_bytes()
    assert read_features(out).equals(here)


def test_a_parquet_file_of_ours_is_told_from_another_by_its_footer_alone(tmp_path):
    rows = pl.DataFrame({"firm_id": ["F1", "F2", "F3"], "orders": [5, 1, 9]})
    path = tmp_path / "a.parquet"
    ours = {CONTRACT_KEY: CONTRACT_VERSION}
    rows.write_parquet(path, metadata=ours)
    first = fingerprint_of(path)
    content = bytearray(path.read_bytes())
    rows.with_columns(orders=pl.Series([5, 1, 8])).write_parquet(path, metadata=ours)
    assert fingerprint_of(path) != first
    content[4] ^= 1  # no writer makes this: the pages change and the footer does not
    path.write_bytes(content)
    assert fingerprint_of(path) == first
    rows.write_parquet(path)
    assert fingerprint_of(path) == sha256_of(path)  # nobody knows what another writer leaves out


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"firm_id\nF1\n", b"\xff\xff\xff\xffPAR1", b"x" * 99]
)
def test_any_other_file_is_told_by_its_bytes(tmp_path, content):
    path = tmp_path / "a"
    path.write_bytes(content)
    assert fingerprint_of(path) == sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_few_firms_of_a_remote_bucket_and_unchecked_files(memory, tmp_path):
    simulate(tmp_path / "world")
    world = location(f"{memory}/world")
    simulate(world)
    (world / "signals" / "firms.csv").write_bytes(b"")
    with pytest.raises(ContractError, match="firms is there twice"):
        Signals.open(world)
    (world / "signals" / "firms.csv").unlink()
    here, there = Signals.open(tmp_path / "world"), Signals.open(world)
    firms = read_applications(world / "applications.csv")["firm_id"].head(3)
    assert there.assign(firms)["0000"].equals(here.assign(firms)["0000"])
    for table in ("electricity", "invoices", "firms"):
        few = there.read(table, bucket="0000", firms=firms)
        assert few.height
        assert few.equals(here.read(table, bucket="0000", firms=firms))
    unchecked = world / "signals" / "firms" / "bucket=0000" / "part.parquet"
    plain = pl.read_parquet(unchecked.read_bytes())
    with unchecked.open("wb") as file:
        plain.write_parquet(file)
    again = Signals.open(world).read("firms", bucket="0000")
    assert again.equals(here.read("firms", bucket="0000"))


def test_a_remote_folder_that_is_not_finished_is_refused_and_can_be_written_again(memory):
    world = location(f"{memory}/world")
    with pytest.raises(KeyError), fresh_folder(world) as folder:
        write_bucket(empty("coverage"), "coverage", folder / "signals", 0)
        raise KeyError
    assert not world.exists()  # an error clears up; a kill cannot:
    (world / UNFINISHED).write_text('{"kind": "firstloan data folder"}')
    (world / "signals" / "firms.csv").write_text("firm_id\nF1\n")
    for path in (world, world / "signals"):
        with pytest.raises(ContractError, match="still being written, or whose writing was cut"):
            Signals.open(path)
    simulate(world)
    assert not (world / UNFINISHED).exists()
    assert Signals.open(world).buckets == ("0000",)


def test_a_foreign_remote_folder_is_left_alone(memory):
    (location(f"{memory}/photos") / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ContractError, match="a folder with other files"):
        simulate(location(f"{memory}/photos"))
    assert location(f"{memory}/photos/cat.jpg").read_bytes() == b"cat"
    with pytest.raises(ContractError, match="--csv writes to a local folder only"):
        simulate(location(f"{memory}/world"), csv=True)


def test_the_commands_on_s3_with_a_cluster_give_the_bytes_of_one_machine(s3, request, tmp_path):
    dask_workers = request.getfixturevalue(
        "dask_workers"
    )  # after s3: its workers inherit the credentials
    firstloan("simulate", "--out", tmp_path / "w", "--firms", 150, "--seed", 5)
    firstloan("features", "--data", tmp_path / "w", "--out", tmp_path / "f.parquet")
    there = ("--scheduler", dask_workers.address)
    firstloan("simulate", "--out", f"{s3}/w", "--firms", 150, "--seed", 5, *there)
    said = firstloan("features", "--data", f"{s3}/w", "--out", f"{s3}/f.parquet", *there)
    assert f"{s3}/f.parquet" in said
    expected = {
        str(path.relative_to(tmp_path / "w")): path.read_bytes()
        for path in (tmp_path / "w").rglob("*")
        if path.is_file()
    }
    assert remote_contents(location(f"{s3}/w")) == expected
    assert location(f"{s3}/f.parquet").read_bytes() == (tmp_path / "f.parquet").read_bytes()


def test_without_the_bucket_the_line_says_so(s3_server, tmp_path):
    for arguments in (
        ("simulate", "--out", "s3://elsewhere/w", "--firms", 10),
        ("features", "--data", "s3://elsewhere/w", "--out", tmp_path / "f.parquet"),
    ):
        run = try_firstloan(*arguments)
        assert run.returncode == 2, run.stderr
        assert one_line(run, "s3://elsewhere/w")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("s3_server", [{"INITIAL_NO_AUTH_ACTION_COUNT": "14"}], indirect=True)
def test_a_right_that_is_lost_in_the_middle_of_a_run_is_one_line(s3):
    run = try_firstloan("simulate", "--out", f"{s3}/w", "--firms", 10, "--workers", 1)
    assert run.returncode == 2, run.stderr
    assert one_line(run, f"{s3}/w: the storage failed (PermissionError: ")


def test_a_storage_that_goes_away_in_the_middle_of_a_run_is_one_line(s3, s3_server, monkeypatch):
    monkeypatch.setattr(simulation, "BUCKET_FIRMS", 10)
    world = location(f"{s3}/w")

    def lost(done, total):
        s3_server.kill()
        s3_server.wait()

    with (
        pytest.raises(ServiceError, match=r"s3://province/w: the storage failed \("),
        storage_errors(world),
    ):
        simulation.simulate_world(out=world, firms=30, seed=5, config=load_config(), progress=lost)


def test_features_of_a_storage_that_goes_away_are_one_line(s3, s3_server, tmp_path, monkeypatch):
    monkeypatch.setattr(simulation, "BUCKET_FIRMS", 50)
    world = location(f"{s3}/w")
    simulate(world)

    def lost(done, total):
        s3_server.kill()
        s3_server.wait()

    with (
        pytest.raises(ServiceError, match=r"s3://province/w.*: the storage failed \("),
        storage_errors(world),
    ):
        build_file(world, tmp_path / "f.parquet", workers=2, progress=lost)
    assert not (tmp_path / "f.parquet").exists()


def one_line(run, words):
    """Whether the last line says it, and the others are progress and nothing else."""
    *progress, last = run.stderr.splitlines()
    return words in last and all(" of " in line for line in progress)


def firstloan(*arguments):
    run = try_firstloan(*arguments)
    assert run.returncode == 0, run.stderr
    return run.stdout


def try_firstloan(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "firstloan", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
