"""Waterfall of SHAP contributions by theme."""

import math
from typing import Any

import numpy as np

from features.arrays import Floats
from models.estimators.model import Model
from models.explanation.reasons import theme_contributions
from scoring.text.number_format import MINUS
from scoring.text.reason_text import theme_texts

_STEPS = 10
_TICKS = 7
_TICK_STEPS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0)


def waterfall(
    contributions: Floats, values: Floats, model: Model
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Bars of a waterfall: the start, the themes that matter most, the rest, the end.

    Parameters
    ----------
    contributions : ndarray of shape (n_features,), log-odds
    values : ndarray of shape (n_features,)
        The applicant's row of `model.matrix`.
    model : Model

    Returns
    -------
    bars : list of dict
        name, chinese, left and width (percent of the track), tone, figure (signed log-odds).
    ticks : list of dict
        name and left of round log-odds on the track's scale.
    """
    by_theme = theme_contributions(contributions, values, model)
    ranked = sorted(by_theme.items(), key=lambda item: (-abs(item[1]), item[0]))
    shown, rest = ranked[:_STEPS], sum(value for _, value in ranked[_STEPS:])
    steps = [(*theme_texts(theme), value) for theme, value in shown]
    if len(ranked) > _STEPS:
        steps.append((f"{len(ranked) - _STEPS} further themes", "其他", rest))
    levels = np.cumsum([model.bias, *(value for _, _, value in steps)])
    low, high = _span(levels)

    def position(level: float) -> float:
        return round(100 * (level - low) / (high - low), 2)

    start = {"name": "average applicant", "chinese": "总体均值", "tone": ""}
    end = {"name": "this applicant", "chinese": "本申请", "tone": ""}
    bars = [{**start, "left": 0.0, "width": position(levels[0]), "figure": _signed(levels[0], "")}]
    for (english, chinese, value), before, after in zip(steps, levels, levels[1:], strict=False):
        left, right = sorted((position(before), position(after)))
        bars.append(
            {
                "name": english,
                "chinese": chinese,
                "left": left,
                "width": round(right - left, 2),
                "tone": "bad" if value > 0 else "good",
                "figure": _signed(value, "+"),
            }
        )
    bars.append(
        {**end, "left": 0.0, "width": position(levels[-1]), "figure": _signed(levels[-1], "")}
    )
    return bars, _ticks(low, high)


def _span(levels: Floats) -> tuple[float, float]:
    """Ends of the scale: the levels with a margin."""
    low, high = float(levels.min()), float(levels.max())
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[dict[str, Any]]:
    """Round log-odds on the scale, as percent of the track."""
    step = next(step for step in _TICK_STEPS if (high - low) / step <= _TICKS)
    first = math.ceil(low / step)
    return [
        {
            "name": f"{k * step:g}".replace("-", MINUS),
            "left": round(100 * (k * step - low) / (high - low), 1),
        }
        for k in range(first, math.floor(high / step) + 1)
    ]


def _signed(value: float, plus: str) -> str:
    return f"{value:{plus}.2f}".replace("-", MINUS)
