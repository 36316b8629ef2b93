"""Numpy array types of the forecast's columns, and sums grouped by an index."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
UInts = NDArray[np.uint64]

NEVER: Final = 2**31 - 1  # day ordinal of an event that has not occurred; later than any real day


def sum_by_index(index: Ints, amounts: ArrayLike | None, size: int) -> Floats:
    """Return the sum of `amounts` for each index from 0 to `size` - 1; shape (size,), or longer for a larger index.

    amounts  numbers or booleans, shape of `index`; None counts the occurrences
    """
    sums: Floats = np.bincount(index, weights=amounts, minlength=size).astype(np.float64)
    return sums
