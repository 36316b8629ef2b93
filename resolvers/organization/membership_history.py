"""History of employees from another system: the day on which they left, and the days on which they came to a team.

An administrator changes an employee as of now; an import knows the day. What the employee recorded, their scores and
their earlier teams stay as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from domain.errors.user_errors import Conflict, Invalid, OutOfRange
from domain.primitives.calendar import Calendar
from domain.primitives.global_ids import encode_global_id
from models.db import row_store
from models.organization import membership_history
from models.organization.memberships import Membership
from models.organization.people import Employee
from resolvers.organization import calendar, people
from resolvers.organization.inputs import EmployeeInput
from resolvers.request import validation
from resolvers.request.context import RequestContext

_DAY: Final = timedelta(days=1)
_INSTANT: Final = timedelta(microseconds=1)


async def check_departure(context: RequestContext, left_on: date, joined_on: date | None) -> None:
    """Raise OutOfRange for a last day that is not over, and Invalid for one before the day of joining."""
    validation.clean_day(left_on, "input", "leftOn")
    if left_on >= await context.today():
        raise OutOfRange("This last day is not over: leave it out until the employee has left.", "input", "leftOn")
    if joined_on is not None and left_on < joined_on:
        raise Invalid("The employee left before they joined: check both days.", "input", "leftOn")


async def record_departure(context: RequestContext, employee_id: int, left_on: date) -> Employee | None:
    """Deactivate an employee as of the end of their last day; return them, or None if nothing has changed.

    A departure that is recorded already changes nothing, even if the employee has come back since. Raises Conflict if
    they came back after this day, but had left on another one.
    """
    employee = await row_store.get(Employee, employee_id)
    await check_departure(context, left_on, employee.joined_on)
    company_calendar = await context.calendar()
    memberships = await membership_history.list_memberships(employee.id)
    last_days = _last_days(memberships, company_calendar)
    if left_on in last_days:
        return None
    if employee.active and any(left_on < company_calendar.day_of(row.since) for row in memberships[1:]) and last_days:
        raise Conflict(
            "The employee has come back since, and had left on {day} before: leave this day out.",
            "input",
            "leftOn",
            day=last_days[-1],
        )
    if employee.active:
        deactivation = EmployeeInput(id=encode_global_id("Employee", employee.id), active=False)
        employee = await people.update_employee(context, deactivation)
        memberships = await membership_history.list_memberships(employee.id)
    joined_at = company_calendar.start_of(employee.joined_on) if employee.joined_on else None
    await membership_history.set_departure(memberships, company_calendar.start_of(left_on + _DAY), joined_at)
    await _follow_history(context, employee)
    return employee


def _last_days(memberships: Sequence[Membership], company_calendar: Calendar) -> list[date]:
    """Return the last day before each time in which the employee was not active."""
    return [company_calendar.day_of(row.since - _INSTANT) for row in memberships if not row.active]


async def record_transfer(context: RequestContext, employee_id: int, team_id: int, day: date) -> Employee | None:
    """Let an employee have come to a team at the start of a day; return them, or None if that was recorded already.

    They stay in it until the next change that is known. Raises OutOfRange for a day that lies ahead, and Conflict for
    one on which they were not active.
    """
    context.viewer.require_admin(people.ADMIN_ONLY)
    if validation.clean_day(day, "input", "from") > await context.today():
        raise OutOfRange("This day lies ahead: leave it out until it has come.", "input", "from")
    moment = (await context.calendar()).start_of(day)
    employee = await row_store.get(Employee, employee_id)
    if not await membership_history.was_active(employee.id, moment):
        raise Conflict("The employee had left by this day.", "input", "from")
    team_before = employee.team_id
    if not await membership_history.insert_transfer(employee, team_id, moment):
        return None
    if employee.team_id != team_before:
        await row_store.save(employee, "team_id")
    await _follow_history(context, employee)
    return employee


async def _follow_history(context: RequestContext, employee: Employee) -> None:
    """Publish the change, and bring what depends on the working time of the employee up to date."""
    context.publish("people", f"employee:{employee.id}")
    await calendar.follow_working_time(context, [employee.id])
