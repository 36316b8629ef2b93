"""The sessions of an employee: lists them, and ends those that the employee does not recognize."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.errors.user_errors import Forbidden, NotFound
from domain.primitives.global_ids import decode_global_id, encode_global_id
from models.auth import sessions
from resolvers.auth import attempts, audit
from resolvers.request.context import RequestContext


@dataclass(frozen=True)
class SessionEntry:
    """A session of the viewer that has not ended.

    id          global id
    expires_at  when it ends unless it is refreshed before
    current     whether the viewer uses it now
    """

    id: str
    started_at: datetime
    expires_at: datetime
    current: bool


async def list_sessions(context: RequestContext) -> list[SessionEntry]:
    """Return the viewer's sessions, newest first; an empty list for a device."""
    viewer = context.viewer
    if viewer.employee is None:
        return []
    return [
        SessionEntry(encode_global_id("Session", row.id), row.started_at, row.expires_at, row.id == viewer.session_id)
        for row in await sessions.list_active(viewer.employee.id, context.now())
    ]


async def end_sessions(context: RequestContext, current_password: str, session_global_id: str | None) -> int:
    """End one session of the viewer (None: all but the one in use); return how many have ended.

    Needs the viewer's password, so that a stolen access token is of no use for it. Raises NotFound for a session that
    is not the viewer's.
    """
    viewer = context.viewer
    if viewer.employee is None:
        raise Forbidden("A device has no sessions: revoke it.", "input")
    session_id = None
    if session_global_id is not None:
        session_id = _decode_session_id(session_global_id)
        if session_id is None or not await sessions.belongs_to(session_id, viewer.employee.id):
            raise NotFound("There is no such session.", "input", "session")
    await attempts.check_current_password(context, viewer.employee.id, current_password)
    async with context.unit_of_work():
        ended_count = await sessions.revoke_sessions(
            viewer.employee.id,
            context.now(),
            session_id=session_id,
            kept_session_id=viewer.session_id if session_id is None else None,
        )
        context.publish(f"employee:{viewer.employee.id}")
    audit.record(context, "sessions ended", employee=viewer.employee.id, count=ended_count)
    return ended_count


def _decode_session_id(global_id: str) -> int | None:
    decoded_id = decode_global_id(global_id)
    return decoded_id[1] if decoded_id and decoded_id[0] == "Session" else None
