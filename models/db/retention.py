"""Retention: deletes expired rows in small batches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from models.db import connection

REPEATABLE: Final = timedelta(days=3)  # how long an idempotency key replays its first response
_LOG: Final = timedelta(days=3)
_LOG_KEPT: Final = 1000  # newest rows of the change log that stay at any age, since listeners read back
_SIGNED_OUT: Final = timedelta(days=7)
_PRESENCE: Final = timedelta(hours=1)
_OUTBOX: Final = timedelta(days=30)
_AT_ONCE: Final = 500

_OVER: Final = "session.expires_at < ? OR session.revoked_at < ?"
# (table, condition, one age per placeholder); refresh tokens come before the sessions that they refer to
_SWEEPS: Final[tuple[tuple[str, str, tuple[timedelta, ...]], ...]] = (
    ("repeatable_call", "at < ?", (REPEATABLE,)),
    (
        "refresh_token",
        f"session_id IN (SELECT session.id FROM session WHERE {_OVER})",  # noqa: S608 - no user input
        (_SIGNED_OUT, _SIGNED_OUT),
    ),
    (
        "session",
        f"({_OVER}) AND NOT EXISTS (SELECT 1 FROM refresh_token WHERE session_id = session.id)",  # noqa: S608
        (_SIGNED_OUT, _SIGNED_OUT),
    ),
    ("presence", "until < ?", (_PRESENCE,)),
    ("change", f"at < ? AND id <= (SELECT MAX(id) FROM change) - {_LOG_KEPT}", (_LOG,)),  # noqa: S608
    ("delivery", "due_at IS NULL AND (sent_at < ? OR dead_at < ?)", (_OUTBOX, _OUTBOX)),
)


async def sweep(now: datetime) -> bool:
    """Delete a batch of expired rows of each table; return whether there may be more."""
    more = False
    for table, condition, ages in _SWEEPS:
        found = await connection.rows(
            f"SELECT id FROM {table} WHERE {condition} ORDER BY id LIMIT {_AT_ONCE}",  # noqa: S608
            [now - age for age in ages],
        )
        if found:
            ids = [row["id"] for row in found]
            await connection.execute(f"DELETE FROM {table} WHERE id IN ({', '.join('?' * len(ids))})", ids)  # noqa: S608
        more = more or len(found) == _AT_ONCE
    return more
