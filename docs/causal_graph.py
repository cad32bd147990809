"""Draw the causal graph of the simulator; `docs/references.py` writes docs/causal-graph.svg."""

from io import StringIO
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch

INK, PAPER = "#1b2733", "#fbfaf7"
HIDDEN, SEEN, TRUTH = "#f6d9a8", "#cfe3d4", "#f2c4bd"
LAYER = {HIDDEN: "hidden", SEEN: "in the data folder", TRUTH: "in truth/, hidden from every model"}
WIDTH, HEIGHT = 13.6, 9.4
GROUP = "signals"


class Box(NamedTuple):
    """One node: centre and width in the drawing's units, colour, headline, words below it."""

    x: float
    y: float
    width: float
    colour: str
    title: str
    words: str


BOXES = {
    "calendar": Box(1.5, 8.5, 2.4, HIDDEN, "Calendar, weather", "holidays, season, °C"),
    "common": Box(4.5, 8.5, 2.9, HIDDEN, "Common shocks",
                  "province, industry, core\nfirm, flood, late payment"),
    "own": Box(7.6, 8.5, 2.7, HIDDEN, "Own shocks", "orders, accidents,\ncash surprises"),
    "population": Box(10.9, 8.5, 3.2, SEEN, "Population",
                      "register; hidden: quality\nand digital habits"),
    "health": Box(6.0, 6.9, 2.6, TRUTH, "Health", "log orders, weekly"),
    "season": Box(10.9, 6.9, 2.6, HIDDEN, "Season, past loans", "free cash by month; debts"),
    "bad": Box(1.3, 5.4, 1.9, TRUTH, "Bad actors", "shell, inflation,\nbrushing"),
    "work": Box(4.1, 5.4, 2.2, HIDDEN, "Work", "a day's orders"),
    "cash": Box(8.2, 5.4, 2.6, TRUTH, "Cash", "months of turnover"),
    "request": Box(10.45, 5.4, 1.3, SEEN, "Request", "amount, term,\nplan, purpose"),
    "default": Box(12.5, 5.4, 1.7, TRUTH, "Default", "an instalment is\n90 days late"),
    "electricity": Box(0.95, 3.45, 1.1, SEEN, "Electricity", "kWh a day"),
    "bills": Box(2.55, 3.45, 1.1, SEEN, "Bills", "paid, when"),
    "parcels": Box(4.15, 3.45, 1.1, SEEN, "Parcels", "out, in, late"),
    "shops": Box(5.75, 3.45, 1.1, SEEN, "Shops", "orders,\nrefunds"),
    "invoices": Box(7.35, 3.45, 1.1, SEEN, "Invoices", "sales,\npurchases"),
    "filings": Box(8.95, 3.45, 1.1, SEEN, "Filings", "declared,\npaid"),
    "coverage": Box(4.95, 1.75, 5.0, SEEN, "Coverage and faults",
                    "which source reports, from when; gaps, delays"),
    "records": Box(4.95, 0.55, 5.0, SEEN, "Records", "what was known on the day of application"),
    "history": Box(10.35, 3.45, 0.95, SEEN, "Arrears", "credit\nhistory"),
    "lenders": Box(11.55, 3.45, 1.0, SEEN, "Lenders", "approve\nor refuse"),
    "label": Box(11.5, 1.75, 1.6, SEEN, "Label", "of approved\nfirms only"),
    "truth": Box(12.85, 3.45, 1.25, TRUTH, "Truth", "true PD, cause,\nof every firm"),
}  # fmt: skip

BY_CASH = ("bills", "parcels", "shops", "invoices", "filings")
BY_WORK = ("electricity", "parcels", "shops", "invoices")
SIGNALS = {*BY_CASH, *BY_WORK}
ARROWS = [
    ("common", "health"), ("own", "health"), ("population", "health"),
    ("health", "work"), ("health", "cash"), ("calendar", "work"),
    ("own", "cash"), ("population", "cash"), ("population", "lenders"),
    *(("work", signal) for signal in BY_WORK), ("electricity", "bills"), ("invoices", "filings"),
    ("bad", GROUP), (GROUP, "coverage"), ("coverage", "records"),
    ("common", "cash"), ("season", "cash"), ("cash", "history"), ("history", "lenders"),
    ("cash", "request"), ("request", "default"), ("request", "lenders"), ("lenders", "label"),
    ("default", "label"), ("default", "truth"),
]  # fmt: skip


