"""Seeds of tests that do the same with other random numbers: a few by default, the others with `-m long`."""

from __future__ import annotations

import pytest


def each_seed(few: int, many: int) -> pytest.MarkDecorator:
    """Return the mark that runs a test with the seeds from 0 to `many`, the first `few` of them by default."""
    others = (pytest.param(seed, marks=pytest.mark.long) for seed in range(few, many))
    return pytest.mark.parametrize("seed", [*range(few), *others])
