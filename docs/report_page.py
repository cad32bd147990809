"""The facts of the market report as a page: what each says, and what cites it.

`docs/report.toml` holds the facts in our own words. A source such as R105 in a setting, a target, a
feature or a text names one of them.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from features.table.catalogue import FEATURES
from synthetic.config.settings_page import read_config_text, settings, trade_settings

ROOT = Path(__file__).parents[1]
FACTS = Path(__file__).with_name("report.toml")
TARGETS = ROOT / "laboratory" / "targets" / "targets.toml"

_ID = re.compile(r"\b(?:R\d{3}|[SCD]\d{2})\b")
_RANGE = re.compile(r"\bR(\d{3})(?: to |-|–)R?(\d{3})\b")
_GENERATED = ("report.md", "report.toml", "features.md", "settings.md")
_ROOMS = (
    *("features", "synthetic", "models", "scoring", "laboratory", "firstloan"),
    *("benchmarks", "docs", "tests"),
)
_NAMED = 4
_KINDS = {
    "R": "Figures",
    "S": "Signals",
    "C": "Systems and products",
    "D": "Pain points",
}


@cache
def facts() -> Mapping[str, Mapping[str, str]]:
    """The facts by id."""
    return tomllib.loads(FACTS.read_text(encoding="utf-8"))


def cited_in(text: str) -> set[str]:
    """Ids that a text cites, ranges such as "R063 to R068" included."""
    ranges = {f"R{k:03d}" for a, b in _RANGE.findall(text) for k in range(int(a), int(b) + 1)}
    return set(_ID.findall(text)) | ranges


def citing_files() -> Iterator[tuple[Path, set[str]]]:
    """Files of the repository, written by hand, and the ids that each cites."""
    code = [
        p for room in _ROOMS for kind in ("py", "toml") for p in (ROOT / room).rglob(f"*.{kind}")
    ]
    for path in sorted([*code, *(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]):
        if path.name not in _GENERATED and (cited := cited_in(path.read_text("utf-8"))):
            yield path, cited


def page() -> str:
    """Write every fact with its figure, year and section, and what it is used for."""
    uses = _uses()
    lines = [
        "# Facts of the market report",
        "",
        "Generated from `docs/report.toml` by `python docs/references.py`.",
        "",
        "The simulated province follows one report on small and micro finance in Jiangxi, with",
        "figures of 2021 to 2025. This page holds the facts that settings, targets, features and",
        "pages cite, in our own words. The report contradicts itself in places and names no metric",
        "for its accuracy claims: it is a specification to simulate, not a set of statistics.",
        "Several figures in one row stand in the order of the description.",
        "",
    ]
    for letter, title in _KINDS.items():
        rows = [(name, fact) for name, fact in facts().items() if name.startswith(letter)]
        if rows:
            lines += [f"## {title}", "", "| id | fact | figure | year | section | used for |"]
            lines += ["|---|---|---|---|---|---|"]
            lines += [_row(name, fact, uses.get(name, [])) for name, fact in rows]
            lines.append("")
    return "\n".join(lines)


def _row(name: str, fact: Mapping[str, str], uses: list[str]) -> str:
    figure = " ".join(filter(None, (fact.get("figure"), fact.get("unit"))))
    more = f" and {len(uses) - _NAMED} more" if len(uses) > _NAMED else ""
    what = fact["what"] + (f" ({fact['population']})" if fact.get("population") else "")
    cells = (name, what, figure, fact.get("year", ""), fact.get("section", ""))
    return f"| {' | '.join(cells)} | {', '.join(uses[:_NAMED])}{more} |"


def _uses() -> dict[str, list[str]]:
    """What cites each fact: settings, targets, features, else the files that name it."""
    uses: dict[str, list[str]] = {}
    baseline = read_config_text("baseline.toml")
    for setting in (*settings(baseline), *trade_settings(baseline)):
        for name in cited_in(f"{setting.meaning} {setting.source}"):
            uses.setdefault(name, []).append(f"setting `{setting.section}.{setting.name}`")
    targets: dict[str, Any] = tomllib.loads(TARGETS.read_text(encoding="utf-8"))
    for target in targets["target"]:
        uses.setdefault(target["row"], []).append(f"target *{target['what']}*")
    for target in targets["left_out"]:
        for name in sorted(cited_in(target["row"])):
            uses.setdefault(name, []).append("no target: see `targets.toml`")
    for feature in FEATURES:
        for name in cited_in(feature.reference):
            uses.setdefault(name, []).append(f"feature `{feature.name}`")
    for path, cited in citing_files():
        for name in sorted(cited - uses.keys()):
            uses.setdefault(name, []).append(f"`{path.relative_to(ROOT).as_posix()}`")
    return uses
