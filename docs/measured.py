"""Pages and charts made from benchmarks/results.json; `docs/references.py` writes them.

Text elsewhere cites a figure by a comment behind it, which names benchmark, entry and field:

    built in 34 s<!-- measured: features build/120000 seconds -->

The number before the comment is written anew with the pages, and a test fails where it differs.
"""

import re
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.record import read

Results = Mapping[str, Any]

ABOUT = {
    "simulate": "Simulating worlds",
    "features": "Building features",
    "training": "Training, and how near the champion comes to the truth",
    "scoring": "Explaining and scoring",
    "cloud": "The day of the cloud, and a hundred applicants from the shell",
    "growth": "Growing numbers of applicants",
    "scaling": "On a cluster of one and of two workers",
}
"""Headings of the benchmarks that `make bench` runs, in the order of the page."""

_CITED = re.compile(
    r"(?P<shown>\d[\d,.]*)(?P<between>[^\d<]*)"
    r"<!-- measured: (?P<benchmark>[\w-]+) (?P<entry>\S+) (?P<field>\w+) -->"
)
_STEPS = {"simulate": "#1b6e8c", "features": "#c2701c", "score": "#7a3b8f"}


def page(results: Results | None = None) -> str:
    """Everything measured, as docs/benchmarks.md."""
    kept = read() if results is None else results
    lines = [
        "# Benchmarks",
        "",
        "Generated from `benchmarks/results.json` by `python docs/references.py`. `make bench`",
        "measures everything anew, each beside its rival in the same run, and writes that file;",
        "every script under `benchmarks/` runs alone too and then only prints. Memory is the peak",
        "of all processes together, in millions of bytes.",
        "",
    ]
    if not kept:
        lines += ["Nothing has been measured yet.", ""]
    for name, heading in _headings(kept):
        run = kept[name]
        lines += [f"## {heading}", "", f"`benchmarks/{name}.py`, {run['date']}: {run['machine']};"]
        lines += [f"{run['load_before']:g} other processes busy when it began.", ""]
        if name == "growth":
            lines += ["![Seconds and memory by number of applicants](growth.svg)", ""]
        lines += ["| what | seconds | MB | figure | against | ratio | bar | |"]
        lines += ["|---|--:|--:|--:|---|--:|---|---|"]
        lines += [_row(entry) for entry in run["entries"]]
        lines.append("")
    if kept:
        lines += ["## Versions", ""]
        for name, heading in _headings(kept):
            pairs = ", ".join(f"{k} {v}" for k, v in kept[name]["versions"].items())
            lines += [f"- {heading}: {pairs}"]
        lines.append("")
    return "\n".join(lines)


def growth(results: Results | None = None) -> str:
    """Seconds and memory by number of applicants, as docs/growth.svg."""
    kept = read() if results is None else results
    entries = kept.get("growth", {"entries": []})["entries"]
    settings: Any = {"svg.hashsalt": "firstloan", "font.family": "DejaVu Sans"}
    with mpl.rc_context(settings | {"svg.fonttype": "path"}):
        figure = Figure(figsize=(9.6, 3.8), facecolor="white")
        figure.subplots_adjust(left=0.07, right=0.98, bottom=0.14, top=0.95, wspace=0.2)
        for axes, field, label, scale in zip(
            figure.subplots(1, 2), ("seconds", "peak_mb"), ("seconds", "peak memory, GB"),
            (1.0, 1e-3), strict=True,
        ):  # fmt: skip
            for step, colour in _STEPS.items():
                of_step = [e for e in entries if e["name"].startswith(f"{step}/")]
                counts = [e["count"] / 1000 for e in of_step]
                values = [e[field] * scale for e in of_step]
                axes.plot(counts, values, "o-", color=colour, label=step, clip_on=False)
            axes.set(xlabel="thousand applicants", ylabel=label, xlim=(0, None), ylim=(0, None))
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.25)
        axes.legend(frameon=False)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def cite(text: str, results: Results | None = None) -> str:
    """Write the figures that a text cites as they were measured.

    Raises
    ------
    KeyError
        Where the text cites what was not measured.
    """
    kept = read() if results is None else results

    def figure(match: re.Match[str]) -> str:
        name = f"{match['benchmark']} {match['entry']}"
        entries = kept.get(match["benchmark"], {"entries": []})["entries"]
        entry = next((e for e in entries if e["name"] == match["entry"]), None)
        if entry is None or match["field"] not in entry:
            raise KeyError(f"{name} {match['field']}: not in benchmarks/results.json")
        return match[0].replace(match["shown"], number(entry[match["field"]]), 1)

    return _CITED.sub(figure, text)


def number(value: float) -> str:
    """A figure with as many digits as a reader wants: 0.43, 6.1, 34, 1,230."""
    places = 2 if abs(value) < 1 else 1 if abs(value) < 20 else 0  # noqa: PLR2004
    return f"{value:,.{places}f}"


def _headings(kept: Results) -> Iterator[tuple[str, str]]:
    for name in [*ABOUT, *sorted(set(kept) - set(ABOUT))]:
        if name in kept:
            yield name, ABOUT.get(name, f"benchmarks/{name}.py")


def _row(entry: Mapping[str, Any]) -> str:
    def shown(field: str) -> str:
        return number(entry[field]) if field in entry else ""

    figure = f"{shown('value')} {entry.get('unit', '')}".strip()
    ratio = f"{shown('ratio')} ×" if "ratio" in entry else ""
    verdict = {True: "met", False: "**missed**", None: ""}[entry.get("met")]
    cells = [entry["what"], shown("seconds"), shown("peak_mb"), figure, entry.get("rival", "")]
    return f"| {' | '.join([*cells, ratio, entry.get('bar', ''), verdict])} |"
