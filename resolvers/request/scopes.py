"""Scopes: an employee, a team with all teams below it, or the whole company; how arguments are resolved to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from domain.errors.operation_errors import ResourceNotFound
from domain.permissions import Action, Reach
from domain.primitives.global_ids import decode_global_id, parse_external_id
from models.db import row_store
from models.db.row_query import RowQuery
from models.db.row_store import TableRow
from models.organization.company import Company
from models.organization.people import Employee, Team, TeamSpan
from models.organization.scope_groups import list_groups as list_group_keys
from models.organization.scope_queries import find_kind
from models.organization.scopes import COMPANY, OwnerKind, ScopeKey, ScopeRow, by_kind, key_of_row
from resolvers.request.context import RequestContext

Row = TypeVar("Row", bound=TableRow)


@dataclass(frozen=True)
class Scope:
    """An employee, a team or the company: its key and its row. The company has id 0, as it does as owner of goals."""

    key: ScopeKey
    row: ScopeRow

    @staticmethod
    def of_row(row: ScopeRow) -> Scope:
        return Scope(key_of_row(row), row)

    @property
    def kind(self) -> OwnerKind:
        return self.key.kind

    @property
    def id(self) -> int:
        return self.key.id

    @property
    def employee(self) -> Employee | None:
        """The employee of an employee's scope; None for a team and the company."""
        return self.row if isinstance(self.row, Employee) else None

    def team_ids(self, context: RequestContext) -> frozenset[int] | None:
        """Return the ids of a team and all teams below it; None for the company and employees."""
        return self.key.team_ids(context.tree)

    def team_spans(self, context: RequestContext, first_day: date, last_day: date) -> tuple[TeamSpan, ...] | None:
        """Return a team and all teams below it on each of the days; None for the company and employees."""
        return self.key.team_spans(context.tree, first_day, last_day)


async def company_scope(context: RequestContext) -> Scope:
    return Scope(COMPANY, await context.company())


async def find_scope(context: RequestContext, global_id: str) -> Scope | None:
    """Return the scope with a global id or an "ext:" id, without checking permissions; None if there is none."""
    if external_id := parse_external_id(global_id):
        employee = await row_store.find_by_external_id(Employee, external_id)
        return Scope.of_row(employee) if employee else None
    type_name, row_id = decode_global_id(global_id) or ("", 0)
    scope_kind = find_kind(type_name)
    row = None if scope_kind is None else (await _load_rows(context, scope_kind.row_class, {row_id})).get(row_id)
    return None if row is None else Scope.of_row(row)


async def _load_rows(
    context: RequestContext, row_class: type[ScopeRow], ids: Collection[int]
) -> Mapping[int, ScopeRow]:
    """Return the rows of scopes of a kind by their ids; a row that does not exist is missing."""
    if row_class is Company:
        company = await context.company()
        return {company.id: company}
    if row_class is Team:
        return context.tree.teams
    if row_class is Employee:
        return {row.id: row for row in await context.employees(sorted(ids)) if row}
    return {row.id: row for row in await row_store.fetch(row_class, ids)}


def can_see(context: RequestContext, scope: Scope) -> bool:
    """Return whether the viewer may know that the employee or team exists; the company is visible to all viewers."""
    if scope.employee is not None:
        return context.viewer.can(Action.VIEW_PEOPLE, scope.employee)
    team_ids = scope.team_ids(context)
    return team_ids is None or team_ids <= context.viewer.visible_team_ids


def can_act_on(context: RequestContext, action: Action, scope: Scope) -> bool:
    """Return whether the action reaches the whole scope."""
    return context.viewer.can_in_scope(action, scope.key, scope.employee)


async def leaderboard_scope(
    context: RequestContext, global_id: str | None, action: Action = Action.VIEW_LEADERBOARD
) -> Scope:
    """Return the scope of a leaderboard or of wins, by default the company.

    Raises ResourceNotFound if the action does not reach the scope.
    """
    scope = await find_scope(context, global_id) if global_id is not None else await _default_leaderboard_scope(context)
    if scope is None or not can_act_on(context, action, scope):
        raise scope_not_found()
    return scope


