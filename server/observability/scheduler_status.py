"""Status of the scheduler, as health and metrics report it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SchedulerStatus:
    """The state of the scheduler, for readiness and metrics."""

    is_leader: bool  # whether this server is the leader
    last_run_age: float | None  # seconds since its last run, or since another server was seen to be the leader
    restarts: int  # how often one of its tasks had to be restarted
    job_failures: int  # how often a job failed
