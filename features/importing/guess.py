"""Proposal of a mapping from the headers and first rows of a file, for a person to correct."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import polars as pl

from features.contract.cells import typed
from features.contract.errors import ContractError
from features.contract.tables import TABLES
from features.importing.mapping import Source
from features.importing.sources import read_file
from features.io.csv_reader import Text

_FORMATS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d-%b-%Y")
"""Formats of days that are tried where they do not start with the year."""

_SAMPLE = 1_000
_COUNTED = {"ecommerce": ("buyers",), "logistics": ("destinations",)}
_ROWS_ARE = {"ecommerce": ("orders", "an order"), "logistics": ("parcels_out", "a parcel")}
"""Tables of days whose exports often have one row for each of something."""

_MOST_UNREAD = 0.05
"""Share of days that a format may fail to read and still be proposed."""

_VOID = ("作废", "红冲", "void", "cancel")
_TIME = re.compile(r"\d{1,2}:\d{2}")


def guess_mapping(path: Path) -> str:
    """Propose a mapping for one file, as TOML text with what is uncertain said in comments.

    Parameters
    ----------
    path : pathlib.Path
        CSV file or workbook.

    Raises
    ------
    ContractError
        If it cannot be read, or its headers are not known.
    """
    known = _headers()
    every_header = {
        header for columns in known.values() for names in columns.values() for header in names
    }
    text = _best_reading(path, every_header)
    table, columns = max(
        ((table, _matched(text.columns, names)) for table, names in known.items()),
        key=lambda found: (len(found[1]), "firm_id" in found[1]),
    )
    if len(columns) < 2 or "firm_id" not in columns:  # noqa: PLR2004 - an id and a figure
        raise ContractError(
            f"{path}: no table of the contract is known by the headers {', '.join(text.columns)}. "
            "Write the mapping by hand; examples/vat-invoices.toml shows how."
        )
    return "\n".join(_lines(path, table, columns, text)) + "\n"


def _headers() -> Mapping[str, Mapping[str, Sequence[str]]]:
    content = files("features.importing").joinpath("headers.toml").read_text(encoding="utf-8")
    return tomllib.loads(content)


def _best_reading(path: Path, known: set[str]) -> Text:
    """The file with the header that has most of the known names, among its first rows."""
    first = read_file(path, Source(file=path.name, columns={}))
    plain = {_plain(name) for name in known}
    scores = {0: sum(_plain(name) in plain for name in first.columns)}
    rows = first.frame.head(20).drop("file_line")
    for k, row in enumerate(rows.iter_rows()):
        scores[k + 1] = sum(_plain(cell) in plain for cell in row if cell)
    best = max(scores, key=lambda k: (scores[k], -k))
    if best == 0:
        return first
    names = tuple(cell for cell in rows.row(best - 1) if cell)
    return read_file(path, Source(file=path.name, columns={}, only=dict.fromkeys(names, "")))


def _matched(found: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Source column of each of our columns whose header is known; none twice."""
    by_plain = {_plain(name): name for name in reversed(found)}
    matched: dict[str, str] = {}
    for column, headers in names.items():
        for header in headers:
            theirs = by_plain.get(_plain(header))
            if theirs is not None and theirs not in matched.values():
                matched[column] = theirs
                break
    return matched


def _plain(header: str) -> str:
    return re.sub(r"[\s()（）_\-/]", "", header).lower()


def _lines(path: Path, table: str, columns: Mapping[str, str], text: Text) -> list[str]:
    spec = TABLES[table]
    rows = text.frame.head(_SAMPLE)
    own, label = _ROWS_ARE.get(table, ("", ""))
    per_row = bool(own) and _days_repeat(rows, columns)
    lines = [
        f"# Proposed from the headers of {path.name}; correct it, then:",
        "#   firstloan import --mapping THIS --source FOLDER --out DIR",
        "",
        f"[[{table}]]",
        f"file = {_quoted(path.name)}",
    ]
    lines += _date_lines(rows, columns, table)
    if table == "invoices":
        lines += [
            "lines = true # rows that share firm and invoice number are lines of one invoice",
            'constants = { direction = "output" } # "input" for purchases',
        ]
    if per_row:
        lines.append(f"sum = true # one row is {label}: add them up to days")
    wide = [name for name in text.columns if _TIME.fullmatch(name)]
    if table == "electricity" and _days_repeat(rows, columns):
        lines.append("sum = true # several meters of a firm add up")
    lines += ["", f"[{table}.columns]"]
    for column in spec.dtypes:
        if column == own and per_row:
            lines.append(f"{column} = {{ value = 1 }}")
        elif column in columns:
            counted = per_row and column in _COUNTED.get(table, ())
            name = _quoted(columns[column])
            lines.append(f"{column} = {{ distinct = {name} }}" if counted else f"{column} = {name}")
        elif column in spec.required and column != "direction" and not wide:
            lines.append(f"# {column} = ?  {spec.expected(column)}; {_unused(text, columns)}")
    if wide:
        lines += [
            "",
            f"[{table}.wide]",
            "columns = '\\d{1,2}:\\d{2}'",
            'names = "time"',
            "scale = 1 # 0.25 if the readings are mean kW of a quarter of an hour",
        ]
    if "status" in columns:
        lines += ["", f"[{table}.values.status] # valid or void"]
        lines += [f'{_quoted(word)} = "{_state(word)}"' for word in _words(rows[columns["status"]])]
    return [*lines, "", "[applications]", 'applied_on = "2025-06-30" # the day to score on']


def _date_lines(rows: pl.DataFrame, columns: Mapping[str, str], table: str) -> list[str]:
    """Formats of days, where they do not start with the year."""
    dtypes = TABLES[table].dtypes
    days = [
        rows[theirs].drop_nulls() for ours, theirs in columns.items() if dtypes[ours] == pl.Date
    ]
    if all(_reads(cells) for cells in days):
        return []
    fits = [layout for layout in _FORMATS if all(_reads(cells, layout) for cells in days)]
    note = " # ambiguous: " + " or ".join(fits[1:]) if fits[1:] else ""
    return [f"dates = {_quoted(fits[0])}{note}"] if fits else ['# dates = "%Y/%m/%d"  say how']


def _reads(cells: pl.Series, *layout: str) -> bool:
    return typed(cells, pl.Date, dates=layout).null_count() <= _MOST_UNREAD * len(cells)


def _days_repeat(rows: pl.DataFrame, columns: Mapping[str, str]) -> bool:
    """Whether a firm has several rows on one day."""
    if not {"firm_id", "date"} <= set(columns):
        return False
    days = typed(rows[columns["date"]], pl.Date)
    return bool(pl.DataFrame([rows[columns["firm_id"]], days]).is_duplicated().any())


def _unused(text: Text, columns: Mapping[str, str]) -> str:
    return "one of " + ", ".join(name for name in text.columns if name not in columns.values())


def _words(cells: pl.Series) -> list[str]:
    return cells.drop_nulls().unique(maintain_order=True).head(20).to_list()


def _state(word: str) -> str:
    return "void" if any(mark in word.lower() for mark in _VOID) else "valid"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
