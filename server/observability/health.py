"""Whether the process should be sent requests, for whoever balances or restarts it.

Alive is the loop that turns. Ready is a database that answers with the tables this code
knows, news that arrives, and no shutdown under way. Redis away is ready but degraded:
news is then up to a second late, and that is no reason to send anybody elsewhere. Nor is a
clock that stands still: what it should have done is late, and told.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from models.db.connection import within
from subscriptions.core.hub import Hub

PATIENCE: Final = 1.0  # seconds that the database may take to answer

log = logging.getLogger(__name__)

Status = Literal["ready", "degraded", "unavailable", "draining"]


@dataclass(frozen=True)
class State:
    """`checks` says which part is how, in words without addresses, versions or errors."""

    status: Status
    checks: dict[str, str]

    @property
    def ready(self) -> bool:
        return self.status in ("ready", "degraded")

    @property
    def code(self) -> int:
        """The HTTP status that says so to a balancer."""
        return 200 if self.ready else 503

    @property
    def body(self) -> dict[str, object]:
        return {"status": self.status, "checks": self.checks}


def live() -> dict[str, str]:
    """Return the answer of a process whose loop turns: there is no other."""
    return {"status": "live"}


async def ready(
    *, draining: bool, pending: Callable[[], Awaitable[object]], hub: Hub, clock: bool | None = None
) -> State:
    """Ask every part how it is.

    draining  the process was told to stop.
    pending   what of the migrations is not applied yet (nothing, if all is well), asked of the database.
    clock     time passes, here or on another server; None where that is not looked at.
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
    except Exception as error:  # noqa: BLE001 - of whatever database; whoever asks wants an answer
        log.warning("The database does not answer (%r).", error)
        return "away", "unknown"
    return "ok", "behind" if behind else "ok"