async def _default_leaderboard_scope(context: RequestContext) -> Scope:
    """Return the company, or the team of a device that belongs to one."""
    device = context.viewer.device
    if device is not None and device.team_id is not None:
        return Scope.of_row(context.tree.teams[device.team_id])
    return await company_scope(context)


async def widest_scope(context: RequestContext, action: Action) -> Scope | None:
    """Return the widest single scope that the action reaches, if any: company, first managed team or the viewer."""
    viewer = context.viewer
    match viewer.reach(action):
        case Reach.COMPANY:
            return await company_scope(context)
        case Reach.SCOPE if viewer.device and viewer.device.team_id:
            return Scope.of_row(context.tree.teams[viewer.device.team_id])
        case Reach.NONE:
            return None
    for team_id in context.tree.team_ids_managed_by(viewer.id or 0):
        return Scope.of_row(context.tree.teams[team_id])
    return Scope.of_row(viewer.employee) if viewer.employee else None


async def viewer_scope(context: RequestContext) -> Scope:
    """Return the widest scope the viewer reads; of a device the team or company it belongs to."""
    scope = None if context.viewer.device else await widest_scope(context, Action.VIEW_CARD)
    return scope or await _default_leaderboard_scope(context)


ScopeArgument = Scope | str | None  # a scope, its global id, or None for the widest one


async def resolve_scope(context: RequestContext, scope_argument: ScopeArgument, action: Action) -> Scope | None:
    """Return the scope of an argument, without checking permissions; for None the widest that the action reaches."""
    if isinstance(scope_argument, Scope):
        return scope_argument
    return (
        await find_scope(context, scope_argument) if scope_argument is not None else await widest_scope(context, action)
    )


async def require_scope(context: RequestContext, scope_argument: ScopeArgument, action: Action) -> Scope:
    """Return the scope of an argument. Raises ResourceNotFound unless the action reaches the whole scope."""
    scope = await resolve_scope(context, scope_argument, action)
    if scope is None or not can_act_on(context, action, scope):
        raise scope_not_found()
    return scope


def scope_not_found() -> ResourceNotFound:
    return ResourceNotFound("There is no such scope: give the id of a team, an employee or the company.", field="scope")


async def filter_records_in_scope(
    context: RequestContext, query: RowQuery[Row], field: str, scope_argument: ScopeArgument
) -> RowQuery[Row]:
    """Filter records by scope and by permission to see the employee in `field`."""
    scope = await resolve_scope(context, scope_argument, Action.VIEW_CARD)
    if scope is None:
        return query.none()
    in_scope = scope.key.member_filter(context.tree, field)
    return query.where(context.viewer.scope_filter(Action.VIEW_CARD, field)).where(in_scope)


async def load_scope_rows(context: RequestContext, keys: Collection[ScopeKey]) -> dict[ScopeKey, ScopeRow]:
    """Return the row of each scope; those of one kind are read in one statement unless they are at hand."""
    rows = dict[ScopeKey, ScopeRow]()
    for scope_kind, keys_of_kind in by_kind(keys):
        rows_by_id = await _load_rows(context, scope_kind.row_class, {key.row_id for key in keys_of_kind})
        rows |= {key: rows_by_id[key.row_id] for key in keys_of_kind}
    return rows


async def list_groups(context: RequestContext) -> list[ScopeRow]:
    """Return the groups that the viewer may see: the company first, and each team after its parent."""
    rows = await load_scopes_by_key(context, list_group_keys(context.tree))
    return [row for row in rows if can_see(context, Scope.of_row(row))]


async def load_scopes_by_key(context: RequestContext, keys: Sequence[ScopeKey]) -> list[ScopeRow]:
    """Return the rows of scopes in the order of the keys."""
    rows = await load_scope_rows(context, keys)
    return [rows[key] for key in keys]
