"""Whether a unit of work costs more in a company with a hundred times the deals, or a hundred times the people."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.rig import Rig
from benchmarks.scenes import Figure


def measured(machines: Rig, quick: bool) -> Iterator[Figure]:
    yield from ()
