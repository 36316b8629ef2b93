"""Status of the scheduler, as health and metrics report it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    """How the clock is: for readiness and measurements."""

    held: bool  # this server keeps it
    turned: float | None  # seconds since it last went round, or since another was seen to keep it
    deaths: int  # how often one of its tasks had to be started again
    failures: int  # how often a job failed
