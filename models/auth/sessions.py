"""Sessions with their rotating refresh tokens, devices, and idempotency keys.

Secrets are never stored, only the SHA-256 digests of random tokens and argon2 hashes of passwords.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.models import Model

from domain.permissions import DeviceKind
from models.db.columns import enum_column, foreign_key, short_text_column


class Session(Model):
    """A sign-in with its chain of refresh tokens. Using a refresh token twice revokes the session."""

    id = fields.IntField(primary_key=True)
    employee = foreign_key("Employee")
    employee_id: int
    started_at: datetime = fields.DatetimeField()
    expires_at: datetime = fields.DatetimeField()
    revoked_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "session"
        indexes = (("employee_id",),)


class RefreshToken(Model):
    id = fields.IntField(primary_key=True)
    session = foreign_key("Session")
    session_id: int
    digest: str = fields.CharField(max_length=64, unique=True)  # type: ignore[assignment]
    used_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "refresh_token"


class Device(Model):
    """A wallboard, or an integration that records for employees. `team_id` None means the whole company."""

    id = fields.IntField(primary_key=True)
    name: str = short_text_column()
    kind: DeviceKind = enum_column(DeviceKind)
    team = foreign_key("Team", null=True)
    team_id: int | None
    digest: str = fields.CharField(max_length=64, unique=True)  # type: ignore[assignment]
    created_at: datetime = fields.DatetimeField()
    last_seen_at: datetime | None = fields.DatetimeField(null=True)
    revoked_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "device"


class IdempotencyRecord(Model):
    """The saved response of a mutation with an idempotency key; replayed when the key is sent again."""

    id = fields.IntField(primary_key=True)
    actor: str = fields.CharField(max_length=40)  # type: ignore[assignment]
    key: str = fields.CharField(max_length=200)  # type: ignore[assignment]
    digest: str = fields.CharField(max_length=64)  # type: ignore[assignment]  # of the mutation and its input
    answer: dict[str, Any] = fields.JSONField()
    at: datetime = fields.DatetimeField()

    class Meta:
        table = "repeatable_call"
        unique_together = (("actor", "key"),)
        indexes = (("at",),)


async def revoke_sessions(employee_id: int, at: datetime, *, kept_session_id: int | None = None) -> None:
    """Revoke the employee's sessions, except `kept_session_id`."""
    await (
        Session.filter(employee_id=employee_id, revoked_at=None).exclude(id=kept_session_id or 0).update(revoked_at=at)
    )
