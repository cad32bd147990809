from features.workers import connect


def test_a_cluster_that_loses_a_worker_gives_the_bytes_of_one_machine(run, rows, crew, tmp_path):
    rows[3]["amount_cny"] = "-5"
    rows[4]["firm_id"] = "nobody"
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    here = run(rows, out=tmp_path / "here" / "scored.csv")
    with connect(crew.address) as cluster:
        there = run(
            rows,
            out=tmp_path / "there" / "scored.csv",
            chunk_size=4,
            cluster=cluster,
            progress=lambda done, _: crew.lose() if 0 < done < 10 else None,
        )
    assert there.out.read_bytes() == here.out.read_bytes()
    assert there.rejects.equals(here.rejects)
    assert there.manifest["counts"] == here.manifest["counts"]
    assert crew.workers[0].returncode == -9
    assert not (tmp_path / "there" / "scored.parts").exists()
