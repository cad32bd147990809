"""Waterfall of SHAP contributions by theme."""

from typing import Any

import numpy as np

from features.arrays import Floats
from models.estimators.model import Model
from models.explanation.reasons import theme_contributions
from scoring.text.number_format import MINUS
from scoring.text.reason_text import theme_texts

_STEPS = 10


def waterfall(contributions: Floats, values: Floats, model: Model) -> list[dict[str, Any]]:
    """Bars of a waterfall: the start, the themes that matter most, the rest, the end.

    Parameters
    ----------
    contributions : ndarray of shape (n_features,), log-odds
    values : ndarray of shape (n_features,)
        The applicant's row of `model.matrix`.
    model : Model

    Returns
    -------
    list of dict
        name, chinese, left and width (percent of the track), tone, figure (signed log-odds).
    """
    by_theme = theme_contributions(contributions, values, model)
    ranked = sorted(by_theme.items(), key=lambda item: (-abs(item[1]), item[0]))
    shown, rest = ranked[:_STEPS], sum(value for _, value in ranked[_STEPS:])
    steps = [(*theme_texts(theme), value) for theme, value in shown]
    if len(ranked) > _STEPS:
        steps.append((f"{len(ranked) - _STEPS} further themes", "其他", rest))
    levels = np.cumsum([model.bias, *(value for _, _, value in steps)])
    low, high = float(levels.min()), float(levels.max())
    margin = 0.08 * (high - low) or 1.0
    low, high = low - margin, high + margin

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
    return [
        *bars,
        {**end, "left": 0.0, "width": position(levels[-1]), "figure": _signed(levels[-1], "")},
    ]


def _signed(value: float, plus: str) -> str:
    return f"{value:{plus}.2f}".replace("-", MINUS)
