"""Absences of employees: set, change, remove and list them, as far as the viewer may."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, OutOfRange, Required
from domain.messages import gettext_noop
from domain.permissions import Action, Reach
from domain.primitives.global_ids import decode_global_id
from models.alerts import inactivity
from models.db import row_store
from models.organization import absences
from models.organization.absences import Absence
from models.organization.people import Employee
from resolvers.organization import calendar
from resolvers.organization.inputs import AbsenceInput
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import IdResolver

_MAX_DAYS = 1100  # three years of parental leave
_FORBIDDEN = gettext_noop("Absences are set by who stands above the employee; your own only if the company allows it.")


async def set_absence(context: RequestContext, input: AbsenceInput) -> Absence:
    """Set an absence, or change the one with the `id` or `externalId`. An identical repeat changes nothing."""
    return (await save_absence(context, input))[0]


async def save_absence(
    context: RequestContext, input: AbsenceInput, *, matches_first_day: bool = False
) -> tuple[Absence, Literal["new", "changed", "unchanged"]]:
    """Do the same, and return what has become of the absence, too.

    matches_first_day  an absence of the employee that begins on the same day is the same one, and keeps its externalId:
                       for an import without ids, in which the last day has changed
    """
    external_id = validation.clean_external_id(input.external_id, "input", "externalId")
    existing = await _find_existing(context, input.id, external_id)
    employee = await _resolve_employee(context, input, existing)
    if existing is None and matches_first_day:
        existing = await absences.find_starting(employee.id, validation.clean_day(input.first_day, "input", "from"))
        external_id = existing.external_id if existing else external_id
    absence = existing or Absence(employee_id=employee.id, created_by_id=context.viewer.id, created_at=context.now())
    before = _values_of(existing)
    absence.external_id = external_id or absence.external_id
    absence.first_day, absence.last_day = _clean_days(input)
    absence.kind = input.kind
    if _values_of(absence) == before:
        return absence, "unchanged"
    overlapping = await absences.find_overlapping(absence)
    if overlapping is not None:
        absence.external_id = external_id or overlapping.external_id
        if existing is None and _values_of(absence) == _values_of(overlapping):
            return overlapping, "unchanged"
        raise Conflict(
            "This overlaps the absence from {first} to {last}: change that one.",
            "input",
            "from",
            first=overlapping.first_day,
            last=overlapping.last_day,
        )
    await row_store.save(absence)
    await _apply_change(context, employee.id)
    return absence, "new" if existing is None else "changed"


async def remove_absence(context: RequestContext, global_id: str) -> Employee:
    """Remove an absence and return its employee."""
    absence = await _find_visible(context, global_id, "id")
    employee = await row_store.get(Employee, absence.employee_id)
    await _check_permission(context, employee, "id")
    await row_store.delete(absence)
    await _apply_change(context, employee.id)
    return employee


def _values_of(absence: Absence | None) -> object:
    """Return what `setAbsence` can change of an absence."""
    return absence and (absence.external_id, absence.first_day, absence.last_day, absence.kind)


async def _find_existing(context: RequestContext, global_id: str | None, external_id: str | None) -> Absence | None:
    """Return the absence that an input with `id` or `externalId` changes; None if it sets a new one."""
    same_external_id = await row_store.find_by_external_id(Absence, external_id) if external_id else None
    if global_id is None:
        if same_external_id is not None and not await _can_see(context, same_external_id):
            raise Conflict("This externalId is taken by a record out of your reach.", "input", "externalId")
        return same_external_id
    absence = await _find_visible(context, global_id, "input", "id")
    if same_external_id is not None and same_external_id.id != absence.id:
        raise Conflict("Another absence has this externalId: leave it out, or give its `id`.", "input", "externalId")
    return absence


async def _find_visible(context: RequestContext, global_id: str, *path: str) -> Absence:
    decoded_id = decode_global_id(global_id)
    absence = await row_store.find(Absence, decoded_id[1]) if decoded_id and decoded_id[0] == "Absence" else None
    if absence is None or not await _can_see(context, absence):
        raise NotFound("There is no such absence.", *path)
    return absence


async def _can_see(context: RequestContext, absence: Absence) -> bool:
    return context.viewer.can(Action.VIEW_WORK_TIME, await row_store.get(Employee, absence.employee_id))


async def _resolve_employee(context: RequestContext, input: AbsenceInput, absence: Absence | None) -> Employee:
    """Return the employee of the absence: the one in the input, else that of an existing absence, else the viewer."""
    path = ("input", "employee")
    if input.employee is not None:
        resolver = IdResolver(context)
        await resolver.load_by_global_ids("Employee", [input.employee])
        employee = resolver.resolve_employee(input.employee, *path)
    elif absence is not None:
        employee = await row_store.get(Employee, absence.employee_id)
    elif context.viewer.employee is not None:
        employee = context.viewer.employee
    else:
        raise Required("Name the employee: a device has no absences of its own.", *path)
    if absence is not None and absence.employee_id != employee.id:
        raise Conflict("An absence stays with its employee: remove it, and set another one.", *path)
    await _check_permission(context, employee, *path)
    return employee


async def _check_permission(context: RequestContext, employee: Employee, *path: str) -> None:
    viewer = context.viewer
    is_allowed = viewer.can(Action.SET_ABSENCES, employee) and (
        employee.id != viewer.id
        or viewer.reach(Action.SET_ABSENCES) is Reach.COMPANY
        or (await context.company()).employees_set_absences
    )
    if not is_allowed:
        raise Forbidden(_FORBIDDEN, *path)


def _clean_days(input: AbsenceInput) -> tuple[date, date]:
    first = validation.clean_day(input.first_day, "input", "from")
    last = validation.clean_day(input.last_day, "input", "to")
    if last < first:
        raise Invalid("The absence ends before it begins: swap `from` and `to`.", "input", "to")
    if (last - first).days >= _MAX_DAYS:
        raise OutOfRange("An absence has at most {days} days: bring `to` nearer.", "input", "to", days=_MAX_DAYS)
    return first, last


async def _apply_change(context: RequestContext, employee_id: int) -> None:
    """Publish the change, and bring what depends on the working time of the employee up to date."""
    context.publish("absences")
    await inactivity.reschedule({employee_id: context.now()})
    await calendar.follow_working_time(context, [employee_id])


async def absences_of(context: RequestContext, employees: Sequence[Employee]) -> list[list[Absence]]:
    """Return the absences of each employee, by first day; none where the viewer may not see the work time."""
    visible_ids = {row.id for row in employees if context.viewer.can(Action.VIEW_WORK_TIME, row)}
    rows_by_employee: dict[int, list[Absence]] = {}
    for row in await absences.load_of_employees(visible_ids) if visible_ids else ():
        rows_by_employee.setdefault(row.employee_id, []).append(row)
    return [rows_by_employee.get(row.id, []) for row in employees]
