"""Types of the arrays that the equations pass on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
Int = NDArray[Any]
"""Whole numbers or booleans."""

Rng = np.random.Generator
