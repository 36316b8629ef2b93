"""What sign-ins leave behind: the networks from which employees have signed in, and unlocks by administrators.

Both let an employee in while others guess their password: a known network counts wrong passwords apart from all
unknown ones, and an unlock begins all counts anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.db import connection
from models.db.columns import foreign_key, text_column

_SEEN_INTERVAL: Final = timedelta(days=1)  # after which the time of a known network is written again


class KnownNetwork(Model):
    """A network from which an employee has signed in."""

    id = fields.BigIntField(primary_key=True)
    employee = foreign_key("Employee")
    employee_id: int
    network: str = text_column(100)
    seen_at: datetime = fields.DatetimeField()

    class Meta:
        table = "known_network"
        unique_together = (("employee_id", "network"),)
        indexes = (("seen_at",),)


class SignInUnlock(Model):
    """The last time at which the sign-in of an employee was unlocked."""

    id = fields.IntField(primary_key=True)
    employee_id: int = fields.IntField(unique=True)
    at: datetime = fields.DatetimeField()

    class Meta:
        table = "sign_in_unlock"


_REMEMBER_SQL: Final = """
INSERT INTO known_network (employee_id, network, seen_at) VALUES (?, ?, ?)
ON CONFLICT (employee_id, network) DO UPDATE SET seen_at = excluded.seen_at WHERE known_network.seen_at < ?
"""
_UNLOCK_SQL: Final = """
INSERT INTO sign_in_unlock (employee_id, at) VALUES (?, ?) ON CONFLICT (employee_id) DO UPDATE SET at = excluded.at
"""


async def remember_network(employee_id: int, network: str, now: datetime) -> None:
    """Store that the employee has signed in from a network."""
    await connection.execute(_REMEMBER_SQL, [employee_id, network, now, now - _SEEN_INTERVAL])


async def unlock(employee_id: int, now: datetime) -> None:
    """Begin the counts of wrong passwords of an employee anew."""
    await connection.execute(_UNLOCK_SQL, [employee_id, now])
