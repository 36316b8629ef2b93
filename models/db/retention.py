"""Retention: deletes expired rows in small batches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from models.db import connection

IDEMPOTENCY_TTL: Final = timedelta(days=30)  # how long an idempotency key replays its first response
_CHANGE_LOG_TTL: Final = timedelta(days=3)
_MIN_CHANGE_LOG_ROWS: Final = 1000  # newest rows of the change log that stay at any age, since listeners read back
_ENDED_SESSION_TTL: Final = timedelta(days=7)
_PRESENCE_TTL: Final = timedelta(hours=1)
_OUTBOX_TTL: Final = timedelta(days=30)
_KNOWN_NETWORK_TTL: Final = timedelta(days=90)
_PASSWORD_LINK_TTL: Final = timedelta(days=7)  # after its end
_PASSWORD_MAIL_TTL: Final = timedelta(days=7)  # of a mail that no server sends
_UNDO_TTL: Final = timedelta(hours=1)  # longer than a change can be taken back
_UNDONE_TTL: Final = timedelta(days=30)  # how long it is told that a change was taken back
PIPELINE_SNAPSHOT_TTL: Final = timedelta(days=14)
REJECTION_TTL: Final = timedelta(days=90)  # after the end of the import; its report stays
_BATCH_SIZE: Final = 500

_SESSION_ENDED: Final = "session.expires_at < ? OR session.revoked_at < ?"
# (table, condition, one age per placeholder); refresh tokens come before the sessions that they refer to
_RETENTION_RULES: Final[tuple[tuple[str, str, tuple[timedelta, ...]], ...]] = (
    ("repeatable_call", "at < ?", (IDEMPOTENCY_TTL,)),
    (
        "refresh_token",
        f"session_id IN (SELECT session.id FROM session WHERE {_SESSION_ENDED})",  # noqa: S608 - no user input
        (_ENDED_SESSION_TTL, _ENDED_SESSION_TTL),
    ),
    (
        "session",
        f"({_SESSION_ENDED}) AND NOT EXISTS (SELECT 1 FROM refresh_token WHERE session_id = session.id)",  # noqa: S608
        (_ENDED_SESSION_TTL, _ENDED_SESSION_TTL),
    ),
    ("presence", "until < ?", (_PRESENCE_TTL,)),
    ("change", f"at < ? AND id <= (SELECT MAX(id) FROM change) - {_MIN_CHANGE_LOG_ROWS}", (_CHANGE_LOG_TTL,)),  # noqa: S608
    ("known_network", "seen_at < ?", (_KNOWN_NETWORK_TTL,)),
    ("password_link", "expires_at < ?", (_PASSWORD_LINK_TTL,)),
    ("password_mail", "requested_at < ?", (_PASSWORD_MAIL_TTL,)),
    ("import_rejection", "job_id IN (SELECT id FROM import_job WHERE finished_at < ?)", (REJECTION_TTL,)),
    ("pipeline_snapshot", "taken_at < ?", (PIPELINE_SNAPSHOT_TTL,)),
    ("undo_record", "recorded_at < ?", (_UNDO_TTL,)),
    ("undone_activity", "undone_at < ?", (_UNDONE_TTL,)),
    ("delivery", "due_at IS NULL AND (sent_at < ? OR dead_at < ?)", (_OUTBOX_TTL, _OUTBOX_TTL)),
)


async def purge_expired(now: datetime) -> bool:
    """Delete a batch of expired rows of each table; return whether there may be more."""
    has_more = False
    for table, condition, ages in _RETENTION_RULES:
        rows = await connection.fetch_rows(
            f"SELECT id FROM {table} WHERE {condition} ORDER BY id LIMIT {_BATCH_SIZE}",  # noqa: S608
            [now - age for age in ages],
        )
        if rows:
            ids = [row["id"] for row in rows]
            await connection.execute(f"DELETE FROM {table} WHERE id IN ({', '.join('?' * len(ids))})", ids)  # noqa: S608
        has_more = has_more or len(rows) == _BATCH_SIZE
    return has_more
