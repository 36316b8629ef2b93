"""Live stream of presence: sends each employee of a scope when their online state or name changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Final

from models.organization.people import Employee
from resolvers.organization import people
from resolvers.organization.people import ScopePresence
from subscriptions.core.stream_context import (
    RETRYABLE_ERRORS,
    StreamContext,
    next_day_start,
    refresh_viewer,
    with_viewer_topics,
)
from subscriptions.core.streams import StateSnapshot, state_stream

_EXPIRY_MARGIN: Final = timedelta(seconds=0.05)  # an employee goes offline just after the expiry, unless renewed


async def presence(context: StreamContext, scope_global_id: str | None) -> AsyncGenerator[Employee, None]:
    """Yield every active employee of the scope, then each that comes online, goes offline, joins or leaves it.

    Raises NotFound for a scope out of the viewer's reach.
    """
    sent_states: dict[int, object] = {}

    async def read() -> StateSnapshot[ScopePresence]:
        await refresh_viewer(context)
        tomorrow = await next_day_start(context)
        snapshot = await people.load_presence(context, scope_global_id, sent_states)
        expiries = (at + _EXPIRY_MARGIN for at in snapshot.online_until.values())
        return StateSnapshot(snapshot, wake_at=min([tomorrow, *expiries]))

    async for snapshot in state_stream(
        context.hub,
        with_viewer_topics(context, ("presence",)),
        read,
        key=lambda snapshot: [_state_key(row, snapshot) for row in (*snapshot.employees, *snapshot.departed)],
        retryable_errors=RETRYABLE_ERRORS,
    ):
        changed = [row for row in snapshot.employees if sent_states.get(row.id) != _state_key(row, snapshot)]
        sent_states = {row.id: _state_key(row, snapshot) for row in snapshot.employees}
        for row in (*changed, *snapshot.departed):
            yield row


def _state_key(row: Employee, snapshot: ScopePresence) -> object:
    """Return the value by which two states of an employee are compared."""
    return row.id, row.id in snapshot.online_until, row.active, row.name, row.avatar_url, row.role, row.team_id
