import pytest

from features.contract.errors import ServiceError
from features.io.storage import location, storage_errors


@pytest.fixture
def remote_signals(s3, signals_folder):
    """The signals on an S3 server."""
    there = location(f"{s3}/signals")
    there.fs.put(f"{signals_folder}/", f"{there.path}/", recursive=True)
    return there


def test_signals_on_s3_give_the_bytes_of_those_on_disk(run, rows, remote_signals, tmp_path):
    out = tmp_path / "remote_signals.csv"
    here = run(rows, chunk_size=7).out.read_bytes()
    run(rows, chunk_size=7, signals=remote_signals, out=out)
    assert out.read_bytes() == here


def test_a_storage_that_goes_away_in_the_middle_is_one_line(
    run, rows, remote_signals, s3_server, tmp_path
):
    def lost(done, total):
        assert done < total
        s3_server.kill()
        s3_server.wait()

    with (
        pytest.raises(ServiceError, match=r"s3://province/signals.*: the storage failed \("),
        storage_errors(remote_signals),
    ):
        run(rows, chunk_size=7, signals=remote_signals, progress=lost)
    # what is done is kept for the same command to go on with, and nothing else is there
    assert [path.name for path in tmp_path.glob("scored.*")] == ["scored.parts"]
