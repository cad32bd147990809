"""Settings page: docs/settings.md, written by `python docs/references.py`."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from typing import Any

from synthetic.config.schema import WorldConfig
from synthetic.config.shipped import scenarios

_SECTION = re.compile(r"^\[(?P<name>[\w.]+)\]")
_WORDS = r"(?P<meaning>.+?)(; (?P<source>[^;]+))?$"
_SETTING = re.compile(r"^(?P<name>\w+) = .*?# " + _WORDS)
_TRADE = re.compile(r"^# (?P<name>[a-z]\w*): " + _WORDS)

_TRADE_TABLES = {
    "Who and where": ("share", "digital", "digital_reported", "cities"),
    "Risk": ("volatility", "buffer", "cycle_sd", "weather", "margin"),
    "Work and electricity": (
        "weekend", "spring", "kwh_per_kcny", "machines", "bands", "cooling", "kcny_per_employee",
    ),
    "Sales": ("invoiced", "ticket_cny", "vat", "online", "parcels_per_kcny"),
    "Season": ("season",),
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """Setting with meaning, unit and source from its comment."""

    section: str
    name: str
    value: Any
    meaning: str
    source: str


def page() -> str:
    """Write every setting of the baseline, then what each scenario changes."""
    lines = [
        "# Settings of a simulated world",
        "",
        "Generated from `synthetic/config/baseline.toml` and `synthetic/config/scenarios/` by",
        "`python docs/references.py`.",
        "",
        "A source such as R105 is a row of the report on Jiangxi's market that the simulator is",
        "built on. *Assumed* means that nobody has measured it. *Fitted to shapes* means chosen",
        "until simulated records look like those of real firms; *fitted to R...* until the figure",
        "of that row comes out. `firstloan simulate --config FILE` takes a TOML file that changes",
        "any of them; [simulator.md](simulator.md) says where each one enters.",
        "",
    ]
    baseline = read_config_text("baseline.toml")
    for section, of_section in groupby(settings(baseline), key=lambda setting: setting.section):
        lines += [f"## {section}", "", _about(section), "", *_head(), *map(_row, of_section), ""]
    lines += ["## trades", "", *_trades(baseline)]
    for name in scenarios()[1:]:
        lines += _scenario(name)
    return "\n".join(lines) + "\n"


def settings(text: str) -> Iterator[Setting]:
    """Settings of a TOML text in file order, trades aside."""
    values = tomllib.loads(text)
    section = ""
    for line in text.splitlines():
        if head := _SECTION.match(line):
            section = head["name"]
        elif not section.startswith("trades") and (match := _SETTING.match(line)):
            value = values[section][match["name"]]
            yield Setting(section, match["name"], value, match["meaning"], match["source"] or "")


def trade_settings(text: str) -> Iterator[Setting]:
    """What each setting of a trade means; their value is the dict of all trades'."""
    trades = tomllib.loads(text)["trades"]
    before = text[: text.index("[trades.")]
    for line in before[before.index("# Trades.") :].splitlines():
        if match := _TRADE.match(line):
            value = {trade: trade_values[match["name"]] for trade, trade_values in trades.items()}
            yield Setting("trades", match["name"], value, match["meaning"], match["source"] or "")


def _trades(text: str) -> list[str]:
    by_name = {setting.name: setting for setting in trade_settings(text)}
    lines = ["| setting | meaning and unit | source |", "|---|---|---|"]
    lines += [f"| `{s.name}` | {s.meaning} | {s.source} |" for s in by_name.values()]
    for title, names in _TRADE_TABLES.items():
        lines += ["", f"### {title}", "", "| trade |" + "".join(f" `{n}` |" for n in names)]
        lines.append("|---|" + "---|" * len(names))
        for trade in tomllib.loads(text)["trades"]:
            cells = "".join(f" {_cell(by_name[name].value[trade])} |" for name in names)
            lines.append(f"| {trade} |{cells}")
    return lines


def _scenario(name: str) -> list[str]:
    text = read_config_text("scenarios", f"{name}.toml")
    return [
        "",
        f"## Scenario {name}",
        "",
        tomllib.loads(text)["about"],
        "",
        *_head(),
        *(_row(setting, prefix=f"{setting.section}.") for setting in settings(text)),
    ]


def read_config_text(*path: str) -> str:
    """Text of a file in this folder, such as `baseline.toml`."""
    return files("synthetic.config").joinpath(*path).read_text(encoding="utf-8")


def _about(section: str) -> str:
    annotation = WorldConfig.model_fields[section].annotation
    return str(annotation.__doc__).strip().splitlines()[0]


def _head() -> list[str]:
    return ["| setting | value | meaning and unit | source |", "|---|---|---|---|"]


def _row(s: Setting, *, prefix: str = "") -> str:
    return f"| `{prefix}{s.name}` | {_cell(s.value)} | {s.meaning} | {s.source} |"


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever TOML holds
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:,}"
        case list():
            return "; ".join(_cell(item) for item in value) or "none"
        case dict():
            return ", ".join(f"{key}: {_cell(item)}" for key, item in value.items()) or "none"
        case _:
            return str(value)
