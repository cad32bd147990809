"""Run what `make demo` runs, and show in both READMEs what came of it: `python docs/demo.py`.

Takes about three minutes. What the commands said and one applicant are kept in `docs/demo.json`,
with marks of what they rest on; a test fails where one of these has changed since. Pictures are
taken anew, and blocks that follow a line such as `<!-- demo: said -->` are written anew, which
`docs/references.py` does as well.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from features.table.catalogue import fingerprint
from scoring.pages.render import DECISIONS
from scoring.run.output import REASONS

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).with_name("demo.json")
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")

SETTINGS = (
    "models/gates.toml",
    "models/settings.toml",
    "models/policy.toml",
    "scoring/offers/assumptions.toml",
    "scoring/offers/policies/quick_business_loan.toml",
    "tests/synthetic/golden.toml",
)
"""Files without which the demo would say something else; the last stands for the simulator."""

_BLOCK = re.compile(
    r"(?<=<!-- demo: )(?P<name>\w+)( -->\n```text\n)(?P<text>.*?)(?=```)", re.DOTALL
)
_ENGLISH = 3
"""Reasons of the English README in English; the others stand in Chinese."""

Demo = Mapping[str, Any]


def commands() -> list[str]:
    """What `make demo` runs, without `firstloan`."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.findall(r"^\t\$\(call step,(.+)\)$", makefile, re.MULTILINE)


def rests_on() -> dict[str, Any]:
    """Marks of what the demo's figures follow from, as far as they are cheap to have."""
    hashes = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in SETTINGS}
    return {"commands": commands(), "features": fingerprint(), "files": hashes}


def read() -> Demo:
    """The demo as it was last run."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


def run(folder: Path) -> Demo:
    """Run the commands in a folder, keep what they said, and give it."""
    said = {command.split()[0]: _firstloan(command, folder) for command in commands()}
    demo = {
        "rests_on": rests_on(),
        "train": said["train"],
        "score": said["score"],
        "applicant": applicant(folder / "demo"),
    }
    new = "demo/new/applications.csv --signals demo/new"
    application = demo["applicant"]["application_id"]
    _firstloan(f"explain {new} --application {application} --out demo/applicant.html", folder)
    text = json.dumps(demo, ensure_ascii=False, indent=1)
    KEPT.write_text(text + "\n", encoding="utf-8")
    return demo


def _firstloan(command: str, folder: Path) -> list[str]:
    """Run a command in a folder; gives the lines that it said."""
    print(f"$ firstloan {command}", flush=True)
    done = subprocess.run(  # noqa: S603 - argv, no shell
        [sys.executable, "-m", "firstloan", *command.split()],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def applicant(demo: Path) -> dict[str, Any]:
    """The riskiest of those whom a person must look at, as the scored CSV has it."""
    scored = pl.read_csv(demo / "scored.csv", infer_schema_length=None)
    referred = scored.filter(decision="refer", status="scored")
    return referred.sort("pd", "application_id", descending=[True, False]).row(0, named=True)


def show(text: str, demo: Demo | None = None) -> str:
    """Write the blocks of a text that show the demo."""
    kept = read() if demo is None else demo
    blocks = {"said": _said, "applicant": _applicant, "applicant_zh": _applicant_zh}

    def block(match: re.Match[str]) -> str:
        lines = blocks[match["name"]](kept)
        return match["name"] + match[2] + "".join(f"{line}\n" for line in lines)

    return _BLOCK.sub(block, text)


def _said(demo: Demo) -> list[str]:
    heading = next(k for k, line in enumerate(demo["train"]) if line.startswith("candidate "))
    counts = [
        line
        for line in demo["score"]
        if line.startswith(("Read ", "Decisions: ", "Grades: ", "Offers: "))
    ]
    return [*demo["train"][heading : heading + 2], "...", *counts]


def _applicant(demo: Demo) -> list[str]:
    row = demo["applicant"]
    pd, low, high = _percent(row)
    head = f"{row['application_id']}  score {row['score']}  PD {pd} ({low} to {high})"
    return [
        f"{head}  grade {row['grade']}  {row['decision']}",
        *_reasons(row, "text")[:_ENGLISH],
        *_reasons(row, "zh")[_ENGLISH:],
    ]


def _applicant_zh(demo: Demo) -> list[str]:
    row = demo["applicant"]
    pd, low, high = _percent(row)
    head = f"{row['application_id']}  评分 {row['score']}  违约概率 {pd}（{low} 至 {high}）"
    return [
        f"{head}  等级 {row['grade']}  {DECISIONS[row['decision']][0]}",
        *_reasons(row, "zh"),
    ]


def _percent(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{row[name]:.2%}" for name in ("pd", "pd_low", "pd_high"))


def _reasons(row: Mapping[str, Any], language: str) -> list[str]:
    texts = [row[f"reason_{k}_{language}"] for k in range(1, REASONS + 1)]
    return [f"  {text}" for text in texts if text]


def main() -> None:
    """Run the demo in a folder that is thrown away, then write READMEs and pictures."""
    from docs.pictures import picture_all  # noqa: PLC0415 (references.py needs no browser)

    with TemporaryDirectory() as folder:
        demo = run(Path(folder))
        for path in READMES:
            path.write_text(show(path.read_text(encoding="utf-8"), demo), encoding="utf-8")
        picture_all(Path(folder))


if __name__ == "__main__":
    main()
