"""Write the generated references beside this file: `python docs/references.py`.

A test fails where a page no longer says what the code does.
"""

from pathlib import Path

import click
import typer.main

import firstloan
from docs import demo
from docs.book_page import page as book
from docs.causal_graph import svg as causal_graph
from docs.limits import page as scaling
from docs.measured import cite, growth
from docs.measured import page as benchmarks
from docs.report_page import page as report
from features.contract.tables import CHANNELS, LENDER_TYPES, PURPOSES, TABLES, Table
from features.table.catalogue_page import page as features
from synthetic.config.settings_page import page as settings

HERE = Path(__file__).parent
KNOWN = (("purpose", PURPOSES), ("lender_type", LENDER_TYPES), ("channel", CHANNELS))


def contract() -> str:
    """The data contract as a page: one table per table."""
    lines = [
        "# Data contract",
        "",
        "Generated from `features/contract/tables.py` by `python docs/references.py`.",
        "",
        "Each table is one CSV file (`<table>.csv`, `.csv.gz`), one Parquet file or a folder of",
        "Parquet buckets. Dates are ISO, money is CNY, ids are text. Columns marked *optional* may",
        "be absent; cells marked *may be empty* may be empty; further columns are passed over with",
        "a warning. A table that says *versions* may carry `known_on`, which replaces the day on",
        "which a row becomes known; of several rows with one key the latest known counts.",
        "",
        "A simulated world also has `truth/`, which is no input and no part of the contract:",
        "[simulator.md](simulator.md#the-truth) explains `truth.parquet` and `faults.parquet`.",
        "",
    ]
    for table in TABLES.values():
        notes = [f"key: {', '.join(table.key)}"]
        if table.source:
            notes.append(f"source: {table.source}")
        if table.versioned:
            notes.append("versions")
        lines += [f"## {table.name}", "", str(table.model.__doc__).strip(), ""]
        lines += [f"*{'; '.join(notes)}*", "", "| column | holds | unit | |", "|---|---|---|---|"]
        lines += [_column(table, name) for name in table.columns]
        lines.append("")
        if table.name == "applications":
            lines += [f"Known values of `{column}`: {', '.join(known)}." for column, known in KNOWN]
            lines += ["Others are scored as if the cell were empty, and flagged.", ""]
    return "\n".join(lines)


def _column(table: Table, name: str) -> str:
    column = table.checks.columns[name]
    metadata = column.metadata or {}
    remark = "optional" if metadata["optional"] else "may be empty" if column.nullable else ""
    return f"| `{name}` | {table.expected(name)} | {metadata['unit']} | {remark} |"


def commands() -> str:
    """Every command's help as a page."""
    lines = [
        "# Commands",
        "",
        "Generated from `firstloan` by `python docs/references.py`. Wrong input ends with one",
        "line on stderr and exit code 2.",
        "",
    ]
    group = typer.main.get_command(firstloan.app)
    context = click.Context(group, info_name="firstloan", terminal_width=80)
    names = group.list_commands(context)  # type: ignore[attr-defined]
    for name in names:
        command = group.get_command(context, name)  # type: ignore[attr-defined]
        text = command.get_help(
            click.Context(command, info_name=f"firstloan {name}", terminal_width=80)
        )
        lines += [f"## {name}", "", "```text", text.strip(), "```", ""]
    return "\n".join(lines)


PAGES = {
    "contract.md": contract,
    "features.md": features,
    "commands.md": commands,
    "settings.md": settings,
    "report.md": report,
    "book.md": book,
    "causal-graph.svg": causal_graph,
    "benchmarks.md": benchmarks,
    "growth.svg": growth,
    "scaling.md": scaling,
}

WRITTEN = (
    *demo.READMES,
    *sorted(path for path in HERE.glob("*.md") if path.name not in PAGES),
)
"""Pages written by hand; they may cite measured figures (`measured.py`) and show the demo."""


def filled(text: str) -> str:
    """Write the figures and blocks of a text that come from measurements and from the demo."""
    return demo.show(cite(text))


if __name__ == "__main__":
    for page, write in PAGES.items():
        (HERE / page).write_text(write(), encoding="utf-8")
    for path in WRITTEN:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
