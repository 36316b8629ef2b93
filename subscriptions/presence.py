"""Live stream of presence: sends each employee of a scope whose online state or name has changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from models.organization.people import Employee
from resolvers.organization import people
from resolvers.organization.people import Presence
from resolvers.request.context import Context
from subscriptions.core.stream_context import PASSING, again, everything, hub, until_tomorrow
from subscriptions.core.streams import Reading, states


async def presence(context: Context, scope: str | None) -> AsyncGenerator[Employee, None]:
    """Yield every active employee of the scope, then each that comes online, goes offline, joins or leaves it.

    Raises NotFound for a scope out of the viewer's reach.
    """
    sent: dict[int, object] = {}

    async def read() -> Reading[Presence]:
        await again(context)
        found = await people.present(context, scope, sent)
        return Reading(found, wake_in=min(await until_tomorrow(context), _until_somebody_is_gone(found, context.now())))

    async for found in states(
        hub(context),
        everything(context, ("presence",)),
        read,
        key=lambda found: [_state(row, found) for row in (*found.employees, *found.left)],
        transient=PASSING,
    ):
        moved = [row for row in found.employees if sent.get(row.id) != _state(row, found)]
        sent = {row.id: _state(row, found) for row in found.employees}
        for row in (*moved, *found.left):
            yield row


def _until_somebody_is_gone(found: Presence, now: datetime) -> float:
    """Return the seconds until the first online employee goes offline unless renewed, a little later to be safe."""
    ends = min(found.online.values(), default=None)
    return 86_400.0 if ends is None else max(0.05, (ends - now).total_seconds() + 0.05)


def _state(row: Employee, found: Presence) -> object:
    """Return the value by which two states of an employee are compared."""
    return row.id, row.id in found.online, row.active, row.name, row.avatar_url, row.role, row.team_id
