"""Leases in the database: read, acquire or renew, release; `LeaseHolder` decides when one has expired.

The holder increments a heartbeat counter. A process that sees the same counter for long enough, by
its own monotonic clock, takes the lease over; no clocks of different machines are compared.
The statements that every process repeats all the time are plain SQL, because building them with the
ORM costs more than running them.
"""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model

from models.db import connection
from models.db.columns import text_column


class Lease(Model):
    name: str = text_column(40, primary_key=True)
    holder: str = text_column(40, default="")  # "" if released
    beat: int = fields.BigIntField(default=0)

    class Meta:
        table = "lease"


async def read(name: str) -> tuple[str, int]:
    """Return the holder of the lease and its last heartbeat; create the lease, without holder, if missing."""
    rows = await connection.fetch_rows("SELECT holder, beat FROM lease WHERE name = ?", [name])
    if not rows:
        await Lease.bulk_create([Lease(name=name)], ignore_conflicts=True)
        return "", 0
    return rows[0]["holder"], rows[0]["beat"]


async def acquire(name: str, holder: str, heartbeat: int) -> bool:
    """Acquire or renew the lease if its heartbeat is unchanged; return whether that succeeded."""
    sql = "UPDATE lease SET holder = ?, beat = beat + 1 WHERE name = ? AND beat = ? RETURNING beat"
    return bool(await connection.fetch_rows(sql, [holder, name, heartbeat]))


async def release(name: str, holder: str) -> None:
    """Release the lease, so that another process need not wait for it to expire."""
    await Lease.filter(name=name, holder=holder).update(holder="")
