"""Liveness and readiness checks for load balancers and process supervisors.

The process is live while its event loop runs. It is ready when the database answers with the schema of this code,
change-log news arrives, and no shutdown is under way. Without Redis, or with a scheduler that is late, it is ready
but degraded: news takes up to a second and scheduled jobs run later, and neither is a reason to send clients elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from models.db.connection import within
from subscriptions.core.hub import Hub

PATIENCE: Final = 1.0

log = logging.getLogger(__name__)

Status = Literal["ready", "degraded", "unavailable", "draining"]


@dataclass(frozen=True)
class State:
    """Readiness of the process.

    checks  state of each part, in words without addresses, versions or error texts: the endpoint is public.
    """

    status: Status
    checks: dict[str, str]

    @property
    def ready(self) -> bool:
        return self.status in ("ready", "degraded")

    @property
    def code(self) -> int:
        """The HTTP status: 200 while requests should be sent here, else 503."""
        return 200 if self.ready else 503

    @property
    def body(self) -> dict[str, object]:
        return {"status": self.status, "checks": self.checks}


def live() -> dict[str, str]:
    """Return the body of the liveness check. A process whose event loop is stuck does not answer at all."""
    return {"status": "live"}


async def ready(
    *, draining: bool, pending: Callable[[], Awaitable[object]], hub: Hub, clock: bool | None = None
) -> State:
    """Check every part and return the readiness.

    draining            whether the process is shutting down.
    pending_migrations  reads the unapplied migrations from the database; a truthy result means the schema is behind.
    scheduler_healthy   whether the scheduler runs, here or on another server; None to leave it out.
    """
    database, schema = await _database(pending)
    news = "late" if not hub.pulse.doorbell else "ok"
    if not hub.healthy:
        news = "away"
    checks = {"database": database, "schema": schema, "news": news}
    if clock is not None:
        checks["clock"] = "ok" if clock else "late"
    if draining:
        return State("draining", checks)
    if database != "ok" or schema != "ok" or news == "away":
        return State("unavailable", checks)
    return State("degraded" if "late" in checks.values() else "ready", checks)


async def _database(pending: Callable[[], Awaitable[object]]) -> tuple[str, str]:
    try:
        behind = await within(PATIENCE, pending())
    except Exception as error:  # noqa: BLE001 - any driver's error means that the database is away
        log.warning("Readiness: the database does not answer (%r).", error)
        return "away", "unknown"
    return "ok", "behind" if behind else "ok"
