"""Liveness and readiness checks for load balancers and process supervisors.

The process is live while its event loop runs. It is ready when the database answers with the schema of this code,
change-log news arrives, and no shutdown is under way. Without Redis, with a scheduler that is late, or with a background
task that failed and waits for its restart, it is ready but degraded: news takes up to a second, scheduled jobs run later
or presence is not reported, and neither is a reason to send clients elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from models.db.deadline import with_deadline
from subscriptions.core.hub import Hub

DATABASE_TIMEOUT_SECONDS: Final = 1.0

log = logging.getLogger(__name__)

ReadinessStatus = Literal["ready", "degraded", "unavailable", "draining"]


@dataclass(frozen=True)
class ReadinessState:
    """Readiness of the process.

    checks  state of each part; without addresses, versions or error texts, since the endpoint is public
    """

    status: ReadinessStatus
    checks: dict[str, str]

    @property
    def is_ready(self) -> bool:
        return self.status in ("ready", "degraded")

    @property
    def http_status(self) -> int:
        """200 while a load balancer should send requests here, else 503."""
        return 200 if self.is_ready else 503

    @property
    def body(self) -> dict[str, object]:
        return {"status": self.status, "checks": self.checks}


def check_liveness() -> dict[str, str]:
    """Return the body of the liveness check. A process with a stuck event loop does not answer at all."""
    return {"status": "live"}


async def check_readiness(
    *,
    draining: bool,
    pending_migrations: Callable[[], Awaitable[object]],
    hub: Hub,
    scheduler_healthy: bool | None = None,
    tasks_running: bool | None = None,
) -> ReadinessState:
    """Check every part and return the readiness.

    draining            whether the process is shutting down.
    pending_migrations  reads the unapplied migrations from the database; a truthy result means the schema is behind.
    scheduler_healthy   whether the scheduler runs, here or on another server; None to leave it out.
    tasks_running       whether no other background task waits for its restart; None to leave it out.
    """
    database, schema = await _check_database(pending_migrations)
    news = "late" if not hub.status.broadcast_connected else "ok"
    if not hub.healthy:
        news = "away"
    checks = {"database": database, "schema": schema, "news": news}
    if scheduler_healthy is not None:
        checks["clock"] = "ok" if scheduler_healthy else "late"
    if tasks_running is not None:
        checks["tasks"] = "ok" if tasks_running else "late"
    if draining:
        return ReadinessState("draining", checks)
    if database != "ok" or schema != "ok" or news == "away":
        return ReadinessState("unavailable", checks)
    return ReadinessState("degraded" if "late" in checks.values() else "ready", checks)


async def _check_database(pending_migrations: Callable[[], Awaitable[object]]) -> tuple[str, str]:
    try:
        unapplied = await with_deadline(DATABASE_TIMEOUT_SECONDS, pending_migrations())
    except Exception as error:  # noqa: BLE001 - any driver's error means that the database is away
        log.warning("Readiness: the database does not answer (%r).", error)
        return "away", "unknown"
    return "ok", "behind" if unapplied else "ok"
