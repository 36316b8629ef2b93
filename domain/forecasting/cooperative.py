"""Work in steps, none of which takes long: whoever does it may see to others in between."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")

Steps = Generator[None, None, Result]


def at_once(steps: Generator[None, None, Result]) -> Result:
    """Return what the work comes to, done without a break."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]
