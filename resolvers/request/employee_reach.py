"""Which of some employees an action reaches, without reading employees that the answer does not depend on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from domain.permissions import Action, Reach
from models.organization.people import Employee
from resolvers.request.context import RequestContext


async def filter_reached(context: RequestContext, action: Action, employee_ids: Iterable[int]) -> Collection[int]:
    """Return the ids of those employees that the action reaches for the viewer."""
    viewer, requested_ids = context.viewer, set(employee_ids)
    match viewer.reach(action):
        case Reach.COMPANY:
            return requested_ids
        case Reach.SELF:
            return requested_ids & {viewer.id}
        case Reach.NONE:
            return set()
    employees = context.loaded_employees
    if viewer.employee is not None:
        employees.setdefault(viewer.employee.id, viewer.employee)
    if not requested_ids <= employees.keys():
        await context.load_for_viewer(_load_employees, frozenset(requested_ids))
    return {id_ for id_ in requested_ids if id_ in employees and viewer.can(action, employees[id_])}


async def _load_employees(context: RequestContext, requests: Sequence[Collection[int]]) -> list[None]:
    """Load the employees of all requests of one tick of the event loop into the context."""
    missing_ids = {id_ for ids in requests for id_ in ids} - context.loaded_employees.keys()
    rows: Sequence[Employee | None] = await context.employees(sorted(missing_ids)) if missing_ids else []
    context.loaded_employees.update((row.id, row) for row in rows if row)
    return [None] * len(requests)
