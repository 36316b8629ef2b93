"""Work time: records heartbeats as work time, posts it to the ledger, and reads it per employee and day.

The displayed work time is exact at each heartbeat. The ledger follows at most once a minute for
each employee; the rest is posted with their next heartbeat, or by the scheduled job
`post_remaining` when no heartbeat follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from domain.analytics.worktime import heartbeat_intervals
from domain.errors.operation_errors import BadInput
from domain.errors.user_errors import Forbidden
from domain.permissions import Action
from domain.primitives.periods import Period
from models.analytics import worktime
from models.analytics.worktime import WorkDay
from models.db import row_store
from models.live import presence
from models.organization.people import Employee
from resolvers.activities.entries import RecordChange
from resolvers.crm.change_effects import apply_effects, compute_effects
from resolvers.request.context import RequestContext
from resolvers.request.periods import PeriodKey, resolve_query_period

_POST_INTERVAL: Final = timedelta(minutes=1)
_BATCH_SIZE: Final = 200
_MAX_DAYS: Final = 10_000  # of all employees loaded together
_SECONDS_PER_HOUR: Final = 3_600


@dataclass(frozen=True)
class DayWorkTime:
    """One day of an employee: the whole seconds worked, as the ledger counts them, and first and last instant of work."""

    date: date
    seconds: int = 0
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None

    @property
    def hours(self) -> float:
        return round(self.seconds / _SECONDS_PER_HOUR, 4)


@dataclass(frozen=True)
class WorkTime:
    """The work time of an employee in a period; `worked_days` are the days with heartbeats, by date."""

    employee: Employee
    period: Period
    worked_days: Mapping[date, DayWorkTime]

    @property
    def total_hours(self) -> float:
        return round(sum(day.seconds for day in self.worked_days.values()) / _SECONDS_PER_HOUR, 4)

    @property
    def days(self) -> list[DayWorkTime]:
        """All days of the period, in order."""
        dates = [self.period.start + timedelta(days=n) for n in range(self.period.days)]
        return [self.worked_days.get(day) or DayWorkTime(day) for day in dates]


async def record_heartbeat(context: RequestContext) -> DayWorkTime:
    """Record that the viewer's client is in use now, by the server's clock; return their day so far."""
    employee = context.viewer.employee
    if employee is None:
        raise Forbidden("A device has no working hours.")
    calendar, today = await context.calendar(), await context.today()
    rows = {row.day: row for row in await worktime.latest_days(employee.id)}
    last_seen = max((row.last_seen_at for row in rows.values()), default=None)
    now = max(context.now(), last_seen) if last_seen else context.now()  # a clock that was set back adds no work time
    for interval in heartbeat_intervals(last_seen, now, idle_limit=context.services.idle_timeout, calendar=calendar):
        row = rows.get(interval.day)
        if row is None:
            row = rows[interval.day] = WorkDay(
                employee_id=employee.id, team_id=employee.team_id or 0, day=interval.day,
                first_seen_at=interval.start, last_seen_at=interval.end,
            )  # fmt: skip
        row.add_interval(interval)
        await row_store.save(row)
    last_posted_at = max((row.counted_at for row in rows.values() if row.counted_at), default=None)
    if last_posted_at is None or now - last_posted_at >= _POST_INTERVAL:
        await _post_work_time(context, list(rows.values()))
    if await presence.record_heartbeat(employee.id, context.now()):
        context.publish("presence")
    today_row = rows.get(today)
    return _day_from_row(today_row) if today_row else DayWorkTime(today)


async def post_remaining(context: RequestContext) -> bool:
    """Post the rest of the work time of employees without recent heartbeats; return whether there may be more."""
    if not await worktime.unposted_days(context.clock() - _POST_INTERVAL, 1):
        return False
    async with context.unit_of_work():
        rows = await worktime.unposted_days(context.now() - _POST_INTERVAL, _BATCH_SIZE)
        await _post_work_time(context, rows)
    return len(rows) == _BATCH_SIZE


async def _post_work_time(context: RequestContext, rows: Sequence[WorkDay]) -> None:
    """Post unposted work time to the ledger, with the same effects as any record change."""
    changes = []
    for row in rows:
        if row.seconds == row.counted:
            continue
        facts_before = row.facts()
        row.counted, row.counted_at = row.seconds, context.now()
        await row_store.save(row, "counted", "counted_at")
        changes.append(RecordChange("WorkDay", row.id, facts_before if facts_before.seconds else None, row.facts()))
    await apply_effects(context, compute_effects(changes))


def _day_from_row(row: WorkDay) -> DayWorkTime:
    return DayWorkTime(row.day, row.seconds, row.first_seen_at, row.last_seen_at)


async def work_time_of(context: RequestContext, employee: Employee, period_key: PeriodKey | None) -> WorkTime | None:
    """Return the work time of an employee; None if the viewer may not see it."""
    if not context.viewer.can(Action.VIEW_WORK_TIME, employee):
        return None
    return await context.load_for_viewer(load_work_times, (employee, period_key))


async def load_work_times(
    context: RequestContext, requests: Sequence[tuple[Employee, PeriodKey | None]]
) -> list[WorkTime]:
    """Load the work time of pairs of employee and period, in their order; each period once for all its employees.

    The permissions have been checked. Raises BadInput for an invalid or too long period.
    """
    results: dict[tuple[Employee, PeriodKey | None], WorkTime] = {}
    for period_key in {period_key for _, period_key in requests}:
        period = await resolve_query_period(context, period_key)
        employees = [employee for employee, other in requests if other == period_key]
        if period.days * len(employees) > _MAX_DAYS:
            raise BadInput("These are more than {most} days: ask for a shorter period.", field="period", most=_MAX_DAYS)
        rows = await context.fetch(
            worktime.select_days({employee.id for employee in employees}, period.start, period.end)
        )
        days_by_employee: dict[int, dict[date, DayWorkTime]] = {employee.id: {} for employee in employees}
        for row in rows:
            days_by_employee[row.employee_id][row.day] = _day_from_row(row)
        for employee in employees:
            results[employee, period_key] = WorkTime(employee, period, days_by_employee[employee.id])
    return [results[request] for request in requests]
