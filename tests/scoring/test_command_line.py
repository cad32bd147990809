"""Bad input and models that do not fit, through the command line as its user meets it."""

import csv
import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys

import pytest

import firstloan
from features.table.catalogue import feature_names, fingerprint
from scoring.input import applicants
from tests.scoring.conftest import NAMES


@pytest.fixture
def command(tmp_path, signals_folder, model_folder, monkeypatch, capsys):
    """Run `firstloan score` on some bytes; exit code, both outputs and what was written."""

    def score(content, *options, model=model_folder, signals=signals_folder, name="people.csv"):
        people, out = tmp_path / name, tmp_path / "scored.csv"
        if content is not None:
            people.write_bytes(content)
        arguments = ["--signals", signals, "--out", out, "--model", model, "--workers", 1]
        typed = ["firstloan", "score", str(people), *map(str, [*arguments, *options])]
        monkeypatch.setattr(sys, "argv", typed)
        try:
            code = firstloan.main()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        written = sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("scored"))
        assert "Traceback" not in said.out + said.err
        return code or 0, said, written

    return score


@pytest.fixture
def few(rows):
    return [row for row in rows if row["firm_id"] not in {"F0000", "F0002"}][:5]


def text_of(rows, columns=None):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


WHOLE = ["scored.csv", "scored.html", "scored.manifest.json", "scored.rejects.csv"]


def spoil(**cells):
    """Bytes of a table whose first row has other cells."""

    def to_bytes(rows):
        return text_of([rows[0] | cells, *rows[1:]]).encode()

    return to_bytes


def quoted_commas(rows):
    return spoil(application_id="A,1")(rows)


def excel(rows):
    return spoil(application_id="1.23457E+11")(rows)


