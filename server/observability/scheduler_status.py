"""Status of the scheduler, as health and metrics report it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    """The state of the scheduler, for readiness and metrics."""

    held: bool  # whether this server is the leader
    turned: float | None  # seconds since its last run, or since another server was seen to be the leader
    deaths: int  # how often one of its tasks had to be restarted
    failures: int  # how often a job failed
