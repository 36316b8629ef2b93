"""Scopes: an employee, a team with all teams below it, or the whole company; how arguments are resolved to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.errors.operation_errors import NotFound
from domain.permissions import Action, Reach
from domain.primitives.global_ids import decoded, external
from models.goals.goals import OwnerKind
from models.organization.company import Company
from models.organization.people import Employee, Team
from resolvers.request.context import Context
from resolvers.request.viewer import holds

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Scope:
    """An employee, a team or the company, with its row. The company has id 0, as it does as owner of goals."""

    kind: OwnerKind
    number: int
    row: Company | Team | Employee

    def teams(self, context: Context) -> frozenset[int] | None:
        """Return the ids of a team and all teams below it; None for the company and employees."""
        return context.tree.below(self.number) if self.kind is OwnerKind.TEAM else None


async def whole(context: Context) -> Scope:
    return Scope(OwnerKind.COMPANY, 0, await context.company())


async def find(context: Context, id_: str) -> Scope | None:
    """Return the scope with a global id or an "ext:" id, without checking permissions; None if there is none."""
    if found := external(id_):
        employee = await Employee.get_or_none(external_id=found)
        return Scope(OwnerKind.EMPLOYEE, employee.id, employee) if employee else None
    match decoded(id_):
        case "Company", 1:
            return await whole(context)
        case "Team", number if number in context.tree.teams:
            return Scope(OwnerKind.TEAM, number, context.tree.teams[number])
        case "Employee", number:
            row = await Employee.get_or_none(id=number)
            return Scope(OwnerKind.EMPLOYEE, number, row) if row else None
    return None


def sees(context: Context, scope: Scope) -> bool:
    """Return whether the viewer may know that the employee or team exists; the company is visible to all viewers."""
    if isinstance(scope.row, Employee):
        return context.viewer.may(Action.VIEW_PEOPLE, scope.row)
    return scope.kind is OwnerKind.COMPANY or scope.number in context.viewer.teams


def reaches(context: Context, action: Action, scope: Scope) -> bool:
    """Return whether the action reaches the whole scope."""
    viewer = context.viewer
    if isinstance(scope.row, Employee):
        return viewer.may(action, scope.row)
    return viewer.may_company(action) if scope.kind is OwnerKind.COMPANY else viewer.may_team(action, scope.number)


async def for_board(context: Context, id_: str | None, action: Action = Action.VIEW_BOARD) -> Scope:
    """Return the scope of a leaderboard or of wins, by default the company.

    Raises ResourceNotFound if the action does not reach the scope.
    """
    scope = await find(context, id_) if id_ is not None else await _board_at_large(context)
    if scope is None or not reaches(context, action, scope):
        raise _no_such_scope()
    return scope


async def _board_at_large(context: Context) -> Scope | None:
    """Return the company, or the team of a device that belongs to one."""
    device = context.viewer.device
    if device is not None and device.team_id is not None:
        return Scope(OwnerKind.TEAM, device.team_id, context.tree.teams[device.team_id])
    return await whole(context)


async def widest(context: Context, action: Action) -> Scope | None:
    """Return the widest single scope that the action reaches, if any: company, first managed team or the viewer."""
    viewer = context.viewer
    match viewer.reach(action):
        case Reach.COMPANY:
            return await whole(context)
        case Reach.SCOPE if viewer.device and viewer.device.team_id:
            return Scope(OwnerKind.TEAM, viewer.device.team_id, context.tree.teams[viewer.device.team_id])
        case Reach.NONE:
            return None
    for team in context.tree.managed_by(viewer.id or 0):
        return Scope(OwnerKind.TEAM, team, context.tree.teams[team])
    return Scope(OwnerKind.EMPLOYEE, viewer.employee.id, viewer.employee) if viewer.employee else None


Asked = Scope | str | None  # a scope, its global id, or None for the widest one


async def asked_for(context: Context, asked: Asked, action: Action) -> Scope | None:
    """Return the scope of an argument, without checking permissions; for None the widest that the action reaches."""
    if isinstance(asked, Scope):
        return asked
    return await find(context, asked) if asked is not None else await widest(context, action)


async def within_reach(context: Context, asked: Asked, action: Action) -> Scope:
    """Return the scope of an argument. Raises ResourceNotFound unless the action reaches the whole scope."""
    scope = await asked_for(context, asked, action)
    if scope is None or not reaches(context, action, scope):
        raise _no_such_scope()
    return scope


def _no_such_scope() -> NotFound:
    return NotFound("There is no such scope: give the id of a team, an employee or the company.", field="scope")


async def records_within(context: Context, query: QuerySet[Row], field: str, asked: Asked) -> QuerySet[Row]:
    """Filter records by scope and by permission to see the employee in `field`."""
    scope = await asked_for(context, asked, Action.VIEW_CARD)
    if scope is None:
        return query.filter(id=0)
    return query.filter(context.viewer.within(Action.VIEW_CARD, field)).filter(of(context, scope, field))


def of(context: Context, scope: Scope, field: str) -> Q:
    """Return the filter for rows whose employee in `field` belongs to the scope."""
    match scope.kind:
        case OwnerKind.EMPLOYEE:
            return holds(f"{field}_id", scope.number)
        case OwnerKind.TEAM:
            return holds(f"{field}__team_id__in", list(context.tree.below(scope.number)))
    return Q()


def owner(context: Context, kind: OwnerKind, number: int, employee: Any, company: Company) -> Company | Team | Employee:
    """Return the row of a goal's owner by kind and id: the given employee, a team of the tree, or the company."""
    if kind is OwnerKind.EMPLOYEE:
        return employee  # type: ignore[no-any-return]
    return context.tree.teams[number] if kind is OwnerKind.TEAM else company
