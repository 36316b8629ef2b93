"""Who has a live session right now: kept by each process for the sockets it holds, true for a while at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

HOLDS: Final = timedelta(seconds=75)  # for so long after it was last said, somebody counts as online


class Presence(Model):
    """An employee with an open socket in a process; a process that dies stops saying so."""

    id = fields.IntField(primary_key=True)
    process: str = fields.CharField(max_length=40)  # type: ignore[assignment]
    employee_id: int = fields.IntField()
    until: datetime = fields.DatetimeField()

    class Meta:
        table = "presence"
        unique_together = (("process", "employee_id"),)
        indexes = (("employee_id", "until"),)


HEARTBEAT: Final = "heartbeat"  # in place of a process: who says so himself


async def here(process: str, employees: Collection[int], now: datetime) -> bool:
    """Say that these employees are online in the process, and all others not any more; return whether that is news."""
    before: set[Any] = {
        row.employee_id for row in await Presence.filter(process=process, until__gt=now).only("id", "employee_id")
    }
    await _say(process, employees, now)
    return before != set(employees)


async def seen(employee: int, now: datetime) -> bool:
    """Say that an employee is online, whoever keeps his socket, if any; return whether that is news."""
    was = await of([employee], now).exists()
    row = Presence(process=HEARTBEAT, employee_id=employee, until=now + HOLDS)
    await Presence.bulk_create([row], on_conflict=["process", "employee_id"], update_fields=["until"])
    return not was


async def ends(employees: Sequence[int], now: datetime) -> dict[int, datetime]:
    """Return until when each of those who are online counts as such unless it is said again."""
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
    """Return what says that some of the employees are online."""
    return Presence.filter(employee_id__in=set(employees), until__gt=now)
