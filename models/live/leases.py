"""Leases: which process does what only one of them should do at a time.

A holder raises `beat` again and again. Who sees the same beat for long enough, by his own
clock, takes the lease over; so clocks that differ between machines do no harm. What every
process asks all the time is plain SQL: put together anew, a query costs more than to run it.
"""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model

from models.db import connection


class Lease(Model):
    name: str = fields.CharField(max_length=40, primary_key=True)  # type: ignore[assignment]
    holder: str = fields.CharField(max_length=40, default="")  # type: ignore[assignment]  # "": nobody
    beat: int = fields.BigIntField(default=0)

    class Meta:
        table = "lease"


async def seen(name: str) -> tuple[str, int]:
    """Return who holds the lease and his last beat; nobody has held a new one."""
    found = await connection.rows("SELECT holder, beat FROM lease WHERE name = ?", [name])
    if not found:
        await Lease.bulk_create([Lease(name=name)], ignore_conflicts=True)
        return "", 0
    return found[0]["holder"], found[0]["beat"]


async def take(name: str, holder: str, beat: int) -> bool:
    """Take or keep the lease, if its beat is still that one."""
    sql = "UPDATE lease SET holder = ?, beat = beat + 1 WHERE name = ? AND beat = ? RETURNING beat"
    return bool(await connection.rows(sql, [holder, name, beat]))


async def release(name: str, holder: str) -> None:
    """Give the lease back, so that another need not wait."""
    await Lease.filter(name=name, holder=holder).update(holder="")
