"""Scopes: an employee, a team with all teams below it, or the whole company; how arguments are resolved to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from domain.errors.operation_errors import ResourceNotFound
from domain.permissions import Action, Reach
from domain.primitives.global_ids import decode_global_id, parse_external_id
from models.db import row_store
from models.db.row_query import Condition, RowQuery
from models.db.row_store import TableRow
from models.goals.goals import OwnerKind
from models.organization import employee_conditions
from models.organization.company import Company
from models.organization.people import Employee, Team, TeamSpan
from resolvers.request.context import Context

Row = TypeVar("Row", bound=TableRow)


@dataclass(frozen=True)
class Scope:
    """An employee, a team or the company, with its row. The company has id 0, as it does as owner of goals."""

    kind: OwnerKind
    id: int
    row: Company | Team | Employee

    @property
    def employee(self) -> Employee | None:
        """The employee of an employee's scope; None for a team and the company."""
        return self.row if isinstance(self.row, Employee) else None

    def team_ids(self, context: Context) -> frozenset[int] | None:
        """Return the ids of a team and all teams below it; None for the company and employees."""
        return context.tree.subtree_ids(self.id) if self.kind is OwnerKind.TEAM else None

    def team_spans(self, context: Context, first_day: date, last_day: date) -> tuple[TeamSpan, ...] | None:
        """Return a team and all teams below it on each of the days; None for the company and employees."""
        return context.tree.subtree_spans(self.id, first_day, last_day) if self.kind is OwnerKind.TEAM else None


async def company_scope(context: Context) -> Scope:
    return Scope(OwnerKind.COMPANY, 0, await context.company())


async def find_scope(context: Context, global_id: str) -> Scope | None:
    """Return the scope with a global id or an "ext:" id, without checking permissions; None if there is none."""
    if external_id := parse_external_id(global_id):
        employee = await row_store.find_by_external_id(Employee, external_id)
        return Scope(OwnerKind.EMPLOYEE, employee.id, employee) if employee else None
    match decode_global_id(global_id):
        case "Company", 1:
            return await company_scope(context)
        case "Team", row_id if row_id in context.tree.teams:
            return Scope(OwnerKind.TEAM, row_id, context.tree.teams[row_id])
        case "Employee", row_id:
            row = await row_store.find(Employee, row_id)
            return Scope(OwnerKind.EMPLOYEE, row_id, row) if row else None
    return None


def can_see(context: Context, scope: Scope) -> bool:
    """Return whether the viewer may know that the employee or team exists; the company is visible to all viewers."""
    if isinstance(scope.row, Employee):
        return context.viewer.can(Action.VIEW_PEOPLE, scope.row)
    return scope.kind is OwnerKind.COMPANY or scope.id in context.viewer.visible_team_ids


def can_act_on(context: Context, action: Action, scope: Scope) -> bool:
    """Return whether the action reaches the whole scope."""
    return context.viewer.can_in_scope(action, scope.kind, scope.id, scope.employee)


async def leaderboard_scope(context: Context, global_id: str | None, action: Action = Action.VIEW_LEADERBOARD) -> Scope:
    """Return the scope of a leaderboard or of wins, by default the company.

    Raises ResourceNotFound if the action does not reach the scope.
    """
    scope = await find_scope(context, global_id) if global_id is not None else await _default_leaderboard_scope(context)
    if scope is None or not can_act_on(context, action, scope):
        raise scope_not_found()
    return scope


async def _default_leaderboard_scope(context: Context) -> Scope | None:
    """Return the company, or the team of a device that belongs to one."""
    device = context.viewer.device
    if device is not None and device.team_id is not None:
        return Scope(OwnerKind.TEAM, device.team_id, context.tree.teams[device.team_id])
    return await company_scope(context)


async def widest_scope(context: Context, action: Action) -> Scope | None:
    """Return the widest single scope that the action reaches, if any: company, first managed team or the viewer."""
    viewer = context.viewer
    match viewer.reach(action):
        case Reach.COMPANY:
            return await company_scope(context)
        case Reach.SCOPE if viewer.device and viewer.device.team_id:
            return Scope(OwnerKind.TEAM, viewer.device.team_id, context.tree.teams[viewer.device.team_id])
        case Reach.NONE:
            return None
    for team_id in context.tree.team_ids_managed_by(viewer.id or 0):
        return Scope(OwnerKind.TEAM, team_id, context.tree.teams[team_id])
    return Scope(OwnerKind.EMPLOYEE, viewer.employee.id, viewer.employee) if viewer.employee else None


ScopeArgument = Scope | str | None  # a scope, its global id, or None for the widest one


async def resolve_scope(context: Context, scope_argument: ScopeArgument, action: Action) -> Scope | None:
    """Return the scope of an argument, without checking permissions; for None the widest that the action reaches."""
    if isinstance(scope_argument, Scope):
        return scope_argument
    return (
        await find_scope(context, scope_argument) if scope_argument is not None else await widest_scope(context, action)
    )


async def require_scope(context: Context, scope_argument: ScopeArgument, action: Action) -> Scope:
    """Return the scope of an argument. Raises ResourceNotFound unless the action reaches the whole scope."""
    scope = await resolve_scope(context, scope_argument, action)
    if scope is None or not can_act_on(context, action, scope):
        raise scope_not_found()
    return scope


def scope_not_found() -> ResourceNotFound:
    return ResourceNotFound("There is no such scope: give the id of a team, an employee or the company.", field="scope")


async def filter_records_in_scope(
    context: Context, query: RowQuery[Row], field: str, scope_argument: ScopeArgument
) -> RowQuery[Row]:
    """Filter records by scope and by permission to see the employee in `field`."""
    scope = await resolve_scope(context, scope_argument, Action.VIEW_CARD)
    if scope is None:
        return query.none()
    return query.where(context.viewer.scope_filter(Action.VIEW_CARD, field)).where(owner_filter(context, scope, field))


def owner_filter(context: Context, scope: Scope, field: str) -> Condition:
    """Return the filter for rows with an employee of the scope in `field`."""
    match scope.kind:
        case OwnerKind.EMPLOYEE:
            return employee_conditions.match_employee(field, scope.id)
        case OwnerKind.TEAM:
            return employee_conditions.match_members(field, context.tree.subtree_ids(scope.id))
    return employee_conditions.match_any()


def get_owner_row(
    context: Context, kind: OwnerKind, owner_id: int, employee: Any, company: Company
) -> Company | Team | Employee:
    """Return the row of a goal's owner by kind and id: the given employee, a team of the tree, or the company."""
    if kind is OwnerKind.EMPLOYEE:
        return employee  # type: ignore[no-any-return]
    return context.tree.teams[owner_id] if kind is OwnerKind.TEAM else company
