"""SHAP plots of a candidate: beeswarm, dependence and individual conditional expectation."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, NullLocator

from features.loan.catalogue import OPEN_LOAN_FEATURES
from models.reporting.plots import BLUE, GREY, ORANGE, Margins, blank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from features.arrays import Array
    from models.estimators.model import Model

FIRST = 10  # features shown
SHOWN = 1_500  # applicants at most, evenly over the time
CURVES = 40  # applicants whose own curve is drawn
POINTS = 25  # values on each curve
COLOURS = "plasma"  # even in lightness and free of the grey that means missing
MEANING = {feature.name: (feature.meaning, feature.unit) for feature in OPEN_LOAN_FEATURES}
ARROWS = {1: "more raises risk", -1: "more lowers risk", 0: "either way"}


@dataclass(frozen=True, eq=False)
class Explained:
    """SHAP values of some applicants.

    Attributes
    ----------
    model : Model
    signs : dict of str to int
        What the feature table holds each feature to.
    X : ndarray of shape (n_samples, n_features), NaN where missing
    values : ndarray of shape (n_samples, n_features), log-odds
    first : list of int
        Columns with the largest mean absolute SHAP value, first the largest.
    """

    model: Model
    signs: dict[str, int]
    X: Array
    values: Array
    first: list[int]


def explain(model: Model, signs: dict[str, int], X: Array) -> Explained:
    """Explain applicants, at most `SHOWN` of them.

    Parameters
    ----------
    model : Model
    signs : dict of str to int
    X : ndarray of shape (n_samples, n_features), NaN where missing
    """
    X = X[np.unique(np.linspace(0, len(X) - 1, min(SHOWN, len(X))).round().astype(int))]
    values = model.estimator.contributions(X)
    size = np.abs(values).mean(axis=0)
    order = np.argsort(-size, kind="stable")[:FIRST]
    return Explained(
        model=model, signs=signs, X=X, values=values, first=[int(j) for j in order if size[j] > 0]
    )


def beeswarm(explained: Explained, *, title: str, note: str) -> Figure:
    """Beeswarm plot of SHAP values."""
    from matplotlib import colormaps  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what shap imports
        import shap  # noqa: PLC0415 (seconds, and only pictures need it)

    figure, (ax,) = blank(
        title=f"{title}: what moves the risk",
        note=note,
        size=(9.6, 6.2),
        room=Margins(left=3.4, top=0.45),
    )
    names = [fill(_meaning(explained, j), 40) for j in explained.first]
    told = shap.Explanation(
        values=explained.values[:, explained.first],
        data=explained.X[:, explained.first],
        feature_names=names,
    )
    with warnings.catch_warnings(), _same_scatter():
        warnings.simplefilter("ignore")  # a feature that nobody has leaves it nothing to colour
        shap.plots.beeswarm(
            told,
            max_display=FIRST,
            order=np.arange(len(names)),
            color=colormaps[COLOURS],
            color_bar_label="value of the feature (grey: missing)",
            group_remaining_features=False,
            plot_size=None,
            show=False,
            ax=ax,
        )
    ax.tick_params(axis="y", labelsize=9.5)
    ax.set_xlabel("SHAP value (log-odds of default; to the right: riskier)", fontsize=10)
    return figure


@contextmanager
def _same_scatter() -> Iterator[None]:
    """Let shap scatter the dots alike every time, and leave NumPy's global state as it was.

    It draws from that state and takes no generator.
    """
    before = np.random.get_state()  # noqa: NPY002 (its state, not ours)
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def dependence(explained: Explained, *, title: str, note: str) -> Figure:
    """SHAP value against value for each of the first ten features."""
    figure, axes = _grid(
        explained,
        title=f"{title}: SHAP value by value of the feature",
        note=f"{note}; a dot is an applicant, the dashed line those whose value is missing",
    )
    for ax, j in zip(axes, explained.first, strict=False):
        x, y = explained.X[:, j], explained.values[:, j]
        seen = ~np.isnan(x)
        low, high = _range(x)
        inside = seen & (x >= low) & (x <= high)
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.plot(x[inside], y[inside], ".", color=BLUE, markersize=3.5, alpha=0.4)
        if not seen.all():
            ax.axhline(float(np.median(y[~seen])), color=ORANGE, linewidth=1.6, linestyle="--")
            ax.annotate(
                f"missing: {(~seen).mean():.0%}",
                (0.98, float(np.median(y[~seen]))),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
                fontsize=7.5,
                color="#9A6A00",
            )
        ax.set_ylabel("log-odds", fontsize=8)
    return figure


def curves(explained: Explained, *, title: str, note: str) -> Figure:
    """Individual conditional expectation and partial dependence of the PD."""
    figure, axes = _grid(
        explained,
        title=f"{title}: PD while one feature changes",
        note=f"{min(CURVES, len(explained.X))} of {note}; a grey line is an applicant, all else "
        "as it is, the blue one their mean in log-odds",
    )
    some = explained.X[
        np.unique(np.linspace(0, len(explained.X) - 1, min(CURVES, len(explained.X))).astype(int))
    ]
    for ax, j in zip(axes, explained.first, strict=False):
        grid = np.linspace(*_range(explained.X[:, j]), POINTS)
        swept = np.repeat(some, POINTS, axis=0)
        swept[:, j] = np.tile(grid, len(some))
        pd = explained.model.pd(explained.model.estimator.margin(swept)).reshape(len(some), POINTS)
        ax.plot(grid, pd.T, color=GREY, linewidth=0.6, alpha=0.6)
        # the mean of the log-odds, so that one risky applicant does not draw it alone
        middle = np.exp(np.log(pd / (1 - pd)).mean(axis=0))
        ax.plot(grid, middle / (1 + middle), color=BLUE, linewidth=2.4)
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g}%"))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_ylabel("PD", fontsize=8)
    return figure


def _grid(explained: Explained, *, title: str, note: str) -> tuple[Figure, list[Axes]]:
    """Ten axes, each named after its feature, the unit beneath."""
    rows = max(1, -(-len(explained.first) // 5))
    figure, axes = blank(
        title=title,
        note=note,
        rows=rows,
        columns=5,
        size=(15.5, 3.4 * rows + 0.6),
        room=Margins(left=0.75, top=0.95, bottom=0.75, across=0.6, down=1.05),
    )
    for ax, j in zip(axes, explained.first, strict=False):
        name = explained.model.feature_names[j]
        unit = MEANING.get(name, ("", ""))[1]
        sign = ARROWS[explained.signs.get(name, 0)]
        ax.set_title(fill(_meaning(explained, j), 34), loc="left", fontsize=8.8)
        ax.set_xlabel(f"{unit} · {sign}" if unit and unit != "1" else sign, fontsize=8)
        ax.tick_params(labelsize=7.5)
    for ax in axes[len(explained.first) :]:
        ax.set_axis_off()
    return figure, axes


def _meaning(explained: Explained, column: int) -> str:
    name = explained.model.feature_names[column]
    return MEANING.get(name, (name, ""))[0]


def _range(x: Array) -> tuple[float, float]:
    """From the first to the ninety-ninth percentile, so that a few giants do not hide the rest."""
    seen = x[~np.isnan(x)]
    if not seen.size:
        return 0.0, 1.0
    low, high = np.quantile(seen, [0.01, 0.99])
    return (
        (float(low), float(high)) if high > low else (float(seen.min()), float(seen.max()) + 1e-9)
    )