def svg() -> str:
    """Draw the graph on paper of its own, so that it reads in light and dark."""
    figure = Figure(figsize=(WIDTH * 0.8, HEIGHT * 0.8))
    with mpl.rc_context(
        {"svg.hashsalt": "firstloan", "font.family": "DejaVu Sans", "svg.fonttype": "path"}
    ):
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
        axes.axis("off")
        figure.set_facecolor(PAPER)
        frame = FancyBboxPatch(
            (0.15, 2.75), 9.6, 1.45, boxstyle="round,pad=0,rounding_size=0.15",
            facecolor="none", edgecolor=INK, linewidth=0.8, linestyle=(0, (2, 2)),
        )  # fmt: skip
        axes.add_patch(frame)
        drawn = {name: _box(axes, box) for name, box in BOXES.items()} | {GROUP: frame}
        for start, end in ARROWS:
            _arrow(axes, (start, drawn[start]), (end, drawn[end]))
        for signal in BY_CASH:
            _arrow(axes, ("cash", drawn["cash"]), (signal, drawn[signal]), cash_shortfall=True)
        _legend(axes)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _box(axes: Axes, box: Box) -> FancyBboxPatch:
    height = 0.62 + 0.24 * box.words.count("\n")
    corner = (box.x - box.width / 2, box.y - height / 2)
    patch = FancyBboxPatch(
        corner, box.width, height, boxstyle="round,pad=0.06,rounding_size=0.12",
        facecolor=box.colour, edgecolor=INK, linewidth=0.9, zorder=3,
    )  # fmt: skip
    axes.add_patch(patch)
    top = box.y + height / 2 - 0.17
    axes.text(box.x, top, box.title, ha="center", va="center", size=10, weight="bold",
              color=INK, zorder=4)  # fmt: skip
    axes.text(box.x, top - 0.19, box.words, ha="center", va="top", size=8, color=INK, zorder=4,
              linespacing=1.15)  # fmt: skip
    return patch


def _arrow(
    axes: Axes,
    start: tuple[str, FancyBboxPatch],
    end: tuple[str, FancyBboxPatch],
    *,
    cash_shortfall: bool = False,
) -> None:
    (a, tail), (b, head) = start, end
    origin, aim = _anchor(a, b), _anchor(b, a)
    axes.annotate(
        "", aim, origin, zorder=2,
        arrowprops={
            "arrowstyle": "-|>", "color": "#a0522d" if cash_shortfall else INK, "linewidth": 1.1,
            "linestyle": (0, (4, 2)) if cash_shortfall else "-", "patchA": tail, "patchB": head,
            "shrinkA": 0, "shrinkB": 1, "mutation_scale": 11,
        },
    )  # fmt: skip


def _anchor(name: str, other: str) -> tuple[float, float]:
    """Where an arrow's line starts or ends; the box hides what lies within it."""
    if name == GROUP:
        return BOXES[other].x, 3.45
    box = BOXES[name]
    if other == GROUP:
        return box.x, box.y
    if name in SIGNALS and other not in SIGNALS:
        return box.x + 0.05 * (BOXES[other].x - box.x), box.y + 0.3
    # lean towards the other end, so that arrows of a wide box do not share one point
    reach = box.width * 0.35
    return box.x + max(-reach, min(reach, 0.4 * (BOXES[other].x - box.x))), box.y


def _legend(axes: Axes) -> None:
    handles = [Patch(facecolor=c, edgecolor=INK, label=words) for c, words in LAYER.items()]
    handles.append(
        axes.plot([], [], color="#a0522d", linestyle=(0, (4, 2)), label="a cash shortfall shows")[0]
    )
    axes.legend(handles=handles, loc="lower right", fontsize=8, frameon=False, labelcolor=INK)
