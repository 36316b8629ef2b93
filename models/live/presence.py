"""Table of online employees: one row per process and employee, which expires after `PRESENCE_TTL` unless renewed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

HOLDS: Final = timedelta(seconds=75)  # an employee counts as online for this long after the last renewal


class Presence(Model):
    """An employee with an open socket in a process; when the process dies, the row is no longer renewed."""

    id = fields.IntField(primary_key=True)
    process: str = fields.CharField(max_length=40)  # type: ignore[assignment]
    employee_id: int = fields.IntField()
    until: datetime = fields.DatetimeField()

    class Meta:
        table = "presence"
        unique_together = (("process", "employee_id"),)
        indexes = (("employee_id", "until"),)


HEARTBEAT: Final = "heartbeat"  # process name of rows written by the employee's own heartbeats


async def here(process: str, employees: Collection[int], now: datetime) -> bool:
    """Set the employees that are online in the process, and remove all others; return whether anything changed."""
    before: set[Any] = {
        row.employee_id for row in await Presence.filter(process=process, until__gt=now).only("id", "employee_id")
    }
    await _say(process, employees, now)
    return before != set(employees)


async def seen(employee: int, now: datetime) -> bool:
    """Set an employee online because of a heartbeat, with or without a socket; return whether they were offline."""
    was = await of([employee], now).exists()
    row = Presence(process=HEARTBEAT, employee_id=employee, until=now + HOLDS)
    await Presence.bulk_create([row], on_conflict=["process", "employee_id"], update_fields=["until"])
    return not was


async def ends(employees: Sequence[int], now: datetime) -> dict[int, datetime]:
    """Return, for each employee who is online, the instant at which they go offline unless renewed."""
    found: dict[int, datetime] = {}
    for row in await of(employees, now):
        found[row.employee_id] = max(row.until, found.get(row.employee_id, row.until))
    return found


async def _say(process: str, employees: Collection[int], now: datetime) -> None:
    await Presence.filter(process=process).exclude(employee_id__in=list(employees) or [0]).delete()
    await Presence.filter(until__lt=now - HOLDS).delete()
    rows = [Presence(process=process, employee_id=employee, until=now + HOLDS) for employee in sorted(employees)]
    if rows:
        await Presence.bulk_create(
            rows, on_conflict=["process", "employee_id"], update_fields=["until"], batch_size=200
        )


def of(employees: Collection[int], now: datetime) -> QuerySet[Presence]:
    """Return the rows of the employees that have not expired."""
    return Presence.filter(employee_id__in=set(employees), until__gt=now)
