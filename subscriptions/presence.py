"""Live stream of presence: sends each employee of a scope when their online state or name changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from models.organization.people import Employee
from resolvers.organization import people
from resolvers.organization.people import ScopePresence
from resolvers.request.context import Context
from subscriptions.core.stream_context import (
    RETRYABLE_ERRORS,
    get_hub,
    refresh_viewer,
    seconds_until_tomorrow,
    with_viewer_topics,
)
from subscriptions.core.streams import StateSnapshot, state_stream


async def presence(context: Context, scope_global_id: str | None) -> AsyncGenerator[Employee, None]:
    """Yield every active employee of the scope, then each that comes online, goes offline, joins or leaves it.

    Raises NotFound for a scope out of the viewer's reach.
    """
    sent_states: dict[int, object] = {}

    async def read() -> StateSnapshot[ScopePresence]:
        await refresh_viewer(context)
        snapshot = await people.load_presence(context, scope_global_id, sent_states)
        return StateSnapshot(
            snapshot, wake_in=min(await seconds_until_tomorrow(context), _seconds_until_expiry(snapshot, context.now()))
        )

    async for snapshot in state_stream(
        get_hub(context),
        with_viewer_topics(context, ("presence",)),
        read,
        key=lambda snapshot: [_state_key(row, snapshot) for row in (*snapshot.employees, *snapshot.departed)],
        retryable_errors=RETRYABLE_ERRORS,
    ):
        changed = [row for row in snapshot.employees if sent_states.get(row.id) != _state_key(row, snapshot)]
        sent_states = {row.id: _state_key(row, snapshot) for row in snapshot.employees}
        for row in (*changed, *snapshot.departed):
            yield row


def _seconds_until_expiry(snapshot: ScopePresence, now: datetime) -> float:
    """Return the seconds until the first online employee goes offline unless renewed, a little later to be safe."""
    first_expiry = min(snapshot.online_until.values(), default=None)
    return 86_400.0 if first_expiry is None else max(0.05, (first_expiry - now).total_seconds() + 0.05)


def _state_key(row: Employee, snapshot: ScopePresence) -> object:
    """Return the value by which two states of an employee are compared."""
    return row.id, row.id in snapshot.online_until, row.active, row.name, row.avatar_url, row.role, row.team_id
