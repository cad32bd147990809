"""Plots of discrimination and calibration on out-of-time applicants.

Colours are those of Okabe and Ito (2008), which the colour-blind tell apart; lines differ in dash
as well. Every function returns a new matplotlib Figure and touches no global state.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter
from PIL import Image

from models.evaluation import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
    from matplotlib.axes import Axes

    from features.arrays import Array
    from models.policy import Policy

BLUE, RED, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
GREY, DARK = "#8A8A8A", "#333333"
LINES = ((BLUE, "-"), (RED, "--"), (GREEN, "-."), (ORANGE, ":"))
BINS = 10
DPI = 110
BADS_FOR_A_GINI = 5  # in a month; with fewer its interval spans nearly everything


@dataclass(frozen=True, kw_only=True)
class Margins:
    """Inches left free around the axes and between them.

    Given, not searched for: a layout engine measures every tick twice, which costs more than
    drawing them.
    """

    left: float = 0.85
    right: float = 0.3
    top: float = 0.75
    bottom: float = 0.9
    across: float = 0.85
    down: float = 0.9


def blank(
    *,
    title: str,
    note: str,
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float],
    room: Margins | None = None,
) -> tuple[Figure, list[Axes]]:
    """An empty figure with a title, a grey line beneath it, and plain axes."""
    room = room or Margins()
    figure = Figure(figsize=size, dpi=DPI)
    wide = (size[0] - room.left - room.right - (columns - 1) * room.across) / columns
    high = (size[1] - room.top - room.bottom - (rows - 1) * room.down) / rows
    axes = figure.subplots(
        rows,
        columns,
        squeeze=False,
        gridspec_kw={
            "left": room.left / size[0],
            "right": 1 - room.right / size[0],
            "top": 1 - room.top / size[1],
            "bottom": room.bottom / size[1],
            "wspace": room.across / wide,
            "hspace": room.down / high,
        },
    ).ravel()
    figure.text(0.1 / size[0], 1 - 0.12 / size[1], title, size=13, weight="bold", va="top")
    figure.text(0.1 / size[0], 0.1 / size[1], note, size=9, color="#555555", va="bottom")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="#E5E5E5", linewidth=0.7)
        ax.set_axisbelow(True)
    return figure, axes.tolist()


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, the same bytes for the same figure.

    Parameters
    ----------
    figure : Figure
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # once; `savefig` draws twice
    file = io.BytesIO()
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    Image.fromarray(drawn).convert("RGB").save(file, format="png")
    return file.getvalue()


def roc_and_gains(scores: Mapping[str, Array], bad: Array, *, note: str) -> Figure:
    """ROC curves and gains of all candidates on the same applicants, the first drawn boldest.

    Parameters
    ----------
    scores : mapping of title to ndarray of shape (n_samples,), higher is riskier
    bad : ndarray of shape (n_samples,), 1 for default
    note : str
        Which applicants these are.
    """
    first = next(iter(scores))
    figure, (roc, gains) = blank(
        title=f"{first}: who is found", note=note, columns=2, size=(11, 5.2)
    )
    for k, (title, score) in enumerate(scores.items()):
        colour, dash = LINES[k % len(LINES)]
        order = np.argsort(-score, kind="stable")
        # ties end together, so that a coarse score shows as the straight line it is
        last = np.append(np.diff(score[order]) != 0, [True])
        bads, goods = (np.cumsum(part[order])[last] for part in (bad, 1 - bad))
        area = metrics.auc(score, bad)
        style: dict[str, Any] = {
            "color": colour,
            "linestyle": dash,
            "linewidth": 2.4 if k == 0 else 1.4,
        }
        start = np.zeros(1)
        share_of_bads = np.concatenate([start, bads / bads[-1]])
        roc.plot(
            np.concatenate([start, goods / goods[-1]]),
            share_of_bads,
            label=f"{title}: AUC {area.value:.3f} ({area.low:.3f} to {area.high:.3f})",
            zorder=5 - k,
            **style,
        )
        tenth = float(np.interp(0.1, np.flatnonzero(last) / len(bad), bads / bads[-1]))
        asked = np.concatenate([start, (np.flatnonzero(last) + 1) / len(bad)])
        gains.plot(
            asked, share_of_bads, label=f"{title}: {tenth:.0%} in the riskiest tenth", **style
        )
    for ax in (roc, gains):
        ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (2, 3)))
        ax.set(xlim=(0, 1), ylim=(0, 1.01), ylabel="share of the bads found")
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        ax.legend(loc="lower right", fontsize=8.5, frameon=False)
    roc.set_title("ROC (with 95% interval)", loc="left", fontsize=10.5)
    roc.set_xlabel("share of the goods taken for bad")
    gains.set_title("Gains", loc="left", fontsize=10.5)
    gains.set_xlabel("share of all applicants, riskiest first")
    return figure


def calibration(pd: Array, bad: Array, *, title: str, note: str) -> Figure:
    """Default rate against PD in ten groups of equal numbers, with 95% intervals.

    Parameters
    ----------
    pd, bad : ndarray of shape (n_samples,)
    title, note : str
    """
    slope = metrics.calibration_slope(pd, bad)
    figure, (ax,) = blank(title=f"{title}: is the PD right?", note=note, size=(7.2, 6))
    parts = [p for p in np.array_split(np.argsort(pd, kind="stable"), BINS) if p.size]
    mean = np.array([pd[p].mean() for p in parts])
    bads, rows = (np.array([f(p) for p in parts]) for f in (lambda p: bad[p].sum(), len))
    low, high = (metrics.jeffreys(bads, rows, q) for q in (0.025, 0.975))
    rate = bads / rows
    bottom = min(float(mean.min()), float(np.median(low[low > 0]))) * 0.6
    top = min(float(max(mean.max(), high.max())) * 1.4, 1.0)
    line = np.geomspace(bottom, top, 50)
    ax.plot(line, line, color=GREY, linestyle=(0, (2, 3)), label="PD and default rate agree")
    shown = np.maximum(rate, bottom)
    ax.errorbar(
        mean,
        shown,
        # without a bad, or with bads alone, the interval lies on one side of the rate
        yerr=[shown - np.clip(low, bottom, shown), np.maximum(high - shown, 0)],
        fmt="none",
        ecolor=BLUE,
        elinewidth=1.6,
        capsize=3,
        label="95% interval (Jeffreys)",
    )
    some = bads > 0
    ax.plot(
        mean[some], rate[some], "o", color=BLUE, markersize=7, label="a tenth of the applicants"
    )
    if (~some).any():
        ax.plot(mean[~some], shown[~some], "v", color=RED, markersize=7, label="no bads among them")
    ax.set(
        xscale="log",
        yscale="log",
        xlim=(bottom, top),
        ylim=(bottom, top),
        xlabel="PD that the model gave, mean of the group",
        ylabel="share that defaulted within 12 months",
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(_percent))
        axis.set_minor_locator(NullLocator())
    ax.set_title(
        f"slope {slope.value:.2f} (95% interval {slope.low:.2f} to {slope.high:.2f}; 1 is right), "
        f"error {metrics.ece(pd, bad):.2%},\na perfect model stays below "
        f"{metrics.ece_of_truth(pd):.2%} in 19 of 20 draws",
        loc="left",
        fontsize=10,
    )
    ax.legend(loc="upper left", fontsize=9, frameon=False)
    return figure


def score_distribution(pd: Array, bad: Array, *, policy: Policy, title: str, note: str) -> Figure:
    """Scores of goods and bads, each as share of its own kind, and the policy's cut-off.

    Parameters
    ----------
    pd, bad : ndarray of shape (n_samples,)
    policy : Policy
        Score scale and cut-off.
    title, note : str
    """
    figure, (ax,) = blank(title=f"{title}: scores of goods and bads", note=note, size=(8.2, 5))
    scale, cutoff = policy.score, policy.decision.approve_below
    score, cut = scale.points(pd), float(scale.points(np.array([cutoff]))[0])
    bins = int(np.clip(3 * np.sqrt(bad.sum()), 8, 36))  # few bads would only show as single spikes
    edges = np.linspace(np.floor(score.min() / 10) * 10, np.ceil(score.max() / 10) * 10, bins)
    for kind, name, colour, filled in ((0, "good", BLUE, True), (1, "bad", RED, False)):
        mine = score[bad == kind]
        ax.hist(
            mine,
            bins=edges.tolist(),
            weights=np.full(mine.size, 1 / mine.size),
            color=colour,
            alpha=0.45 if filled else 1.0,
            histtype="stepfilled" if filled else "step",
            linewidth=2,
            label=f"{name}: {mine.size:,}, median score {np.median(mine):.0f}",
        )
    refused = score < cut
    ax.axvline(cut, color=DARK, linewidth=1.3, linestyle="--")
    ax.annotate(
        f"cut-off: score {cut:.0f}, PD {cutoff:.0%}\nbelow it {refused[bad == 1].mean():.0%} of "
        f"the bads\nand {refused[bad == 0].mean():.0%} of the goods",
        (cut, 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(-8, 0),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=9,
    )
    ax.set_ylim(top=ax.get_ylim()[1] * 1.2)  # room for the words
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(
        xlabel=f"score ({scale.in_words()})",
        ylabel="share of the goods, of the bads",
    )
    ax.legend(loc="upper right", fontsize=9, frameon=False)
    return figure


def months(table: pl.DataFrame, *, late_from: str, title: str, note: str) -> Figure:
    """Gini, default rate and mean PD month by month, with 95% intervals.

    Parameters
    ----------
    table : DataFrame
        By month, as `models.evaluation.segments.by_segment` makes it.
    late_from : str
        First month out of time, such as 2025-04; empty if none is.
    title, note : str
    """
    figure, (top, bottom) = blank(
        title=f"{title}: month by month", note=note, rows=2, size=(8.2, 6.4)
    )
    names = table["value"].to_list()
    x = np.arange(len(names))
    gini, low, high = (
        table[column].fill_null(np.nan).to_numpy() for column in ("gini", "gini_low", "gini_high")
    )
    rows, bads = table["rows"].to_numpy(), table["bads"].to_numpy()
    gini, low, high = (np.where(bads < BADS_FOR_A_GINI, np.nan, y) for y in (gini, low, high))
    top.errorbar(
        x,
        gini,
        yerr=[np.maximum(gini - low, 0), np.maximum(high - gini, 0)],
        fmt="o",
        color=BLUE,
        capsize=3,
    )
    top.set_ylim(min(0.0, float(np.nanmin(np.append(low, 0.0)))), 1)
    few = f"; months with fewer than {BADS_FOR_A_GINI} bads left out"
    said = "Gini with 95% interval" + (few if (bads < BADS_FOR_A_GINI).any() else "")
    top.set_title(said, loc="left", fontsize=10.5)
    rate = bads / np.maximum(rows, 1)
    around = [metrics.jeffreys(bads, rows, q) for q in (0.025, 0.975)]
    bottom.errorbar(
        x,
        rate,
        yerr=[np.maximum(rate - around[0], 0), np.maximum(around[1] - rate, 0)],
        fmt="o",
        color=RED,
        capsize=3,
        label="default rate of the labelled",
    )
    # of the labelled, as the rate is: the refused have a higher PD and no outcome
    bottom.plot(
        x,
        table["mean_pd_labelled"].to_numpy(),
        color=BLUE,
        marker="s",
        markersize=4,
        linestyle="--",
        label="mean PD of the same applicants",
    )
    bottom.set_ylim(bottom=0)
    bottom.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    bottom.set_title("Default rate and PD", loc="left", fontsize=10.5)
    bottom.legend(loc="best", fontsize=9, frameon=False)
    for ax in (top, bottom):
        ax.set_xticks(
            x, [f"{name}\n{n:,} / {b:,}" for name, n, b in zip(names, rows, bads, strict=True)]
        )
        ax.tick_params(axis="x", labelsize=8)
        if late_from in names:
            boundary = names.index(late_from) - 0.5
            ax.axvline(boundary, color=DARK, linewidth=1, linestyle="--")
            ax.annotate(
                "out of time",
                (boundary, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(5, -2),
                textcoords="offset points",
                va="top",
                fontsize=8.5,
            )
    bottom.set_xlabel("month; beneath it labelled applicants / bads", fontsize=9)
    return figure


def _percent(value: float, _: int) -> str:
    return f"{100 * value:g}%"