TAKEN = {
    # name: (bytes of the table, scored, rejected, what is said or written)
    "GB18030": (
        lambda rows: spoil(purpose="周转")(rows).decode().encode("gb18030"), 5, 0, "GB18030",
    ),
    "UTF-8 with mark": (lambda rows: b"\xef\xbb\xbf" + text_of(rows).encode(), 5, 0, ""),
    "CRLF": (lambda rows: text_of(rows).replace("\n", "\r\n").encode(), 5, 0, ""),
    "quoted commas": (quoted_commas, 5, 0, '"A,1"'),
    "scientific notation in an id": (excel, 4, 1, "spreadsheet"),
    "leading zeros": (spoil(application_id="000123"), 5, 0, "\n000123,"),
    "a repeated id": (lambda rows: text_of([*rows, rows[1]]).encode(), 5, 1, "repeats line 3"),
    "ids that contradict": (
        lambda rows: text_of([*rows, rows[1] | {"amount_cny": "1"}]).encode(),
        4, 2, "contradict each other",
    ),
    "a future date": (spoil(applied_on="2091-01-01"), 4, 1, "is after today"),
    "before the firm was founded": (spoil(applied_on="2003-01-01"), 4, 1, "before the firm was"),
    "a negative amount": (spoil(amount_cny="-5"), 4, 1, "expected a number > 0"),
    "an amount of zero": (spoil(amount_cny="0"), 4, 1, "expected a number > 0"),
    "an unknown firm": (spoil(firm_id="F9999"), 4, 1, "no signal table names this firm"),
    "an unknown category": (spoil(purpose="speculation"), 5, 0, "unknown_purpose"),
    "columns in another order": (
        lambda rows: text_of(rows, list(reversed(rows[0]))).encode(), 5, 0, "",
    ),
    "extra columns": (
        lambda rows: text_of([row | {"aunt": "kind"} for row in rows]).encode(), 5, 0, "aunt",
    ),
    "a header and nothing else": (
        lambda rows: text_of(rows).split("\n")[0].encode() + b"\n", 0, 0, "",
    ),
    "10 MB in one field": (spoil(firm_id="x" * 10_000_000), 4, 1, "longer than 100"),
    "a path in an id": (spoil(application_id="../../etc/passwd"), 5, 0, "../../etc/passwd"),
    "a formula": (spoil(application_id="=cmd|calc"), 5, 0, "'=cmd|calc"),
    "a plus": (spoil(application_id="+1"), 5, 0, "'+1"),
    "a minus": (spoil(application_id="-1"), 5, 0, "'-1"),
    "an at": (spoil(application_id="@SUM(A1)"), 5, 0, "'@SUM(A1)"),
    "a formula in a rejected row": (
        spoil(application_id="=cmd|calc", amount_cny="=1+1"), 4, 1, "'=1+1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_bad_rows_are_set_aside_and_the_others_scored(command, few, tmp_path, case):
    to_bytes, scored, rejected, words = TAKEN[case]
    code, said, written = command(to_bytes(few))
    assert code == 0, said.err
    assert written == WHOLE
    total = scored + rejected
    expected = f"Read {total} applicants: {scored} scored, 0 with insufficient data, {rejected} rej"
    assert expected in said.out
    seen = said.err + "".join(
        (tmp_path / name).read_text("utf-8") for name in ("scored.csv", "scored.rejects.csv")
    )
    assert words in seen
    assert "kind" not in (tmp_path / "scored.csv").read_text("utf-8")


def test_consent_after_as_of_leaves_nothing_to_score_with(command, few, tmp_path):
    code, said, _ = command(spoil(consent_on="2025-03-02")(few))
    assert code == 0
    assert "4 scored, 1 with insufficient data, 0 rejected" in said.out
    assert "consent_after_as_of" in (tmp_path / "scored.csv").read_text("utf-8")


REFUSED = {
    "an empty file": (lambda _: b"", "empty file"),
    "a missing column": (lambda _: b"a,b\n1,2\n", "missing: application_id"),
    "a truncated gzip": (lambda rows: gzip.compress(text_of(rows).encode())[:-20], "gzip"),
    "UTF-16 without a mark": (
        lambda rows: text_of(rows).encode("utf-16-le"),
        "UTF-16 WITH A BYTE-ORDER MARK",
    ),
    "no text at all": (lambda _: b"\x80\xff\x00\x81", "people.csv"),
    "no file": (lambda _: None, "no such file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_file_is_one_line_exit_2_and_nothing_written(command, few, case):
    to_bytes, words = REFUSED[case]
    code, said, written = command(to_bytes(few))
    assert (code, said.out, written) == (2, "", [])
    assert words in said.err
    assert len(said.err.strip().splitlines()) == 1


def test_strict_stops_at_a_rejected_row(command, few):
    code, said, written = command(spoil(amount_cny="0")(few), "--strict")
    assert (code, said.out, written) == (2, "", [])
    assert "line 2: amount_cny expected a number > 0" in said.err


def test_a_file_that_grows_while_it_is_read_is_refused(command, few, monkeypatch):
    real = applicants.read_csv

    def slow(file, table):
        reading = real(file, table)
        with file.open("a") as more:
            more.write("late\n")
        return reading

    monkeypatch.setattr(applicants, "read_csv", slow)
    code, said, written = command(text_of(few).encode())
    assert (code, written) == (2, [])
    assert "changed while it was read" in said.err


def _sealed(folder):
    """Write the checksums anew, so that what else is wrong is found."""
    names = [
        n for n in json.loads((folder / "checksums.json").read_text()) if (folder / n).exists()
    ]
    sums = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    (folder / "checksums.json").write_text(json.dumps(sums))


def _card(**changes):
    def change(folder):
        path = folder / "model.json"
        card = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps(card | changes), "utf-8")
        _sealed(folder)

    return change


def _lose(name):
    return lambda folder: (folder / name).unlink()


def _overwrite(name, text, *, seal=True):
    def change(folder):
        (folder / name).write_text(text, "utf-8")
        if seal:
            _sealed(folder)

    return change


def _all_features(folder):
    """A model that knows every feature of the table, of whatever formula."""
    path, count = folder / "trees.txt", len(feature_names())
    text = path.read_text("utf-8").replace("max_feature_idx=13", f"max_feature_idx={count - 1}")
    columns = " ".join(f"Column_{k}" for k in range(count))
    path.write_text(re.sub("feature_names=.*", f"feature_names={columns}", text, count=1), "utf-8")
    _card(fingerprint="0" * 16, feature_names=feature_names())(folder)


MISFITS = {
    "a table that has grown": (_card(fingerprint="0" * 16), "features came after it, first"),
    "features that are gone": (
        _card(fingerprint="0" * 16, feature_names=[*NAMES[:-1], "moon_phase"]),
        f"1 of its {len(NAMES)} features no longer exist, first moon_phase",
    ),
    "features of other formulas": (
        _all_features,
        "other windows or formulas",
    ),
    "a matrix of one's own": (_card(fingerprint=""), "a matrix of your own"),
    "a later format": (_card(format=4), "format 4, this version reads 3"),
    "another kind": (_card(kind="network"), "kind 'network' is unknown"),
    "no card": (_lose("model.json"), "no model here (model.json is missing)"),
    "no trees": (_lose("trees.txt"), "incomplete, missing: trees.txt"),
    "no calibration": (_lose("calibration.json"), "incomplete, missing: calibration.json"),
    "a card without columns": (
        _overwrite("model.json", '{"format": 3}'),
        "KeyError: 'feature_names'",
    ),
    "a card cut off": (_overwrite("model.json", '{"format": 3, '), "not readable as JSON"),
    "trees cut off": (_overwrite("trees.txt", "tree\n"), "no whole LightGBM model"),
    "other trees": (_overwrite("trees.txt", "tree\n", seal=False), "its checksum differs"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_model_that_does_not_fit_is_refused_with_what_differs_and_what_to_do(
    command, few, model_folder, tmp_path, case
):
    change, words = MISFITS[case]
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    change(folder)
    code, said, written = command(text_of(few).encode(), model=folder)
    assert (code, said.out, written) == (2, "", [])
    assert len(said.err.strip().splitlines()) == 1
    assert words in said.err
    assert re.search(r"[Tt]rain|[Gg]ive|[Cc]opy|install", said.err), "what to do"
    if "fingerprint" in said.err:
        assert fingerprint()[:12] in said.err


WITHOUT_MLFLOW = """
import sys, firstloan
try:
    firstloan.main()
finally:
    print(sorted({"mlflow", "shap"} & sys.modules.keys()))
"""


def test_a_model_in_a_folder_is_used_without_mlflow(few, tmp_path, signals_folder, model_folder):
    (tmp_path / "people.csv").write_text(text_of(few), encoding="utf-8")
    options = f"--signals {signals_folder} --out scored.csv --model {model_folder} --workers 1"
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            WITHOUT_MLFLOW,
            *f"score people.csv {options}".split(),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines()[-1] == "[]"
    assert (tmp_path / "scored.csv").exists()


def test_a_registry_that_holds_no_champion_says_so(command, few, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    code, said, written = command(
        text_of(few).encode(), model="models:/first-time-borrower@champion"
    )
    assert (code, written) == (2, [])
    assert "firstloan train" in said.err
