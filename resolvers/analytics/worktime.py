"""Work time: records heartbeats as work time, posts it to the ledger, and reads it per employee and day.

The displayed work time is exact at each heartbeat. The ledger follows at most once a minute for
each employee; the rest is posted with their next heartbeat, or by the scheduled job
`post_remaining` when no heartbeat follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from domain.analytics.worktime import added
from domain.errors.operation_errors import BadInput
from domain.errors.user_errors import Forbidden, Refusal
from domain.permissions import Action
from domain.primitives.periods import Period
from models.analytics import worktime
from models.analytics.worktime import WorkDay
from models.live import presence
from models.organization.people import Employee
from resolvers.activities.entries import Changed
from resolvers.crm.change_effects import record
from resolvers.request.context import Context
from resolvers.request.periods import period as period_of

_POST_EVERY: Final = timedelta(minutes=1)
_AT_ONCE: Final = 200
_MOST_DAYS: Final = 10_000  # of all employees loaded together
_HOUR: Final = 3_600_000_000  # microseconds

Given = tuple[tuple[str, Any], ...]  # a PeriodInput as sorted pairs


@dataclass(frozen=True)
class Day:
    """One day of an employee: time worked in microseconds, and the first and the last instant of work."""

    date: date
    worked: int = 0
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None

    @property
    def hours(self) -> float:
        return round(self.worked / _HOUR, 4)


@dataclass(frozen=True)
class WorkTime:
    employee: Employee
    period: Period
    days: Sequence[Day]

    @property
    def total_hours(self) -> float:
        return round(sum(day.worked for day in self.days) / _HOUR, 4)


async def heartbeat(context: Context) -> Day:
    """Record that the viewer's client is in use now, by the server's clock; return their day so far."""
    employee = context.viewer.employee
    if employee is None:
        raise Forbidden("A device has no working hours.")
    calendar, today = await context.calendar(), await context.today()
    rows = {row.day: row for row in await worktime.last_of(employee.id)}
    last = max((row.last_seen_at for row in rows.values()), default=None)
    now = max(context.now(), last) if last else context.now()  # a clock that was set back adds no work time
    for stretch in added(last, now, idle=context.services.idle, calendar=calendar):
        row = rows.get(stretch.day)
        if row is None:
            row = rows[stretch.day] = WorkDay(
                employee_id=employee.id, team_id=employee.team_id or 0, day=stretch.day,
                first_seen_at=stretch.start, last_seen_at=stretch.end,
            )  # fmt: skip
        row.add(stretch)
        await row.save()
    posted = max((row.counted_at for row in rows.values() if row.counted_at), default=None)
    if posted is None or now - posted >= _POST_EVERY:
        await _post(context, list(rows.values()))
    if await presence.seen(employee.id, context.now()):
        context.announce("presence")
    found = rows.get(today)
    return _day(found) if found else Day(today)


async def catch_up(context: Context) -> bool:
    """Post the rest of the work time of employees without recent heartbeats; return whether there may be more."""
    if not await worktime.left(context.clock() - _POST_EVERY, 1):
        return False
    async with context.unit():
        rows = await worktime.left(context.now() - _POST_EVERY, _AT_ONCE)
        await _post(context, rows)
    return len(rows) == _AT_ONCE


async def _post(context: Context, rows: Sequence[WorkDay]) -> None:
    """Post unposted work time to the ledger, with the same effects as any record change."""
    changes = []
    for row in rows:
        if row.seconds == row.counted:
            continue
        before = row.facts()
        row.counted, row.counted_at = row.seconds, context.now()
        await row.save(update_fields=["counted", "counted_at"])
        changes.append(Changed("WorkDay", row.id, before if before.seconds else None, row.facts()))
    await record(context, changes)


def _day(row: WorkDay) -> Day:
    return Day(row.day, row.worked, row.first_seen_at, row.last_seen_at)


async def of(context: Context, employee: Employee, period: Given | None) -> WorkTime | None:
    """Return the work time of an employee; None if the viewer may not see it."""
    if not context.viewer.may(Action.VIEW_WORK_TIME, employee):
        return None
    return await context.ask(answers, (employee, period))


async def answers(context: Context, asked: Sequence[tuple[Employee, Given | None]]) -> list[WorkTime]:
    """Load the work time of pairs of employee and period, in their order; each period once for all its employees.

    The permissions have been checked. Raises BadInput for an invalid or too long period.
    """
    found: dict[tuple[Employee, Given | None], WorkTime] = {}
    for given in {given for _, given in asked}:
        try:
            period = await period_of(context, dict(given) if given else None, "period")
        except Refusal as refusal:
            raise BadInput(refusal.message, field=".".join(refusal.path)) from refusal
        employees = [employee for employee, its in asked if its == given]
        if period.days * len(employees) > _MOST_DAYS:
            raise BadInput(f"These are more than {_MOST_DAYS} days: ask for a shorter period.", field="period")
        rows = await context.rows(worktime.days_of({employee.id for employee in employees}, period.start, period.end))
        for employee in employees:
            known = {row.day: _day(row) for row in rows if row.employee_id == employee.id}
            every = [period.start + timedelta(days=n) for n in range(period.days)]
            days = [known.get(day, Day(day)) for day in every]
            found[employee, given] = WorkTime(employee, period, days)
    return [found[each] for each in asked]
