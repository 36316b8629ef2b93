"""Cooperative computation: generators that yield after each short step, so that the caller can interleave other work.

A forecast takes up to seconds, and all forecasts of a process share one worker thread. A computation written as
`Steps` occupies the thread for one step at a time.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")

Steps = Generator[None, None, Result]


def run_to_completion(steps: Generator[None, None, Result]) -> Result:
    """Run all steps without interruption and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
