"""Outputs: one writer at a time, never over an input or a file of another kind."""

import gzip
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from features.contract.errors import ContractError
from features.io.outputs import disk_errors, only_writer
from scoring.explain import explain_file


@pytest.fixture
def few(rows):
    return [row for row in rows if row["firm_id"] not in {"F0000", "F0002"}][:3]


@pytest.mark.parametrize("ending", [".csv", ".rejects.csv", ".manifest.json", ".html"])
def test_a_file_that_score_did_not_write_is_never_replaced(run, few, tmp_path, ending):
    (tmp_path / f"scored{ending}").write_text("her own")
    with pytest.raises(ContractError, match=rf"scored{ending}: would replace a file"):
        run(few)
    assert (tmp_path / f"scored{ending}").read_text() == "her own"
    assert not (tmp_path / "scored.parts").exists()


def test_an_earlier_run_is_replaced(run, few):
    first = run(few).out.read_bytes()
    assert run(few[:2]).out.read_bytes() != first
    assert run(few).out.read_bytes() == first


def test_a_folder_of_parts_that_score_did_not_write_is_never_cleared(run, few, tmp_path):
    (tmp_path / "scored.parts").mkdir()
    (tmp_path / "scored.parts" / "spare.csv").write_text("her own")
    with pytest.raises(ContractError, match=r"found spare\.csv"):
        run(few)
    assert (tmp_path / "scored.parts" / "spare.csv").read_text() == "her own"


@pytest.mark.parametrize("how", ["itself", "a hard link", "a symbolic link", "another spelling"])
def test_the_applicants_are_never_overwritten(run, few, write, tmp_path, how):
    applicants = write(few, "people.csv")
    out = {
        "itself": applicants,
        "a hard link": tmp_path / "hard.csv",
        "a symbolic link": tmp_path / "soft.csv",
        "another spelling": tmp_path / "x" / ".." / "people.csv",
    }[how]
    (tmp_path / "x").mkdir()
    if how == "a hard link":
        os.link(applicants, out)
    if how == "a symbolic link":
        out.symlink_to(applicants)
    with pytest.raises(ContractError, match="would overwrite an input"):
        run(applicants, out=out)


def test_an_explanation_replaces_pages_alone(few, run, model_folder, tmp_path, write):
    applicants = write(few)
    asked = {
        "applicants": applicants, "signals": run.signals, "model": str(model_folder),
        "application": few[0]["application_id"],
    }  # fmt: skip
    with pytest.raises(ContractError, match="would overwrite an input"):
        explain_file(**asked, out=applicants)
    (tmp_path / "notes.html").write_text("<p>mine")
    with pytest.raises(ContractError, match="would replace a file"):
        explain_file(**asked, out=tmp_path / "notes.html")
    explain_file(**asked, out=tmp_path / "page.html")
    explain_file(**asked, out=tmp_path / "page.html")


def test_the_second_writer_is_told_who_writes(tmp_path):
    out = tmp_path / "scored.csv"
    code = """
        import pathlib, sys
        from features.io.outputs import only_writer
        with only_writer(pathlib.Path(sys.argv[1])):
            print("locked", flush=True)
            sys.stdin.readline()
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(out)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "locked\n"
        with (
            pytest.raises(ContractError, match=f"is being written by process {holder.pid} on"),
            only_writer(out),
        ):
            pass
    finally:
        holder.kill()  # a killed process leaves its lock file, and no lock
        holder.communicate()
    with only_writer(out):
        assert out.with_name("scored.csv.lock").exists()
    assert not out.with_name("scored.csv.lock").exists()


def test_two_runs_to_one_output_do_not_mix(run, few, tmp_path):
    with (
        only_writer(tmp_path / "scored.csv"),
        pytest.raises(ContractError, match="is being written by process"),
    ):
        run(few)
    assert not (tmp_path / "scored.csv").exists()
    assert run(few).summary.scored == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(ContractError, match=r"no space left on device.*Free space") as caught:
        with disk_errors(tmp_path / "out.csv"), Path("/dev/full").open("w") as file:
            file.write("x" * 100_000)
    assert "\n" not in str(caught.value)


def test_an_input_that_may_not_be_read_is_not_called_an_output(tmp_path):
    cause = PermissionError(13, "Permission denied", "signals/tax.csv")
    said = ContractError("signals/tax.csv: cannot be read (Permission denied).")
    said.__cause__ = cause
    with pytest.raises(ContractError, match=r"^signals/tax\.csv: cannot be read"):
        with disk_errors(tmp_path / "out.csv"):
            raise said
    with pytest.raises(ContractError, match=r"^signals/tax\.csv: cannot be used"):
        with disk_errors(tmp_path / "out.csv"):
            raise cause


def test_two_spellings_of_an_output_are_one(tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "scored.csv")
    with (
        only_writer(tmp_path / "scored.csv"),
        pytest.raises(ContractError, match="is being written"),
        only_writer(tmp_path / "link.csv"),
    ):
        pass


def _rows(file):
    block = b"A1,F1,2025-03-01,true\n" * 50_000
    for _ in range(520):
        file.write(block)


def _cell(file):
    file.write(b"A1,")
    for _ in range(600):
        file.write(b"x" * 2**20)


@pytest.mark.slow
@pytest.mark.parametrize("fill", [_rows, _cell])
def test_a_bomb_is_refused_in_one_line_within_three_gigabytes(tmp_path, fill):
    path = tmp_path / "people.csv.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(b"application_id,firm_id,applied_on,first_time\n")
        fill(file)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))\n"
        "from features.io.csv_reader import read_csv\n"
        "try:\n    read_csv(Path(sys.argv[1]), 'applications')\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert ran.stdout.startswith("ContractError")
    assert "at most 512 MiB of text" in ran.stdout
    assert len(ran.stdout.splitlines()) == 1
