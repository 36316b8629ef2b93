"""Columns of numbers, as the forecast keeps its deals: their types, and sums by an index."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Words = NDArray[np.uint64]

NEVER: Final = 2**31 - 1  # the day of what has not happened


def summed(index: Ints, amounts: Any, size: int) -> Floats:
    """Return the sum of the amounts of each index from 0 to `size` - 1; shape (size,).

    amounts  numbers or booleans, shape of `index`; None counts once each
    """
    found: Floats = np.bincount(index, weights=amounts, minlength=size).astype(np.float64)
    return found
