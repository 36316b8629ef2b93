"""Table of online employees: one row per process and employee, which expires after `PRESENCE_TTL` unless renewed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.db.columns import text_column
from models.db.conditions import Condition, is_one_of
from models.db.row_query import RowQuery

PRESENCE_TTL: Final = timedelta(seconds=75)  # an employee counts as online for this long after the last renewal


class Presence(Model):
    """An employee with an open socket in a process; when the process dies, the row is no longer renewed."""

    id = fields.IntField(primary_key=True)
    process: str = text_column(40)
    employee_id: int = fields.IntField()
    until: datetime = fields.DatetimeField()

    class Meta:
        table = "presence"
        unique_together = (("process", "employee_id"),)
        indexes = (("employee_id", "until"),)


HEARTBEAT_PROCESS: Final = "heartbeat"  # process name of rows written by the employee's own heartbeats


async def set_online(process: str, employee_ids: Collection[int], now: datetime) -> bool:
    """Set the employees that are online in the process, and remove all others; return whether anything changed."""
    previous_ids = {
        row.employee_id for row in await Presence.filter(process=process, until__gt=now).only("id", "employee_id")
    }
    await _replace_rows(process, employee_ids, now)
    return previous_ids != set(employee_ids)


async def record_heartbeat(employee_id: int, now: datetime) -> bool:
    """Set an employee online because of a heartbeat, with or without a socket; return whether they were offline."""
    was_online = await select_online([employee_id], now).count() > 0
    row = Presence(process=HEARTBEAT_PROCESS, employee_id=employee_id, until=now + PRESENCE_TTL)
    await Presence.bulk_create([row], on_conflict=["process", "employee_id"], update_fields=["until"])
    return not was_online


async def online_until(employee_ids: Sequence[int], now: datetime) -> dict[int, datetime]:
    """Return, for each online employee, the instant at which they go offline unless renewed."""
    until_by_employee: dict[int, datetime] = {}
    for row in await select_online(employee_ids, now).fetch():
        until_by_employee[row.employee_id] = max(row.until, until_by_employee.get(row.employee_id, row.until))
    return until_by_employee


async def _replace_rows(process: str, employee_ids: Collection[int], now: datetime) -> None:
    await Presence.filter(process=process).exclude(employee_id__in=list(employee_ids) or [0]).delete()
    await Presence.filter(until__lt=now - PRESENCE_TTL).delete()
    rows = [
        Presence(process=process, employee_id=employee_id, until=now + PRESENCE_TTL)
        for employee_id in sorted(employee_ids)
    ]
    if rows:
        await Presence.bulk_create(
            rows, on_conflict=["process", "employee_id"], update_fields=["until"], batch_size=200
        )


def select_online(employee_ids: Collection[int], now: datetime) -> RowQuery[Presence]:
    """Return the query for the rows of these employees that have not expired."""
    return RowQuery(Presence, is_one_of("employee_id", set(employee_ids)) & Condition("until > ?", (now,)))
