"""Loss of a book by layers, and what a risk-compensation fund and a guarantor pay of it.

Layers of the Ganzhou pilot (C56, R172): the fiscal pool bears the first loss, bank and guarantor
together the middle, investors in the asset-backed securities the rest. Each layer is thick by its
share of the loss that the tranches were cut for, so it is exhausted at a stated loss.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LAYERS: Mapping[str, float] = {
    "fiscal pool": 0.30,
    "bank and guarantor": 0.40,
    "investors": 0.30,
}
"""Layers from the first loss on, as shares of the loss they were cut for (R172)."""

COMPENSATED = 0.40
"""Share of a loss that the provincial fund pays at most (R167)."""

GUARANTEED = 0.80
"""Share of a guaranteed loan's loss that a guarantor pays (C58; share assumed)."""


@dataclass(frozen=True)
class Layer:
    """What one layer bears, CNY.

    Attributes
    ----------
    name : str
    borne_cny : float
    exhausted_at_cny : float
        Loss of the book at which the layer is used up.
    """

    name: str
    borne_cny: float
    exhausted_at_cny: float


def waterfall(loss_cny: float, cut_for_cny: float) -> list[Layer]:
    """Pass a loss through the layers.

    Parameters
    ----------
    loss_cny : float
        Loss of the book.
    cut_for_cny : float
        Loss that the layers were cut for; the last layer bears all that goes beyond.

    Returns
    -------
    list of Layer
    """
    bounds = np.cumsum([0.0, *LAYERS.values()]) * cut_for_cny
    bounds[-1] = np.inf
    return [
        Layer(name, float(np.clip(loss_cny - low, 0.0, high - low)), float(high))
        for name, low, high in zip(LAYERS, bounds, bounds[1:], strict=False)
    ]


def left_to_lender(loss_cny: float) -> dict[str, float]:
    """Loss that a lender bears itself under each kind of support, CNY."""
    return {
        "none": loss_cny,
        "compensation fund": (1 - COMPENSATED) * loss_cny,
        "guarantee": (1 - GUARANTEED) * loss_cny,
        "risk layers": LAYERS["bank and guarantor"] * loss_cny / 2,
    }
