"""Leases: which process does what only one of them should do at a time.

A holder raises `beat` again and again. Who sees the same beat for long enough, by his own
clock, takes the lease over; so clocks that differ between machines do no harm.
"""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Lease(Model):
    name: str = fields.CharField(max_length=40, primary_key=True)  # type: ignore[assignment]
    holder: str = fields.CharField(max_length=40, default="")  # type: ignore[assignment]  # "": nobody
    beat: int = fields.BigIntField(default=0)

    class Meta:
        table = "lease"


async def seen(name: str) -> tuple[str, int]:
    """Return who holds the lease and his last beat; nobody has held a new one."""
    row = await Lease.get_or_none(name=name)
    if row is None:
        await Lease.bulk_create([Lease(name=name)], ignore_conflicts=True)
        return "", 0
    return row.holder, row.beat


async def take(name: str, holder: str, beat: int) -> bool:
    """Take or keep the lease, if its beat is still that one."""
    return bool(await Lease.filter(name=name, beat=beat).update(holder=holder, beat=beat + 1))


async def release(name: str, holder: str) -> None:
    """Give the lease back, so that another need not wait."""
    await Lease.filter(name=name, holder=holder).update(holder="")
