"""Sessions with their rotating refresh tokens, devices, and idempotency keys.

Secrets are never stored, only the SHA-256 digests of random tokens and argon2 hashes of passwords.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.permissions import DeviceKind
from domain.primitives.json_values import JsonObject
from models.db import connection
from models.db.columns import enum_column, foreign_key, short_text_column, text_column
from models.db.write_batch import BatchedWrite, write_rows

_MAX_LISTED: Final = 100


class Session(Model):
    """A sign-in with its chain of refresh tokens. Using a refresh token again later revokes the session.

    expires_at       when it ends unless it is refreshed before
    active_token_id  the newest refresh token that was issued with an access token that has been used
    """

    id = fields.IntField(primary_key=True)
    employee = foreign_key("Employee")
    employee_id: int
    started_at: datetime = fields.DatetimeField()
    expires_at: datetime = fields.DatetimeField()
    revoked_at: datetime | None = fields.DatetimeField(null=True)
    active_token_id: int | None = fields.IntField(null=True)

    class Meta:
        table = "session"
        indexes = (("employee_id",),)


class RefreshToken(Model):
    """A refresh token, by its digest.

    used_from       the network from which it was first used
    successor_salt  with the token itself it gives the token issued for it, which can so be issued again
    """

    id = fields.IntField(primary_key=True)
    session = foreign_key("Session")
    session_id: int
    digest: str = text_column(64, unique=True)
    used_at: datetime | None = fields.DatetimeField(null=True)
    used_from: str | None = text_column(100, null=True)
    successor_salt: str | None = text_column(64, null=True)

    class Meta:
        table = "refresh_token"


class Device(Model):
    """A wallboard, or an integration that records for employees. `team_id` None means the whole company."""

    id = fields.IntField(primary_key=True)
    name: str = short_text_column()
    kind: DeviceKind = enum_column(DeviceKind)
    team = foreign_key("Team", null=True)
    team_id: int | None
    digest: str = text_column(64, unique=True)
    created_at: datetime = fields.DatetimeField()
    last_seen_at: datetime | None = fields.DatetimeField(null=True)
    revoked_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "device"


class IdempotencyRecord(Model):
    """The saved response of a mutation with an idempotency key; replayed when the key is sent again."""

    id = fields.IntField(primary_key=True)
    actor: str = text_column(40)
    key: str = text_column(200)
    digest: str = text_column(64)  # of the mutation and its input
    answer: JsonObject = fields.JSONField()
    at: datetime = fields.DatetimeField()

    class Meta:
        table = "repeatable_call"
        unique_together = (("actor", "key"),)
        indexes = (("at",),)


async def revoke_sessions(
    employee_id: int, at: datetime, *, session_id: int | None = None, kept_session_id: int | None = None
) -> int:
    """Revoke one session of the employee, or all except `kept_session_id`; return how many."""
    active = Session.filter(employee_id=employee_id, revoked_at=None).exclude(id=kept_session_id or 0)
    return await (active if session_id is None else active.filter(id=session_id)).update(revoked_at=at)


async def belongs_to(session_id: int, employee_id: int) -> bool:
    """Return whether this is a session of the employee, also one that has ended."""
    return await Session.exists(id=session_id, employee_id=employee_id)


async def list_active(employee_id: int, now: datetime) -> list[Session]:
    """Return the newest sessions of the employee that have not ended, newest first."""
    active = Session.filter(employee_id=employee_id, revoked_at=None, expires_at__gt=now)
    return await active.order_by("-id").limit(_MAX_LISTED)


async def use_refresh_token(token_id: int, now: datetime, network: str, successor_salt: str) -> bool:
    """Mark a refresh token as used; return False if it was used before.

    Checked and marked in one UPDATE, so that of two concurrent calls with one token only one returns True.
    """
    unused = RefreshToken.filter(id=token_id, used_at=None)
    return bool(await unused.update(used_at=now, used_from=network, successor_salt=successor_salt))


_ACTIVATE_SQL: Final = "UPDATE session SET active_token_id = ? WHERE id = ? AND COALESCE(active_token_id, 0) < ?"


async def mark_token_active(session_id: int, token_id: int) -> None:
    """Store that an access token issued with this refresh token has been used."""
    await connection.execute(_ACTIVATE_SQL, [token_id, session_id, token_id])


async def find_refresh_token(digest: str) -> RefreshToken | None:
    return await RefreshToken.get_or_none(digest=digest)


async def find_refresh_token_with_employee(digest: str) -> RefreshToken | None:
    """Return a refresh token with its session and the session's employee."""
    return await RefreshToken.get_or_none(digest=digest).select_related("session__employee")


async def get_refresh_token_with_session(token_id: int) -> RefreshToken:
    return await RefreshToken.get(id=token_id).select_related("session")


async def set_expiry(session_id: int, expires_at: datetime) -> None:
    await Session.filter(id=session_id).update(expires_at=expires_at)


async def end_session(session_id: int, at: datetime) -> None:
    """Revoke a session unless it is revoked already."""
    await Session.filter(id=session_id, revoked_at=None).update(revoked_at=at)


async def load_with_employees(session_ids: Collection[int | None]) -> dict[int, Session]:
    """Return sessions with their employees, by id."""
    return {row.id: row for row in await Session.filter(id__in=session_ids).select_related("employee")}


async def load_devices(device_ids: Collection[int]) -> dict[int, Device]:
    return await Device.in_bulk(device_ids, "id")


async def list_devices() -> list[Device]:
    """Return all devices, newest first."""
    return await Device.all().order_by("-id")


_IDEMPOTENCY_RECORD: Final = BatchedWrite(
    "new_idempotency_record",
    {"actor": "VARCHAR", "key": "VARCHAR", "digest": "VARCHAR", "answer": "JSONB", "at": "TIMESTAMPTZ"},
    {
        "added_idempotency_record": """
            INSERT INTO repeatable_call (actor, key, digest, answer, at)
            SELECT actor, key, digest, answer, at FROM new_idempotency_record
        """
    },
)


async def save_idempotency_records(records: Sequence[IdempotencyRecord]) -> None:
    rows = [(record.actor, record.key, record.digest, record.answer, record.at) for record in records]
    await write_rows(_IDEMPOTENCY_RECORD, rows)


async def find_idempotency_record(actor: str, key: str) -> IdempotencyRecord | None:
    return await IdempotencyRecord.get_or_none(actor=actor, key=key)


async def fetch_idempotency_records(actor: str, keys: Collection[str]) -> list[IdempotencyRecord]:
    return await IdempotencyRecord.filter(actor=actor, key__in=list(keys))
