"""Types of NumPy arrays, for all rooms. Shape and unit of an array stand in the docstring."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""Any type: whole numbers, masks, or what NumPy's stubs do not tell apart."""

Floats: TypeAlias = NDArray[np.float64]
"""Double precision."""

FloatArray: TypeAlias = NDArray[np.floating[Any]]
"""Single or double precision."""

Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Positions: TypeAlias = NDArray[np.intp]
"""Positions in another array."""
