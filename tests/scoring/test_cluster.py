from features.io.storage import location
from features.parallel.executor import connect


def test_a_cluster_that_loses_a_worker_gives_the_bytes_of_one_machine(
    run, rows, dask_workers, tmp_path
):
    rows[3]["amount_cny"] = "-5"
    rows[4]["firm_id"] = "nobody"
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    here = run(rows, out=tmp_path / "here" / "scored.csv")
    with connect(dask_workers.address) as cluster:
        there = run(
            rows,
            out=tmp_path / "there" / "scored.csv",
            chunk_size=4,
            cluster=cluster,
            progress=lambda done, _: dask_workers.kill_worker() if 0 < done < 10 else None,
        )
    assert there.out.read_bytes() == here.out.read_bytes()
    assert there.rejects.equals(here.rejects)
    assert there.manifest["counts"] == here.manifest["counts"]
    assert dask_workers.workers[0].returncode == -9
    assert not (tmp_path / "there" / "scored.parts").exists()


def test_signals_and_applicants_on_other_storage_give_the_same_scores(run, rows, tmp_path):
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    here = run(rows, out=tmp_path / "here" / "scored.csv")
    signals = location("memory://delivered/signals")
    signals.fs.put(str(run.signals), signals.path, recursive=True)
    applicants = location("memory://delivered/applicants.csv")
    applicants.write_bytes((tmp_path / "applicants.csv").read_bytes())
    there = run(applicants, signals=signals, out=tmp_path / "there" / "scored.csv", workers=1)
    signals.fs.store.clear()
    assert there.out.read_bytes() == here.out.read_bytes()
    assert there.manifest["settings"]["signals"] == "memory://delivered/signals"
    assert there.manifest["applicants_sha256"] == here.manifest["applicants_sha256"]
