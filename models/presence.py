"""Who has a live session right now: kept by each process for the sockets it holds, true for a while at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from tortoise import fields
from tortoise.models import Model

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


async def here(process: str, employees: Collection[int], now: datetime) -> None:
    """Say that these employees are online in the process, and that all others are not any more."""
    await Presence.filter(process=process).exclude(employee_id__in=list(employees) or [0]).delete()
    await Presence.filter(until__lt=now - HOLDS).delete()
    rows = [Presence(process=process, employee_id=employee, until=now + HOLDS) for employee in sorted(employees)]
    if rows:
        await Presence.bulk_create(
            rows, on_conflict=["process", "employee_id"], update_fields=["until"], batch_size=200
        )


async def online(employees: Sequence[int], now: datetime) -> list[bool]:
    """Return for each employee whether he is online."""
    rows = await Presence.filter(employee_id__in=set(employees), until__gt=now).values_list("employee_id", flat=True)
    found: set[Any] = set(rows)
    return [employee in found for employee in employees]
